import { readEvent, StewardApi, StewardError, UnreachableError } from '../../api';
import { readServerSentEvents } from '../stream';
import type { ILogPart } from '../../tokens';
import { BASE, bodyOf, cluster, FakeServer } from '../../__tests__/fakes';

async function caught(promise: Promise<unknown>): Promise<any> {
  return promise.then(
    () => {
      throw new Error('it should have failed');
    },
    reason => reason
  );
}

async function all<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const part of parts) {
    found.push(part);
  }
  return found;
}

describe('StewardApi', () => {
  let server: FakeServer;
  let api: StewardApi;

  beforeEach(() => {
    server = new FakeServer();
    api = new StewardApi({ serverSettings: server.settings });
  });

  it('asks below the base URL, with the token', async () => {
    server.clusters = [cluster('a')];
    expect(await api.clusters()).toEqual([cluster('a')]);
    expect(server.asked[0]).toMatchObject({ method: 'GET', path: 'clusters' });
    expect(server.asked[0].headers.Authorization).toBe('token secret');
  });

  it('writes ids and names so that they stay one part of the path', async () => {
    await caught(api.connect('../status?x'));
    await caught(api.saveProfile('a/b', {}, true));
    expect(server.asked.map(a => a.path)).toEqual([
      'clusters/..%2Fstatus%3Fx/connect',
      'profiles/a%2Fb'
    ]);
    expect(server.asked[1].body).toEqual({ profile: {}, create: true });
    expect(server.asked[1].headers['Content-Type']).toBe('application/json');
  });

  it('tells the field, the way out and all problems of a refusal', async () => {
    const problems = [{ message: 'no', field: 'size', file: null, line: 3, column: 1 }];
    server.on('PUT', 'profiles/x', () => ({
      status: 400,
      body: { error: 'ProfileError', message: 'Wrong.', field: 'size', hint: 'Do so.', problems }
    }));
    const error = await caught(api.saveProfile('x', {}, false));
    expect(error).toBeInstanceOf(StewardError);
    expect(error).toMatchObject({
      status: 400,
      code: 'ProfileError',
      message: 'Wrong.',
      field: 'size',
      hint: 'Do so.',
      problems
    });
  });

  it('makes a sentence of an answer that is none of the server', async () => {
    server.on('GET', 'held', () => ({ status: 502, text: '<html>Bad gateway</html>' }));
    const error = await caught(api.held());
    expect(error).toBeInstanceOf(StewardError);
    expect(error.status).toBe(502);
    expect(error.message).toContain('502');
    expect(error.message).not.toContain('<');
    server.on('GET', 'held', () => ({ text: '<html>Log in</html>' }));
    expect((await caught(api.held())).code).toBe('NotJSON');
  });

  it('says that nobody answered', async () => {
    server.down = true;
    const error = await caught(api.status());
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toBeInstanceOf(StewardError);
    expect(error.status).toBe(0);
  });

  it('reads an answer without a body', async () => {
    server.on('DELETE', 'clusters/a', () => ({ status: 204 }));
    expect(await api.remove('a')).toBeNull();
  });

  describe('a start', () => {
    beforeEach(() => jest.useFakeTimers());
    afterEach(() => jest.useRealTimers());

    it('is sent again with its key when nobody answered', async () => {
      let times = 0;
      server.on('POST', 'clusters', () => {
        times += 1;
        if (times < 3) {
          throw new TypeError('Failed to fetch');
        }
        return { status: 200, body: cluster('a') };
      });
      const started = api.start({ profile: 'quickstart' }, 'key');
      await jest.advanceTimersByTimeAsync(10_000);
      expect((await started).id).toBe('a');
      expect(server.asked.map(a => a.headers['Idempotency-Key'])).toEqual(['key', 'key', 'key']);
    });

    it('is given up in the end', async () => {
      server.down = true;
      const error = caught(api.start({ profile: 'quickstart' }, 'key'));
      await jest.advanceTimersByTimeAsync(10_000);
      expect(await error).toBeInstanceOf(UnreachableError);
    });

    it('is not sent again when it was refused', async () => {
      server.on('POST', 'clusters', () => ({
        status: 422,
        body: { error: 'Refused', message: 'No such account.' }
      }));
      const error = await caught(api.start({ profile: 'slurm' }, 'key'));
      expect(error.message).toBe('No such account.');
      expect(server.count('POST', 'clusters')).toBe(1);
    });
  });

  it('asks for the end of a log, or for a part of it', async () => {
    server.on('GET', 'clusters/a/logs', () => ({ body: {} }));
    await api.readLog('a', 'job 1', null, 1000);
    await api.readLog('a', 'job 1', 0, 1000);
    expect(server.asked.map(a => a.path)).toEqual([
      'clusters/a/logs?name=job%201&limit=1000',
      'clusters/a/logs?name=job%201&limit=1000&offset=0'
    ]);
  });

  it('follows a log', async () => {
    const part = (offset: number, text: string): ILogPart => ({
      name: 'keeper',
      offset,
      next: offset + text.length,
      size: 9,
      text
    });
    const events = [part(5, 'ab'), part(7, 'cd')].map(p => `data: ${JSON.stringify(p)}\n\n`);
    server.on('GET', 'clusters/a/logs', () => ({
      stream: bodyOf([': beat\n\n', ...events, 'event: end\ndata: {}\n\n'])
    }));
    const found = await all(api.followLog('a', 'keeper', 5, new AbortController().signal));
    expect(found.map(p => p.text)).toEqual(['ab', 'cd']);
    expect(server.asked[0].path).toBe('clusters/a/logs?name=keeper&offset=5&follow=1');
  });

  it.each([true, false])('tells a log that broke off from one that ended', async broken => {
    server.on('GET', 'clusters/a/logs', () => ({ stream: bodyOf([], broken) }));
    const error = await caught(all(api.followLog('a', 'x', 0, new AbortController().signal)));
    expect(error).toBeInstanceOf(UnreachableError);
  });

  it('says that a reader went, which is no failure', async () => {
    const control = new AbortController();
    control.abort();
    const error = await caught(all(api.followLog('a', 'x', 0, control.signal)));
    expect(error.name).toBe('AbortError');
  });

  it('names plots as people do', async () => {
    server.on('GET', 'clusters/a/dashboard/individual-plots.json', () => ({
      body: {
        'Individual Task Stream': '/individual-task-stream',
        'Individual Gpu Memory': '/individual-gpu-memory',
        'Individual Cluster Map': '/individual-cluster-map'
      }
    }));
    expect(await api.plots('a')).toEqual([
      { title: 'Cluster Map', path: 'individual-cluster-map' },
      { title: 'GPU Memory', path: 'individual-gpu-memory' },
      { title: 'Task Stream', path: 'individual-task-stream' }
    ]);
  });

  it('knows where dashboards are', () => {
    const root = `${BASE}dask-steward/api/clusters/a%2F/dashboard/`;
    expect(api.dashboardUrl('a/')).toBe(`${root}status`);
    expect(api.dashboardUrl('a/', '/individual-nbytes')).toBe(`${root}individual-nbytes`);
  });
});

