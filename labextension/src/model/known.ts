/**
 * What is known of clusters and profiles, and how it is kept true: read when the connection says so,
 * changed by the server's events in between.
 */
import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { type IEmission, readEvent, type StewardApi, UnreachableError } from '../api';
import { clusterOf } from '../facts';
import type {
  IAttachments,
  ICluster,
  IConnection,
  IHeldAnswer,
  IKernelspec,
  IProblem,
  IProfile,
  IServerStatus
} from '../tokens';
import { ClusterStore } from './clusters';
import { Connection } from './connection';
import { Frame } from './frame';
import { ProfileStore } from './profiles';
import { RowsHub } from './rows';
import { hasEnded } from '../view/format';

export class Known implements IDisposable {
  constructor(options: Known.IOptions) {
    this._api = options.api;
    this._trans = options.trans ?? nullTranslator.load('dask_steward');
    this._events = options.events;
    this._failures = options.failures ?? null;
    this._frame = new Frame(() => this._tell());
    this._store = new ClusterStore(() => this._frame.request());
    this._profiles = new ProfileStore(options.api, () => this._profilesChanged.emit());
    this._rows = new RowsHub(options.api);
    this._connection = new Connection(whole => this._read(whole));
    this._connection.changed.connect((_, state) => this._connectionChanged.emit(state));
    this._events.connect(this._onEvent, this);
    this._failures?.connect(this._onFailure, this);
  }

  // What is known.

  get connection(): IConnection {
    return this._connection.state;
  }

  get status(): IServerStatus | null {
    return this._status;
  }

  get readOnly(): boolean {
    return this._status !== null && !this._status.permissions.write;
  }

  get clusters(): readonly ICluster[] {
    return this._store.all;
  }

  get profiles(): readonly IProfile[] {
    return this._profiles.profiles;
  }

  get profileProblems(): readonly IProblem[] {
    return this._profiles.problems;
  }

  get held(): IHeldAnswer | null {
    return this._held;
  }

  get kernelspecs(): readonly IKernelspec[] {
    return this._profiles.kernelspecs;
  }

  get current(): ICluster | null {
    return (
      (this._selected === null ? null : this._store.get(this._selected)) ??
      clusterOf(this._kernel, this.clusters, this._attachments) ??
      this.clusters.find(cluster => !hasEnded(cluster.state)) ??
      null
    );
  }

  get connectionChanged(): ISignal<this, IConnection> {
    return this._connectionChanged;
  }

  get clustersChanged(): ISignal<this, void> {
    return this._clustersChanged;
  }

  get profilesChanged(): ISignal<this, void> {
    return this._profilesChanged;
  }

  get heldChanged(): ISignal<this, void> {
    return this._heldChanged;
  }

  get currentChanged(): ISignal<this, ICluster | null> {
    return this._currentChanged;
  }

  get announced(): ISignal<this, ICluster> {
    return this._announced;
  }

  get started(): ISignal<this, ICluster> {
    return this._started;
  }

  get isDisposed(): boolean {
    return this._connection.isDisposed;
  }

  /** The id of the card that a person has opened. */
  get selected(): string | null {
    return this._selected;
  }

  now(): number {
    return Date.now() / 1000 + this._connection.ahead;
  }

  cluster(id: string): ICluster | null {
    return this._store.get(id);
  }

  // How it is kept true.

  /** Begin to read and to listen. */
  open(): void {
    this._connection.open();
  }

  setKernel(kernelId: string | null): void {
    if (this._kernel !== kernelId) {
      this._kernel = kernelId;
      this._tellCurrent();
    }
  }

  select(id: string | null): void {
    this._selected = id;
    this._tellCurrent();
  }

