import { StewardApi } from '../../api';
import { RowsHub } from '../rows';
import type { IRowsDelta, IRowsWatch, IWorker } from '../../tokens';
import { FakeServer } from '../../__tests__/fakes';

const SOON = 300;

function worker(address: string, memory = 0): IWorker {
  return {
    address,
    name: address,
    job: null,
    host: 'here',
    status: 'running',
    threads: 1,
    cpu: 0,
    memory,
    memory_limit: 1,
    spilled: 0,
    unmanaged: 0,
    processing: 0,
    executing: 0,
    stored: 0
  };
}

/** A table at the server: rows, their version, and leases. */
class Table {
  constructor(readonly server: FakeServer) {
    server.on('POST', 'clusters/a/watch', asked => {
      this.leases.push(asked.body as { watcher: string; seconds: number });
      return { body: { version: this.version } };
    });
    server.on('DELETE', 'clusters/a/watch', asked => {
      this.released.push(asked.body as { watcher: string });
      return { status: 204 };
    });
    server.on('GET', 'clusters/a/workers', asked => {
      const query = new URLSearchParams(asked.path.split('?')[1]);
      const offset = Number(query.get('offset'));
      const rows = this.rows.slice(
        offset,
        offset + Math.min(this.most, Number(query.get('limit')))
      );
      const page = { version: this.version, total: this.rows.length, offset, rows };
      this.between();
      return { body: page };
    });
  }

  rows: IWorker[] = [];
  version = 1;
  most = 10_000;
  readonly leases: { watcher: string; seconds: number }[] = [];
  readonly released: { watcher: string }[] = [];
  /** What happens right after a page was made. */
  between: () => void = () => undefined;

  get reads(): number {
    return this.server.count('GET', 'clusters/a/workers');
  }

  /** Change the table, and return the delta. */
  change(changed: IWorker[], gone: string[] = [], steps = 1): IRowsDelta {
    const since = this.version;
    const rows = new Map(this.rows.map(r => [r.address, r]));
    changed.forEach(r => rows.set(r.address, r));
    gone.forEach(key => rows.delete(key));
    this.rows = [...rows.values()];
    this.version += steps;
    return {
      id: 'a',
      kind: 'workers',
      since,
      version: this.version,
      total: this.rows.length,
      changed: changed as unknown as Record<string, unknown>[],
      gone
    };
  }
}

