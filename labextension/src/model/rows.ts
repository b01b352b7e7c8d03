/**
 * The rows of tables that somebody looks at: read once, in pages, and kept by deltas since.
 *
 * The server sends deltas while a lease lives. Several views of one table share what is here. A
 * version is the number of a state of the table; a delta says from which one it leads to which, so
 * that one that was missed is noticed, and then the table is read again.
 */
import { UUID } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { StewardApi } from '../api';
import { StewardError } from '../api/errors';
import type { IJob, IRowsDelta, IRowsWatch, IWorker, RowKind } from '../tokens';
import { Frame } from './frame';

type Row = IWorker | IJob;

/** How long a lease lives without being renewed, in seconds, and how often it is (milliseconds). */
const LEASE = 60;
const RENEWAL = { interval: 25_000, backoff: 2, max: 30_000 };

/** A delta may be under way when a lease's answer names its version (milliseconds). */
const LATE = 3_000;

/** A table that does not come to rest is not read more often than this (milliseconds). */
const READ_AGAIN = 2_000;

/** Nor more often than so in a row only because its rows are not as many as it says. */
const READ_AGAIN_TIMES = 3;

/** Rows of one request: a table of a thousand rows is one. */
const PAGE = 1_000;

/** What a row is known by. */
function keyOf(kind: RowKind, row: Row): string {
  return kind === 'workers' ? (row as IWorker).address : (row as IJob).key;
}

/** All tables that are looked at. */
export class RowsHub implements IDisposable {
  constructor(private readonly _api: Pick<StewardApi, 'rows' | 'watch' | 'unwatch'>) {}

  get isDisposed(): boolean {
    return this._disposed;
  }

  watch(id: string, kind: RowKind): IRowsWatch {
    const key = `${kind}:${id}`;
    let table = this._tables.get(key);
    if (!table) {
      table = new Table(this._api, id, kind, () => this._tables.delete(key));
      this._tables.set(key, table);
    }
    return new RowsWatch(table);
  }

  /** A delta has come. */
  apply(delta: IRowsDelta): void {
    this._tables.get(`${delta.kind}:${delta.id}`)?.apply(delta);
  }

  /** Deltas may have been missed: compare versions, or read all again from another server. */
  check(whole: boolean): void {
    for (const table of this._tables.values()) {
      table.check(whole);
    }
  }

  dispose(): void {
    this._disposed = true;
    for (const table of [...this._tables.values()]) {
      table.dispose();
    }
  }

  private readonly _tables = new Map<string, Table>();
  private _disposed = false;
}

/** One view of a table. */
class RowsWatch implements IRowsWatch {
  constructor(private readonly _table: Table) {
    _table.changed.connect(this._onChanged, this);
    _table.retain();
  }

  get rows(): readonly Row[] {
    return this._table.rows;
  }

  get ready(): boolean {
    return this._table.ready;
  }

  get changed(): ISignal<IRowsWatch, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    this._table.changed.disconnect(this._onChanged, this);
    this._table.release();
    Signal.clearData(this);
  }

  private _onChanged(): void {
    this._changed.emit();
  }

  private readonly _changed = new Signal<IRowsWatch, void>(this);
  private _disposed = false;
}