describe('readServerSentEvents', () => {
  it('puts lines together that the network has cut, also within a character', async () => {
    const whole = new TextEncoder().encode(
      'data: grün\ndata: zwei\n\n: alive\n\nevent: end\r\ndata:3\r\n\r\ndata: 4\n\n'
    );
    for (const size of [1, 2, 3, 7, 1000]) {
      const pieces: Uint8Array[] = [];
      for (let i = 0; i < whole.length; i += size) {
        pieces.push(whole.slice(i, i + size));
      }
      expect(await all(readServerSentEvents(bodyOf(pieces)))).toEqual([
        { event: 'message', data: 'grün\nzwei' },
        { event: 'end', data: '3' },
        { event: 'message', data: '4' }
      ]);
    }
  });

  it('leaves out an event that was cut off', async () => {
    const found = await all(readServerSentEvents(bodyOf(['data: 1\n\ndata: {"ha'])));
    expect(found.map(e => e.data)).toEqual(['1']);
  });

  it('lets go of the connection when the reader stops', async () => {
    const body = bodyOf(['data: 1\n\n', 'data: 2\n\n']);
    const cancel = jest.spyOn(body.getReader(), 'cancel');
    for await (const { data } of readServerSentEvents(body)) {
      expect(data).toBe('1');
      break;
    }
    expect(cancel).toHaveBeenCalled();
  });
});

describe('readEvent', () => {
  it('knows our events under either way to write their id', () => {
    for (const id of ['urn:dask-steward:cluster:v1', 'https://x.org/dask-steward/cluster/v1']) {
      expect(
        readEvent({ schema_id: id, action: 'removed', id: 'a', cluster: null, seq: 3 })
      ).toEqual({ kind: 'cluster', action: 'removed', id: 'a', cluster: null, seq: 3 });
    }
  });

  it('leaves those of others alone', () => {
    for (const id of [
      'https://events.jupyter.org/jupyter_server/kernel_actions/v1',
      'urn:dask-steward:cluster:v2',
      'urn:not-dask-steward:cluster:v1'
    ]) {
      expect(readEvent({ schema_id: id })).toBeNull();
    }
  });
});
