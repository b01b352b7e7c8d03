/**
 * A server of Dask Steward for tests of the model: routes that answer what a test says, and a stream
 * of events. What it was asked for is written down.
 */
import { ServerConnection } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';

import type { IEmission } from '../api';
import { status } from './facts';
import type { ICluster, IServerStatus } from '../tokens';

export { cluster, status } from './facts';

export const BASE = 'http://localhost:8888/user/x/';

export interface IAsked {
  method: string;
  /** Below the API's root, with its query but without the part against caches. */
  path: string;
  body: unknown;
  headers: Record<string, string>;
}

type Answer = { status?: number; body?: unknown; text?: string; stream?: ReadableStream };
type Route = (asked: IAsked) => Answer | Promise<Answer>;

/** The server, at the other end of the browser's fetch. */
export class FakeServer {
  constructor() {
    this.on('GET', 'status', () => ({ body: this.status }));
    this.on('GET', 'clusters', () => ({ body: { clusters: [...this.clusters] } }));
    this.on('GET', 'profiles', () => ({ body: { profiles: [], problems: [], systems: [] } }));
    this.on('GET', 'kernelspecs', () => ({ body: { kernelspecs: [] } }));
  }

  /** Nothing answers while it is down. */
  down = false;
  status: IServerStatus = status();
  clusters: ICluster[] = [];
  readonly asked: IAsked[] = [];
  readonly events = new Signal<unknown, IEmission>({});
  readonly failures = new Signal<unknown, Error>({});
  seq = 0;

  on(method: string, path: string, route: Route): void {
    this._routes.set(`${method} ${path}`, route);
  }

  count(method: string, path: string): number {
    return this.asked.filter(a => a.method === method && a.path.split('?')[0] === path).length;
  }

  emit(kind: string, data: Record<string, unknown>): void {
    this.seq += 1;
    this.events.emit({ schema_id: `urn:dask-steward:${kind}:v1`, ...data, seq: this.seq });
  }

  beat(at = Date.now() / 1000): void {
    this.emit('server', { server_id: this.status.server_id, at });
  }

  /** Change a cluster as the server would: its list and the event. */
  change(changed: ICluster): void {
    this.clusters = [...this.clusters.filter(c => c.id !== changed.id), changed];
    this.emit('cluster', { action: 'changed', id: changed.id, cluster: changed });
  }

  remove(id: string): void {
    this.clusters = this.clusters.filter(c => c.id !== id);
    this.emit('cluster', { action: 'removed', id, cluster: null });
  }

  get settings(): ServerConnection.ISettings {
    return ServerConnection.makeSettings({
      baseUrl: BASE,
      appUrl: '',
      token: 'secret',
      Request: FakeRequest as unknown as typeof Request,
      fetch: (request: RequestInfo | URL) => this._fetch(request as unknown as FakeRequest)
    });
  }

  private async _fetch(request: FakeRequest): Promise<Response> {
    const { init } = request;
    if (this.down) {
      throw new TypeError('Failed to fetch');
    }
    if (init.signal?.aborted) {
      throw new DOMException('gone', 'AbortError');
    }
    const root = `${BASE}dask-steward/api/`;
    if (!request.url.startsWith(root)) {
      throw new Error(`not ours: ${request.url}`);
    }
    const asked: IAsked = {
      method: init.method ?? 'GET',
      path: request.url.slice(root.length).replace(/[?&]\d{13}$/, ''),
      body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
      headers: Object.fromEntries(request.headers.entries())
    };
    this.asked.push(asked);
    const route = this._routes.get(`${asked.method} ${asked.path.split('?')[0]}`);
    const answer = route
      ? await route(asked)
      : { status: 404, body: { error: 'NotFound', message: `There is no ${asked.path}.` } };
    const code = answer.status ?? 200;
    const text = answer.text ?? (answer.body === undefined ? '' : JSON.stringify(answer.body));
    return {
      ok: code >= 200 && code < 300,
      status: code,
      statusText: '',
      body: answer.stream ?? null,
      text: () => Promise.resolve(text)
    } as unknown as Response;
  }

  private readonly _routes = new Map<string, Route>();
}

/** jsdom has no Request; this one is as much of it as JupyterLab uses. */
class FakeRequest {
  constructor(
    readonly url: string,
    readonly init: RequestInit
  ) {
    this.headers = new Map(
      Object.entries((init.headers ?? {}) as Record<string, string>)
    ) as FakeRequest['headers'];
    this.headers.append = (name, value) => void this.headers.set(name, value);
  }

  readonly headers: Map<string, string> & { append: (name: string, value: string) => void };
}

/** A body that comes in these pieces, and then ends or breaks. */
export function bodyOf(
  pieces: (string | Uint8Array)[],
  broken = false
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const rest = pieces.map(p => (typeof p === 'string' ? encoder.encode(p) : p));
  const reader = {
    read: async () => {
      const value = rest.shift();
      if (value === undefined && broken) {
        throw new TypeError('network error');
      }
      return { done: value === undefined, value };
    },
    cancel: async () => undefined
  };
  return { getReader: () => reader } as unknown as ReadableStream<Uint8Array>;
}