/** A table, whoever looks at it. */
class Table implements IDisposable {
  constructor(
    private readonly _api: Pick<StewardApi, 'rows' | 'watch' | 'unwatch'>,
    private readonly _id: string,
    private readonly _kind: RowKind,
    private readonly _gone: () => void
  ) {
    this._frame = new Frame(() => this._changed.emit());
    this._lease = new Poll<void, unknown>({
      auto: false,
      factory: () => this._renew(),
      frequency: RENEWAL,
      name: `dask-steward:rows:${_kind}`,
      // A lease that a hidden page does not renew runs out; its version then tells what was missed.
      standby: 'when-hidden'
    });
    void this._lease.start();
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get ready(): boolean {
    return this._version !== null;
  }

  get rows(): readonly Row[] {
    if (this._list === null) {
      this._list = [...this._rows.values()];
    }
    return this._list;
  }

  get isDisposed(): boolean {
    return this._lease.isDisposed;
  }

  retain(): void {
    this._views += 1;
  }

  release(): void {
    this._views -= 1;
    if (this._views === 0) {
      this.dispose();
    }
  }

  apply(delta: IRowsDelta): void {
    if (this._reading) {
      this._early.push(delta);
      return;
    }
    if (this._version === null || delta.version <= this._version) {
      return;
    }
    if (delta.since > this._version) {
      this._readAgain();
      return;
    }
    for (const row of delta.changed as unknown as Row[]) {
      this._rows.set(keyOf(this._kind, row), row);
    }
    for (const key of delta.gone) {
      this._rows.delete(key);
    }
    this._version = delta.version;
    this._moved();
    this._count(delta.total);
  }

  check(whole: boolean): void {
    if (whole) {
      this._doubtful = true;
    }
    void this._lease.refresh();
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._lease.dispose();
    this._frame.dispose();
    for (const timer of this._timers) {
      clearTimeout(timer);
    }
    this._timers.clear();
    this._gone();
    // The lease would run out by itself: nobody need hear that this failed.
    this._api.unwatch(this._id, this._kind, this._watcher).catch(() => undefined);
    Signal.clearData(this);
  }

  /** Renew the lease, and read the table where that is due. */
  private async _renew(): Promise<void> {
    try {
      const { version } = await this._api.watch(this._id, this._kind, this._watcher, LEASE);
      if (this.isDisposed) {
        return;
      }
      if (this._version === null || this._doubtful || version < this._version) {
        await this._read(version);
      } else if (version > this._version) {
        this._expect(version);
      }
    } catch (error) {
      if (error instanceof StewardError && (error.status === 404 || error.status === 409)) {
        // The cluster has ended: its last rows stay as they are, and there is nothing to renew.
        void this._lease.stop();
        await this._readLast();
        return;
      }
      throw error;
    }
  }

  /** Read the rows of a cluster that has ended, if it still has any. */
  private async _readLast(): Promise<void> {
    if (this._version !== null) {
      return;
    }
    try {
      await this._read(0);
    } catch {
      this._version = 0;
      this._moved();
    }
  }

  /** Read all pages; what is read now is not older than the version `leased` by the lease before. */
  private async _read(leased: number): Promise<void> {
    this._reading = true;
    this._doubtful = false;
    this._early = [];
    const rows = new Map<string, Row>();
    let version = Infinity;
    let total = 0;
    try {
      for (let offset = 0; ;) {
        const page = await this._api.rows(this._id, this._kind, offset, PAGE);
        for (const row of page.rows) {
          rows.set(keyOf(this._kind, row), row);
        }
        // Pages may be of different states. Deltas hold whole rows, so that all of them since the
        // oldest page can be applied to all pages.
        version = Math.min(version, page.version);
        total = page.total;
        offset += page.rows.length;
        if (page.rows.length === 0 || offset >= total) {
          break;
        }
      }
    } catch (error) {
      this._doubtful = true;
      throw error;
    } finally {
      this._reading = false;
    }
    if (this.isDisposed) {
      return;
    }
    this._rows = rows;
    // Rows that come from the ledger of a cluster that has ended have no version of their own.
    version = Math.max(version, leased);
    this._version = version;
    this._moved();
    if (this._doubtful) {
      // Another server was found while its predecessor's rows were read.
      this._later(READ_AGAIN, () => void this._lease.refresh());
    }
    for (const delta of this._early.splice(0)) {
      this.apply(delta);
    }
    if (this._version === version) {
      this._count(total);
    }
  }

  /**
   * See whether there are as many rows as there should be.
   *
   * A row that went from one page to another between two requests is missing, and no delta tells.
   */
  private _count(total: number): void {
    if (this._rows.size === total) {
      this._unrest = 0;
    } else if (this._unrest < READ_AGAIN_TIMES) {
      this._unrest += 1;
      this._readAgain();
    }
  }

  /** Read again if no delta has led to that version in time. */
  private _expect(version: number): void {
    this._later(LATE, () => {
      if (this._version !== null && this._version < version) {
        this._readAgain();
      }
    });
  }

  private _readAgain(): void {
    if (!this._doubtful) {
      this._doubtful = true;
      this._later(READ_AGAIN, () => void this._lease.refresh());
    }
  }

  private _later(wait: number, run: () => void): void {
    const timer = setTimeout(() => {
      this._timers.delete(timer);
      run();
    }, wait);
    this._timers.add(timer);
  }

  private _moved(): void {
    this._list = null;
    this._frame.request();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _frame: Frame;
  private readonly _lease: Poll<void, unknown>;
  private readonly _timers = new Set<ReturnType<typeof setTimeout>>();
  private readonly _watcher = UUID.uuid4();
  private _doubtful = false;
  private _early: IRowsDelta[] = [];
  private _list: readonly Row[] | null = null;
  private _reading = false;
  private _rows = new Map<string, Row>();
  private _unrest = 0;
  private _version: number | null = null;
  private _views = 0;
}
