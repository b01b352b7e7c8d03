/**
 * The only place where this extension asks the server for anything.
 *
 * One method for each route of the REST interface (docs/reference/rest.md); what comes back is plain
 * data of the shapes in tokens.ts, what goes wrong is a StewardError.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import { isErrorBody, StewardError, UnreachableError } from './api/errors';
import { readServerSentEvents } from './api/stream';
import type {
  IAdapt,
  ICluster,
  IConnect,
  IDiscovery,
  IHeldAnswer,
  IJob,
  IKernelspec,
  ILogPart,
  ILogs,
  IPlot,
  IPreview,
  IProblem,
  IProfile,
  IRows,
  IScale,
  IServerStatus,
  IStart,
  ISweepAnswer,
  ISystemOption,
  IWorker,
  RowKind,
  Tenure
} from './tokens';

export * from './api/errors';
export * from './api/events';

/** Where the routes are, below the server's base URL. */
const ROOT = 'dask-steward/api';

/** How long to wait before a start is sent again that got no answer, in milliseconds. */
const START_AGAIN = [500, 1500];

/** What `GET profiles` answers. */
export interface IProfilesAnswer {
  profiles: IProfile[];
  /** Of files that cannot be read at all, and so are no profile. */
  problems: IProblem[];
  systems: ISystemOption[];
}