describe('RowsHub', () => {
  let table: Table;
  let hub: RowsHub;

  beforeEach(() => {
    jest.useFakeTimers();
    const server = new FakeServer();
    table = new Table(server);
    hub = new RowsHub(new StewardApi({ serverSettings: server.settings }));
  });

  afterEach(() => {
    hub.dispose();
    jest.useRealTimers();
  });

  const pass = (milliseconds: number = SOON) => jest.advanceTimersByTimeAsync(milliseconds);

  const addresses = (watch: IRowsWatch) => watch.rows.map(r => (r as IWorker).address);

  const same = (watch: IRowsWatch) => {
    const sort = (rows: readonly unknown[]) =>
      [...(rows as IWorker[])].sort((a, b) => a.address.localeCompare(b.address));
    expect(sort(watch.rows)).toEqual(sort(table.rows));
  };

  it('reads a table of a thousand rows with one request, and then nothing', async () => {
    table.rows = Array.from({ length: 1000 }, (_, i) => worker(`w${i}`));
    const watch = hub.watch('a', 'workers');
    expect(watch.ready).toBe(false);
    const changed = jest.fn();
    watch.changed.connect(changed);
    await pass();
    expect(watch.ready).toBe(true);
    expect(watch.rows).toHaveLength(1000);
    expect(changed).toHaveBeenCalledTimes(1);
    hub.apply(table.change([worker('w7', 5)]));
    hub.apply(table.change([worker('new')], ['w3']));
    await pass();
    expect(changed).toHaveBeenCalledTimes(2);
    same(watch);
    expect(table.reads).toBe(1);
  });

  it('gives the same array until something changes', async () => {
    table.rows = [worker('a')];
    const watch = hub.watch('a', 'workers');
    await pass();
    const before = watch.rows;
    expect(watch.rows).toBe(before);
    hub.apply(table.change([worker('a', 1)]));
    expect(watch.rows).not.toBe(before);
    expect(before).toEqual([worker('a')]);
  });

  it('reads in pages, and applies what changed between them', async () => {
    table.rows = Array.from({ length: 25 }, (_, i) => worker(`w${i}`));
    table.most = 10;
    let page = 0;
    table.between = () => {
      page += 1;
      if (page === 1) {
        // An early row changes, and a late one that the next page already shows as it is.
        hub.apply(table.change([worker('w2', 7), worker('w22', 7)]));
      }
    };
    const watch = hub.watch('a', 'workers');
    await pass();
    expect(table.reads).toBe(3);
    same(watch);
  });

  it('reads again when a row slipped from one page to the one before', async () => {
    table.rows = Array.from({ length: 20 }, (_, i) => worker(`w${i}`));
    table.most = 10;
    let page = 0;
    table.between = () => {
      page += 1;
      if (page === 1) {
        // Row 10 moves up into the page that was read: no page and no delta has it.
        hub.apply(table.change([], ['w0']));
      }
    };
    const watch = hub.watch('a', 'workers');
    await pass();
    expect(addresses(watch)).not.toContain('w10');
    await pass(3_000);
    same(watch);
  });

  it('takes a delta that covers several versions, and leaves out old ones', async () => {
    table.rows = [worker('a'), worker('b')];
    const watch = hub.watch('a', 'workers');
    await pass();
    const first = table.change([worker('a', 1)], [], 3);
    hub.apply(first);
    const second = table.change([worker('a', 2)]);
    hub.apply(second);
    hub.apply(first);
    expect((watch.rows[0] as IWorker).memory).toBe(2);
    await pass(10_000);
    expect(table.reads).toBe(1);
  });

  it('reads again after a delta that was missed', async () => {
    table.rows = [worker('a'), worker('b')];
    const watch = hub.watch('a', 'workers');
    await pass();
    table.change([worker('a', 1)]);
    hub.apply(table.change([worker('b', 2)]));
    await pass(3_000);
    expect(table.reads).toBe(2);
    same(watch);
  });

  it('finds by its lease that the last delta was missed', async () => {
    table.rows = [worker('a')];
    const watch = hub.watch('a', 'workers');
    await pass();
    table.change([worker('a', 1)]);
    await pass(35_000);
    same(watch);
    expect(table.reads).toBe(2);
  });

  it('waits for the delta of a version that the lease names', async () => {
    table.rows = [worker('a')];
    const watch = hub.watch('a', 'workers');
    await pass();
    const late = table.change([worker('a', 1)]);
    await pass(25_000);
    hub.apply(late);
    await pass(10_000);
    same(watch);
    expect(table.reads).toBe(1);
  });

  it('does not read for ever where the number of rows is never right', async () => {
    table.rows = [worker('a'), worker('a')];
    hub.watch('a', 'workers');
    await pass(120_000);
    expect(table.reads).toBeLessThanOrEqual(4);
  });

  it('renews its lease well before it runs out', async () => {
    hub.watch('a', 'workers');
    await pass(120_000);
    expect(table.leases.length).toBeGreaterThanOrEqual(4);
    expect(table.leases.length).toBeLessThanOrEqual(7);
    expect(new Set(table.leases.map(l => l.watcher)).size).toBe(1);
    expect(table.leases[0].seconds).toBe(60);
  });

  it('is shared by views, and let go with the last of them', async () => {
    table.rows = [worker('a')];
    const one = hub.watch('a', 'workers');
    const two = hub.watch('a', 'workers');
    await pass();
    expect(table.reads).toBe(1);
    expect(two.rows).toBe(one.rows);
    one.dispose();
    one.dispose();
    await pass();
    expect(table.released).toEqual([]);
    const changed = jest.fn();
    two.changed.connect(changed);
    hub.apply(table.change([worker('b')]));
    await pass();
    expect(changed).toHaveBeenCalledTimes(1);
    two.dispose();
    await pass();
    expect(table.released.map(r => r.watcher)).toEqual([table.leases[0].watcher]);
    const leases = table.leases.length;
    await pass(120_000);
    expect(table.leases.length).toBe(leases);
    // A view that opens later begins anew.
    const three = hub.watch('a', 'workers');
    expect(three.ready).toBe(false);
    await pass();
    same(three);
  });

  it('reads all again from another server, whose versions begin anew', async () => {
    table.rows = [worker('a')];
    table.version = 50;
    const watch = hub.watch('a', 'workers');
    await pass();
    table.rows = [worker('b')];
    table.version = 50;
    hub.check(true);
    await pass();
    same(watch);
    table.rows = [worker('c')];
    table.version = 1;
    hub.check(false);
    await pass();
    same(watch);
  });

  it('does not take rows without a version for old ones', async () => {
    table.rows = [worker('a')];
    table.version = 50;
    table.server.on('GET', 'clusters/a/workers', () => ({
      body: { version: 0, total: 1, offset: 0, rows: table.rows }
    }));
    const watch = hub.watch('a', 'workers');
    await pass(120_000);
    expect(table.reads).toBe(1);
    hub.apply(table.change([worker('a', 3)]));
    same(watch);
  });

  it('tries again when the keeper does not answer', async () => {
    let down = true;
    table.server.on('POST', 'clusters/a/watch', () =>
      down
        ? { status: 503, body: { error: 'Unreachable', message: 'no' } }
        : { body: { version: table.version } }
    );
    table.rows = [worker('a')];
    const watch = hub.watch('a', 'workers');
    await pass(20_000);
    expect(watch.ready).toBe(false);
    down = false;
    await pass(35_000);
    same(watch);
  });

  it('keeps the last rows of a cluster that has ended, and asks no more', async () => {
    table.rows = [worker('a')];
    const watch = hub.watch('a', 'workers');
    await pass();
    table.server.on('POST', 'clusters/a/watch', () => ({
      status: 409,
      body: { error: 'Ended', message: 'It has ended.' }
    }));
    await pass(60_000);
    const before = table.server.asked.length;
    await pass(120_000);
    expect(table.server.asked.length).toBe(before);
    expect(addresses(watch)).toEqual(['a']);
  });

  it('is ready without rows where an ended cluster has none', async () => {
    table.server.on('POST', 'clusters/z/watch', () => ({
      status: 404,
      body: { error: 'NotFound', message: 'There is none.' }
    }));
    const watch = hub.watch('z', 'workers');
    await pass();
    expect(watch.ready).toBe(true);
    expect(watch.rows).toEqual([]);
  });
});
