import { StewardApi } from '../../api';
import { StewardModel } from '../../model';
import type { ICluster, IConnection } from '../../tokens';
import { cluster, FakeServer, status } from '../../__tests__/fakes';

/** Time enough for requests and one frame. */
const SOON = 300;

describe('StewardModel', () => {
  let server: FakeServer;
  let model: StewardModel;

  beforeEach(() => {
    jest.useFakeTimers();
    jest.setSystemTime(1_000_000_000);
    server = new FakeServer();
    model = new StewardModel({
      api: new StewardApi({ serverSettings: server.settings }),
      events: server.events,
      failures: server.failures
    });
  });

  afterEach(() => {
    model.dispose();
    jest.useRealTimers();
  });

  const pass = (milliseconds: number = SOON) => jest.advanceTimersByTimeAsync(milliseconds);

  /** Let time pass while the server beats. */
  async function beating(milliseconds: number): Promise<void> {
    for (let gone = 0; gone < milliseconds; gone += 5000) {
      server.beat();
      await pass(5000);
    }
  }

  /** A model that has read and hears. */
  async function opened(...clusters: ICluster[]): Promise<void> {
    server.clusters = clusters;
    model.open();
    await pass();
    server.beat();
    await pass();
  }

  const ids = () => model.clusters.map(c => c.id);
  const reads = () => server.count('GET', 'clusters');

  describe('the connection', () => {
    it('reads once, and once more when the stream is first heard', async () => {
      const states: IConnection['state'][] = [];
      model.connectionChanged.connect((_, c) => states.push(c.state));
      expect(model.connection.state).toBe('connecting');
      server.clusters = [cluster('a')];
      model.open();
      await pass();
      expect(states).toEqual(['ok']);
      expect(ids()).toEqual(['a']);
      expect(model.status?.server_id).toBe('first');
      expect(reads()).toBe(1);
      // It came into being before the stream was open, so that no event told of it.
      server.clusters = [cluster('a'), cluster('b')];
      server.beat();
      await pass();
      expect(reads()).toBe(2);
      expect(ids()).toEqual(['a', 'b']);
    });

    it('asks for nothing while nothing happens', async () => {
      await opened(cluster('a'));
      const before = server.asked.length;
      await beating(2 * 60_000);
      expect(server.asked.length).toBe(before);
      expect(model.connection.state).toBe('ok');
    });

    it('reads again after a gap in the numbers of the events', async () => {
      await opened(cluster('a'));
      const before = reads();
      server.seq += 1;
      server.clusters = [cluster('a', { name: 'missed' })];
      server.beat();
      await pass();
      expect(reads()).toBe(before + 1);
      expect(model.cluster('a')?.name).toBe('missed');
    });

    it('asks once after a beat that is late, and goes on as before when the next one comes', async () => {
      await opened(cluster('a'));
      const before = reads();
      await pass(6_000);
      expect(reads()).toBe(before);
      await pass(4_000);
      expect(reads()).toBe(before + 1);
      await beating(30_000);
      expect(reads()).toBe(before + 1);
    });

    it('reads again after 12 s of silence, and keeps reading until it hears', async () => {
      await opened(cluster('a'));
      await pass(11_500);
      const before = reads();
      server.clusters = [cluster('a'), cluster('b')];
      await pass(1_000);
      expect(reads()).toBe(before + 1);
      expect(ids()).toEqual(['a', 'b']);
      expect(model.connection.state).toBe('ok');
      server.clusters = [cluster('b')];
      await pass(3_000);
      expect(ids()).toEqual(['b']);
      server.beat();
      await pass();
      const heard = reads();
      await beating(30_000);
      expect(reads()).toBe(heard);
    });

    it('is lost when the server is, keeps what it knew, and recovers by itself', async () => {
      await opened(cluster('a'));
      await beating(5_000);
      const heard = Date.now() / 1000;
      server.down = true;
      // Two seconds after the beat that did not come.
      await pass(2_000);
      expect(model.connection.state).toBe('lost');
      expect(model.connection.message).toContain('does not answer');
      // Facts are as old as the last beat.
      expect(Math.abs(model.connection.since - heard)).toBeLessThan(6);
      expect(ids()).toEqual(['a']);
      const since = model.connection.since;
      await pass(60_000);
      expect(model.connection.since).toBe(since);

      server.down = false;
      server.status = status({
        server_id: 'second',
        permissions: { write: false, execute: false }
      });
      server.clusters = [cluster('b', { tenure: 'detached' })];
      await pass(9_000);
      expect(model.connection.state).toBe('ok');
      expect(ids()).toEqual(['b']);
      expect(model.status?.server_id).toBe('second');
      expect(model.readOnly).toBe(true);
    });

    it('asks a dead server ever more rarely, but not too rarely', async () => {
      await opened();
      server.down = true;
      server.failures.emit(new Error('no'));
      await pass();
      expect(model.connection.state).toBe('lost');
      const fetch = jest.spyOn(model as any, '_read');
      await pass(60_000);
      const tries = fetch.mock.calls.length;
      expect(tries).toBeGreaterThanOrEqual(6);
      expect(tries).toBeLessThan(40);
    });

    it('looks at once when JupyterLab or a request of its own gets no answer', async () => {
      await opened();
      server.down = true;
      server.failures.emit(new Error('no'));
      await pass();
      expect(model.connection.state).toBe('lost');
      server.down = false;
      await pass(5_000);
      server.beat();
      await pass();
      expect(model.connection.state).toBe('ok');

      server.down = true;
      await expect(model.rename('a', 'b')).rejects.toThrow('does not answer');
      await pass();
      expect(model.connection.state).toBe('lost');
    });

    it('looks at once when the network comes or goes, and not once it is disposed', async () => {
      await opened();
      const before = reads();
      // A server of this host is still there.
      window.dispatchEvent(new Event('offline'));
      await pass();
      expect(reads()).toBe(before + 1);
      expect(model.connection.state).toBe('ok');
      server.down = true;
      window.dispatchEvent(new Event('offline'));
      await pass();
      expect(model.connection.state).toBe('lost');
      server.down = false;
      window.dispatchEvent(new Event('online'));
      await pass();
      expect(model.connection.state).toBe('ok');

      const asked = server.asked.length;
      model.dispose();
      window.dispatchEvent(new Event('offline'));
      await pass();
      expect(server.asked.length).toBe(asked);
    });

    it('looks at once when it hears again', async () => {
      await opened();
      server.down = true;
      server.failures.emit(new Error('no'));
      await pass(60_000);
      server.down = false;
      server.beat();
      await pass();
      expect(model.connection.state).toBe('ok');
    });

    it('reads everything again from another server, also when it never seemed away', async () => {
      await opened(cluster('a'));
      const signals = jest.fn();
      model.connectionChanged.connect(signals);
      server.status = status({
        server_id: 'second',
        permissions: { write: false, execute: false }
      });
      server.clusters = [];
      server.seq = 0;
      server.beat();
      await pass();
      expect(model.status?.server_id).toBe('second');
      expect(model.readOnly).toBe(true);
      expect(ids()).toEqual([]);
      expect(signals).toHaveBeenCalled();
      expect(server.count('GET', 'profiles')).toBe(2);
    });

    it('knows a server without Dask Steward, and does not go on asking it', async () => {
      server.on('GET', 'status', () => ({ status: 404, text: '<html>' }));
      model.open();
      await pass();
      expect(model.connection.state).toBe('missing');
      const before = server.asked.length;
      await pass(120_000);
      expect(server.asked.length).toBe(before);
      // The server was started again, with it.
      server.on('GET', 'status', () => ({ body: server.status }));
      server.failures.emit(new Error('gone for a moment'));
      await pass();
      expect(model.connection.state).toBe('ok');
    });

    it('knows the clock of the server', async () => {
      await opened();
      server.beat(Date.now() / 1000 + 100);
      expect(model.now()).toBeCloseTo(Date.now() / 1000 + 100, 3);
    });

    it('reads on request, and does not fail when it cannot', async () => {
      await opened();
      const before = reads();
      const refreshed = model.refresh();
      await pass();
      await refreshed;
      expect(reads()).toBe(before + 1);
      expect(server.count('GET', 'profiles')).toBe(2);
      server.down = true;
      const failed = model.refresh();
      await pass();
      await failed;
      expect(model.connection.state).toBe('lost');
    });
  });

  describe('clusters', () => {
    it('come and go by events, without a request', async () => {
      await opened(cluster('a'));
      const before = server.asked.length;
      server.change(cluster('b', { created: 200 }));
      await pass();
      expect(ids()).toEqual(['b', 'a']);
      server.remove('a');
      await pass();
      expect(ids()).toEqual(['b']);
      expect(server.asked.length).toBe(before);
    });

    it('are in order: living ones first, then the youngest', async () => {
      await opened(
        cluster('old', { created: 1 }),
        cluster('failed', { created: 9, state: 'failed' }),
        cluster('young', { created: 5 }),
        cluster('lost', { created: 7, state: 'lost' })
      );
      expect(ids()).toEqual(['young', 'old', 'failed', 'lost']);
    });

    it('tell of many changes once in a frame', async () => {
      await opened();
      const changed = jest.fn();
      model.clustersChanged.connect(changed);
      for (let i = 0; i < 50; i++) {
        server.change(cluster(`c${i}`));
      }
      expect(model.clusters).toHaveLength(50);
      await pass();
      expect(changed).toHaveBeenCalledTimes(1);
      const list = model.clusters;
      server.change(cluster('c7'));
      await pass();
      expect(changed).toHaveBeenCalledTimes(1);
      expect(model.clusters).toBe(list);
    });

    it('tell of changes in a hidden page, too, which has no frames', async () => {
      await opened();
      const frames = jest.spyOn(window, 'requestAnimationFrame').mockImplementation(() => 0);
      const changed = jest.fn();
      model.clustersChanged.connect(changed);
      server.change(cluster('a'));
      await pass(1000);
      expect(changed).toHaveBeenCalledTimes(1);
      frames.mockRestore();
    });

    it('keep what an event said while an older list was under way', async () => {
      await opened(cluster('a', { seen: 100 }), cluster('gone', { seen: 100 }));
      let answer: () => void = () => undefined;
      const old = [cluster('a', { seen: 100, reason: 'old' }), cluster('gone', { seen: 100 })];
      server.on('GET', 'clusters', async () => {
        await new Promise<void>(resolve => {
          answer = resolve;
        });
        return { body: { clusters: old } };
      });
      server.failures.emit(new Error('look'));
      await pass();
      server.change(cluster('a', { seen: 101, reason: 'new' }));
      server.change(cluster('young', { seen: 101 }));
      server.remove('gone');
      answer();
      await pass();
      expect(model.cluster('a')?.reason).toBe('new');
      expect(ids().sort()).toEqual(['a', 'young']);
    });

    it('take what a list says that is newer than an event', async () => {
      await opened(cluster('a', { seen: 100 }));
      let answer: () => void = () => undefined;
      server.on('GET', 'clusters', async () => {
        await new Promise<void>(resolve => {
          answer = resolve;
        });
        return { body: { clusters: [cluster('a', { seen: 105, reason: 'newest' })] } };
      });
      server.failures.emit(new Error('look'));
      await pass();
      server.change(cluster('a', { seen: 101, reason: 'new' }));
      answer();
      await pass();
      expect(model.cluster('a')?.reason).toBe('newest');
    });

    it('are announced when their state changes, but not when the page is opened', async () => {
      const heard: string[] = [];
      model.announced.connect((_, c) => heard.push(`${c.id} ${c.state}`));
      await opened(cluster('a'));
      server.change(cluster('a', { threads: 9 }));
      await pass();
      expect(heard).toEqual([]);
      server.change(cluster('a', { state: 'degraded' }));
      server.change(cluster('a', { state: 'running', threads: 10 }));
      server.change(cluster('b', { state: 'starting' }));
      await pass();
      server.change(cluster('b', { state: 'failed', reason: 'refused' }));
      await pass();
      expect(heard).toEqual(['a running', 'b starting', 'b failed']);
    });
  });

  describe('the current cluster', () => {
    it('is the one selected, else that of the kernel, else the newest living one', async () => {
      await opened(
        cluster('a', { created: 1 }),
        cluster('k', { created: 2, owner: { kind: 'kernel', pid: 1, host: 'h', kernel_id: 'K' } }),
        cluster('n', { created: 3 }),
        cluster('f', { created: 4, state: 'failed' })
      );
      const heard: (string | undefined)[] = [];
      model.currentChanged.connect((_, c) => heard.push(c?.id));
      expect(model.current?.id).toBe('n');
      model.setKernel('K');
      model.select('a');
      model.select('f');
      server.remove('f');
      await pass();
      model.select(null);
      model.setKernel('other');
      server.clusters = [];
      server.remove('n');
      server.remove('k');
      server.remove('a');
      await pass();
      expect(heard).toEqual(['k', 'a', 'f', 'k', 'n', undefined]);
      expect(model.current).toBeNull();
    });
  });

  describe('what it does', () => {
    it('shows a start at once, opens its card and says that this page asked for it', async () => {
      await opened(cluster('a'));
      server.on('POST', 'clusters', () => ({
        status: 202,
        body: cluster('new', { state: 'starting', created: 300 })
      }));
      const started: string[] = [];
      model.started.connect((_, c) => started.push(c.id));
      await model.start({ profile: 'quickstart', name: 'mine' });
      expect(model.current?.id).toBe('new');
      expect(started).toEqual(['new']);
      const asked = server.asked[server.asked.length - 1];
      expect(asked.body).toEqual({ profile: 'quickstart', name: 'mine' });
      expect(asked.headers['Idempotency-Key']).toMatch(/^[0-9a-f-]{36}$/);
      await model.start({ profile: 'quickstart' });
      const keys = server.asked.map(a => a.headers['Idempotency-Key']).filter(Boolean);
      expect(new Set(keys).size).toBe(2);
    });

    it('keeps the event when it is newer than the answer to what was asked', async () => {
      await opened(cluster('a', { seen: 100 }));
      server.on('DELETE', 'clusters/a', () => {
        server.change(cluster('a', { state: 'stopped', seen: 102 }));
        return { status: 202, body: cluster('a', { state: 'stopping', seen: 101 }) };
      });
      await model.stop('a');
      expect(model.cluster('a')?.state).toBe('stopped');
    });

    it('neither stops what has ended nor dismisses what lives', async () => {
      await opened(cluster('a'), cluster('f', { state: 'failed' }));
      server.on('DELETE', 'clusters/f', () => ({ status: 204 }));
      await model.stop('f');
      await expect(model.dismiss('a')).rejects.toThrow('“name of a”');
      expect(server.count('DELETE', 'clusters/f')).toBe(0);
      expect(server.count('DELETE', 'clusters/a')).toBe(0);
      await model.dismiss('f');
      expect(ids()).toEqual(['a']);
    });

    it('scales and gives back what the server notes', async () => {
      await opened(cluster('a'));
      const workers = { asked: 5, queued: 3, running: 2, lost: 0 };
      server.on('POST', 'clusters/a/scale', () => ({
        body: { note: 'at most 5', cluster: cluster('a', { workers }) }
      }));
      expect(await model.scale('a', { workers: 9 })).toBe('at most 5');
      expect(model.cluster('a')?.workers).toEqual(workers);
    });

    it('reads profiles again after one was saved, and when files have changed', async () => {
      await opened();
      const read = () => server.count('GET', 'profiles');
      const before = read();
      server.on('PUT', 'profiles/x', () => ({ status: 201, body: { name: 'x' } }));
      const changed = jest.fn();
      model.profilesChanged.connect(changed);
      await model.saveProfile('x', { system: 'local' }, true);
      expect(read()).toBe(before + 1);
      expect(changed).toHaveBeenCalledTimes(1);
      server.emit('profiles', { names: ['x'] });
      await pass();
      expect(read()).toBe(before + 2);
    });

    it('asks for the schema of a system once, unless that failed', async () => {
      await opened();
      let times = 0;
      server.on('GET', 'profiles/schema/slurm', () => {
        times += 1;
        return times === 1
          ? { status: 503, body: { error: 'Unreachable', message: 'later' } }
          : { body: { type: 'object' } };
      });
      await expect(model.schema('slurm')).rejects.toThrow('later');
      expect(await model.schema('slurm')).toEqual({ type: 'object' });
      expect(await model.schema('slurm')).toEqual({ type: 'object' });
      expect(times).toBe(2);
    });

    it('shows what is held after a sweep', async () => {
      await opened();
      server.on('POST', 'sweep', () => ({
        body: { released: [], ended: [], left: [], removed: 0 }
      }));
      server.on('GET', 'held', () => ({
        body: { things: [], core_seconds_today: 7, problems: [] }
      }));
      const changed = jest.fn();
      model.heldChanged.connect(changed);
      await model.sweep();
      expect(model.held?.core_seconds_today).toBe(7);
      expect(changed).toHaveBeenCalledTimes(1);
    });

    it('goes on with a log where it broke off', async () => {
      await opened();
      const part = (offset: number) => ({
        name: 'k',
        offset,
        next: offset + 5,
        size: 9,
        text: '.'
      });
      const data = (offset: number) => `data: ${JSON.stringify(part(offset))}\n\n`;
      const { bodyOf } = await import('../../__tests__/fakes');
      let times = 0;
      server.on('GET', 'clusters/a/logs', () => {
        times += 1;
        if (times === 2) {
          throw new TypeError('Failed to fetch');
        }
        return times === 1
          ? { stream: bodyOf([data(0), data(5), 'data: {"cut'], true) }
          : { stream: bodyOf([data(10), 'event: end\ndata: {}\n\n']) };
      });
      const offsets: number[] = [];
      const done = (async () => {
        for await (const p of model.followLog('a', 'k', 0, new AbortController().signal)) {
          offsets.push(p.offset);
        }
      })();
      await pass(20_000);
      await done;
      expect(offsets).toEqual([0, 5, 10]);
      const asked = server.asked.filter(a => a.path.startsWith('clusters/a/logs'));
      expect(asked.map(a => /offset=(\d+)/.exec(a.path)?.[1])).toEqual(['0', '10', '10']);
    });

    it('stops following a log when the reader goes while it waits', async () => {
      await opened();
      server.on('GET', 'clusters/a/logs', () => {
        throw new TypeError('Failed to fetch');
      });
      const control = new AbortController();
      const done = (async () => {
        for await (const p of model.followLog('a', 'k', 0, control.signal)) {
          expect(p).toBeUndefined();
        }
      })();
      await pass(100);
      control.abort();
      await done;
    });
  });

  it('is silent once it is disposed', async () => {
    await opened(cluster('a'));
    const changed = jest.fn();
    model.clustersChanged.connect(changed);
    model.connectionChanged.connect(changed);
    model.dispose();
    const before = server.asked.length;
    server.change(cluster('b'));
    server.failures.emit(new Error('no'));
    await pass(60_000);
    expect(changed).not.toHaveBeenCalled();
    expect(server.asked.length).toBe(before);
  });
});