/** What may change of a cluster without a change of its size. */
export interface IClusterPatch {
  name?: string;
  tenure?: Tenure;
  kernel_id?: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface IAsk {
  body?: unknown;
  query?: Record<string, string | number>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A part of a path; ids and names come from outside. */
const part = encodeURIComponent;

export class StewardApi {
  constructor(options: StewardApi.IOptions = {}) {
    this.serverSettings = options.serverSettings ?? ServerConnection.makeSettings();
    this._trans = options.trans ?? nullTranslator.load('dask_steward');
  }

  readonly serverSettings: ServerConnection.ISettings;

  // What the server is.

  status(): Promise<IServerStatus> {
    return this._json('GET', 'status');
  }

  async kernelspecs(): Promise<IKernelspec[]> {
    return (await this._json<{ kernelspecs: IKernelspec[] }>('GET', 'kernelspecs')).kernelspecs;
  }

  // Clusters.

  async clusters(): Promise<ICluster[]> {
    return (await this._json<{ clusters: ICluster[] }>('GET', 'clusters')).clusters;
  }

  /**
   * Ask for a cluster.
   *
   * `key` names this very wish: a start that got no answer is sent again with the same key, and the
   * server answers with the cluster that it already made, if it made one.
   */
  async start(body: IStart, key: string): Promise<ICluster> {
    const ask: IAsk = { body, headers: { 'Idempotency-Key': key } };
    for (const wait of START_AGAIN) {
      try {
        return await this._json<ICluster>('POST', 'clusters', ask);
      } catch (error) {
        if (!(error instanceof UnreachableError)) {
          throw error;
        }
        await new Promise(resolve => setTimeout(resolve, wait));
      }
    }
    return this._json('POST', 'clusters', ask);
  }

  patch(id: string, body: IClusterPatch): Promise<ICluster> {
    return this._json('PATCH', `clusters/${part(id)}`, { body });
  }

  /** Stop a living cluster; take an ended one off the list (then there is no answer to read). */
  remove(id: string): Promise<ICluster | null> {
    return this._json('DELETE', `clusters/${part(id)}`);
  }

  scale(id: string, body: IScale): Promise<{ note: string | null; cluster: ICluster }> {
    return this._json('POST', `clusters/${part(id)}/scale`, { body });
  }

  adapt(id: string, body: IAdapt | { active: false; group?: string }): Promise<ICluster> {
    return this._json('POST', `clusters/${part(id)}/adapt`, { body });
  }

  restart(id: string): Promise<ICluster | null> {
    return this._json('POST', `clusters/${part(id)}/restart`, { body: {} });
  }

  retry(id: string): Promise<ICluster> {
    return this._json('POST', `clusters/${part(id)}/retry`, { body: {} });
  }

  connect(id: string): Promise<IConnect> {
    return this._json('GET', `clusters/${part(id)}/connect`);
  }

  // Rows of tables.

  rows(id: string, kind: RowKind, offset: number, limit: number): Promise<IRows<IWorker | IJob>> {
    return this._json('GET', `clusters/${part(id)}/${kind}`, { query: { offset, limit } });
  }

  /** Say that somebody looks; deltas come as events until `seconds` have passed. */
  watch(id: string, kind: RowKind, watcher: string, seconds: number): Promise<{ version: number }> {
    return this._json('POST', `clusters/${part(id)}/watch`, { body: { kind, watcher, seconds } });
  }

  async unwatch(id: string, kind: RowKind, watcher: string): Promise<void> {
    await this._json('DELETE', `clusters/${part(id)}/watch`, { body: { kind, watcher } });
  }

  // Logs.

  logs(id: string): Promise<ILogs> {
    return this._json('GET', `clusters/${part(id)}/logs`);
  }

  /** A part of a log; its last `limit` bytes where there is no offset. */
  readLog(id: string, name: string, offset: number | null, limit: number): Promise<ILogPart> {
    const query: Record<string, string | number> = { name, limit };
    if (offset !== null) {
      query.offset = offset;
    }
    return this._json('GET', `clusters/${part(id)}/logs`, { query });
  }

  /**
   * The parts of a log as they are written, until the cluster has ended.
   *
   * A stream that ends without saying so was cut off, which is an UnreachableError.
   */
  async *followLog(
    id: string,
    name: string,
    offset: number,
    signal: AbortSignal
  ): AsyncGenerator<ILogPart, void, undefined> {
    const response = await this._ask('GET', `clusters/${part(id)}/logs`, {
      query: { name, offset, follow: 1 },
      signal
    });
    const events = readServerSentEvents(response.body as ReadableStream<Uint8Array>);
    try {
      for (;;) {
        const { value, done } = await events.next().catch(() => {
          throw signal.aborted ? aborted(signal) : this._unreachable();
        });
        if (done || !value) {
          throw this._unreachable();
        }
        if (value.event === 'end') {
          return;
        }
        yield JSON.parse(value.data) as ILogPart;
      }
    } finally {
      await events.return();
    }
  }

  // Dashboards.

  /** Dask's pages of single plots. */
  async plots(id: string): Promise<IPlot[]> {
    const found = await this._json<Record<string, string>>(
      'GET',
      `clusters/${part(id)}/dashboard/individual-plots.json`
    );
    return Object.entries(found)
      .map(([title, path]) => ({ title: plotTitle(title), path: path.replace(/^\/+/, '') }))
      .sort((a, b) => a.title.localeCompare(b.title));
  }

  /** Where a page of a dashboard is, behind this server's authentication. */
  dashboardUrl(id: string, path = 'status'): string {
    return URLExt.join(
      this.serverSettings.baseUrl,
      ROOT,
      `clusters/${part(id)}/dashboard`,
      path.replace(/^\/+/, '')
    );
  }

  // Profiles.

  profiles(): Promise<IProfilesAnswer> {
    return this._json('GET', 'profiles');
  }

  schema(system: string): Promise<Record<string, unknown>> {
    return this._json('GET', `profiles/schema/${part(system)}`);
  }

  async validateProfile(name: string, profile: Record<string, unknown>): Promise<IProblem[]> {
    const body = { name, profile };
    return (await this._json<{ problems: IProblem[] }>('POST', 'profiles/validate', { body }))
      .problems;
  }

  saveProfile(name: string, profile: Record<string, unknown>, create: boolean): Promise<IProfile> {
    return this._json('PUT', `profiles/${part(name)}`, { body: { profile, create } });
  }

  saveClusterAsProfile(id: string, name: string): Promise<IProfile> {
    return this._json('POST', `clusters/${part(id)}/profile`, { body: { name } });
  }

  async deleteProfile(name: string): Promise<void> {
    await this._json('DELETE', `profiles/${part(name)}`);
  }

  preview(
    name: string,
    profile: Record<string, unknown> | null,
    testOnly: boolean
  ): Promise<IPreview> {
    const body: Record<string, unknown> = { name, test_only: testOnly };
    if (profile) {
      body.profile = profile;
    }
    return this._json('POST', 'profiles/preview', { body });
  }

  discover(system: string, write: boolean): Promise<IDiscovery> {
    return this._json('POST', 'profiles/discover', { body: { system, write } });
  }

  // What is held.

  held(): Promise<IHeldAnswer> {
    return this._json('GET', 'held');
  }

  sweep(): Promise<ISweepAnswer> {
    return this._json('POST', 'sweep', { body: {} });
  }

  /** The JSON of an answer; null where it has no body. */
  private async _json<T>(method: Method, path: string, ask: IAsk = {}): Promise<T> {
    const response = await this._ask(method, path, ask);
    const text = await this._text(response, ask.signal);
    try {
      return (text ? JSON.parse(text) : null) as T;
    } catch {
      // A proxy or a login page that answers 200 in place of the server.
      throw new StewardError(response.status, {
        error: 'NotJSON',
        message: this._trans.__('The answer to %1 %2 is not JSON; log in again?', method, path)
      });
    }
  }

  /** An answer that is a success; everything else is an error. */
  private async _ask(method: Method, path: string, ask: IAsk): Promise<Response> {
    const { body, query, headers, signal } = ask;
    const url =
      URLExt.join(this.serverSettings.baseUrl, ROOT, path) +
      (query ? URLExt.objectToQueryString(query) : '');
    const init: RequestInit = { method, headers: { ...headers } };
    if (signal) {
      init.signal = signal;
    }
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { ...headers, 'Content-Type': 'application/json' };
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.serverSettings);
    } catch (error) {
      if (signal?.aborted) {
        throw aborted(signal);
      }
      if (error instanceof ServerConnection.NetworkError) {
        throw this._unreachable();
      }
      throw error;
    }
    if (response.ok) {
      return response;
    }
    throw await this._failure(response, signal);
  }