  useAttachments(attachments: IAttachments): void {
    this._attachments?.changed.disconnect(this._tellCurrent, this);
    this._attachments = attachments;
    attachments.changed.connect(this._tellCurrent, this);
    this._tellCurrent();
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._events.disconnect(this._onEvent, this);
    this._failures?.disconnect(this._onFailure, this);
    this._attachments?.changed.disconnect(this._tellCurrent, this);
    this._connection.dispose();
    this._frame.dispose();
    this._rows.dispose();
    Signal.clearData(this);
  }

  /** Do something, and look at the connection if the server did not answer. */
  protected async _request<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof UnreachableError) {
        this._connection.suspect();
      }
      throw error;
    }
  }

  /** Read what is known again; all of it where the server may be another one. */
  private async _read(whole: boolean): Promise<void> {
    if (whole || this._status === null) {
      const status = await this._api.status();
      this._status = status;
      this._connection.knows(status.server_id);
      this._profiles.forget();
      if (this.connection.state === 'ok') {
        // It stays `ok`, but what a person may do there can be something else.
        this._connectionChanged.emit(this.connection);
      }
    }
    const flight = this._store.begin();
    try {
      this._store.replace(await this._api.clusters(), flight);
    } finally {
      this._store.end(flight);
    }
    // What is known now is told at once, not with the next event.
    this._frame.request();
    this._rows.check(whole);
    if (whole) {
      // Neither is needed to show clusters; what failed is asked for by whoever needs it.
      void this._profiles.refresh().catch(() => undefined);
      void this._profiles.refreshKernelspecs().catch(() => undefined);
    }
  }

  private _onEvent(_: unknown, emission: IEmission): void {
    const event = readEvent(emission);
    if (!event) {
      return;
    }
    switch (event.kind) {
      case 'cluster':
        this._store.tell(event.id, event.action === 'removed' ? null : event.cluster);
        break;
      case 'rows':
        this._rows.apply(event.delta);
        break;
      case 'profiles':
        void this._profiles.refresh().catch(() => undefined);
        break;
      case 'server':
        this._connection.beat(event.server_id, event.at);
        break;
    }
    this._connection.heard(event.seq);
  }

  private _onFailure(): void {
    this._connection.suspect();
  }

  private _tell(): void {
    this._clustersChanged.emit();
    this._tellCurrent();
    for (const cluster of this._store.takeAnnouncements()) {
      this._announced.emit(cluster);
    }
  }

  private _tellCurrent(): void {
    const current = this.current;
    if (current !== this._toldCurrent) {
      this._toldCurrent = current;
      this._currentChanged.emit(current);
    }
  }

  private readonly _announced = new Signal<this, ICluster>(this);
  private readonly _clustersChanged = new Signal<this, void>(this);
  private readonly _connectionChanged = new Signal<this, IConnection>(this);
  private readonly _currentChanged = new Signal<this, ICluster | null>(this);
  protected readonly _heldChanged = new Signal<this, void>(this);
  private readonly _profilesChanged = new Signal<this, void>(this);
  protected readonly _started = new Signal<this, ICluster>(this);

  protected readonly _api: StewardApi;
  protected readonly _connection: Connection;
  private readonly _events: ISignal<unknown, IEmission>;
  private readonly _failures: ISignal<unknown, unknown> | null;
  private readonly _frame: Frame;
  protected readonly _profiles: ProfileStore;
  protected readonly _rows: RowsHub;
  protected readonly _store: ClusterStore;
  protected readonly _trans: TranslationBundle;
  private _attachments: IAttachments | null = null;
  protected _held: IHeldAnswer | null = null;
  /** Of the notebook or console in front. */
  private _kernel: string | null = null;
  private _selected: string | null = null;
  private _status: IServerStatus | null = null;
  private _toldCurrent: ICluster | null = null;
}

export namespace Known {
  export interface IOptions {
    api: StewardApi;
    /** JupyterLab's stream of the server's events. */
    events: ISignal<unknown, IEmission>;
    /** JupyterLab's word that the server does not answer. */
    failures?: ISignal<unknown, unknown>;
    trans?: TranslationBundle;
  }
}