  private async _failure(response: Response, signal?: AbortSignal): Promise<StewardError> {
    const text = await this._text(response, signal);
    try {
      const body: unknown = JSON.parse(text);
      if (isErrorBody(body)) {
        return new StewardError(response.status, body);
      }
    } catch {
      // The page of a proxy, or Jupyter's own: it says no more than the status does.
    }
    return new StewardError(response.status, {
      error: 'HTTPError',
      message: this._trans.__(
        'The server answered %1 (%2).',
        response.status,
        response.statusText || this._trans.__('no reason')
      )
    });
  }

  private async _text(response: Response, signal?: AbortSignal): Promise<string> {
    try {
      return await response.text();
    } catch {
      // The connection went away in the middle of the answer.
      throw signal?.aborted ? aborted(signal) : this._unreachable();
    }
  }

  private _unreachable(): UnreachableError {
    return new UnreachableError(this._trans.__('The Jupyter server does not answer.'));
  }

  private readonly _trans: TranslationBundle;
}

export namespace StewardApi {
  export interface IOptions {
    serverSettings?: ServerConnection.ISettings;
    trans?: TranslationBundle;
  }
}

function aborted(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException('The request was given up.', 'AbortError');
}

/** Dask's `Individual Gpu Memory` as people write it. */
function plotTitle(title: string): string {
  return title
    .replace(/^Individual\s+/i, '')
    .replace(/\.html?$/i, '')
    .replace(/\b(Cpu|Gpu|Rmm)\b/g, word => word.toUpperCase());
}
