/**
 * The model of the front end: what it knows (model/known.ts), and what it can ask the server to do.
 */
import { UUID } from '@lumino/coreutils';

import { StewardError } from './api';
import { Known } from './model/known';
import { resumeLog } from './model/logs';
import type {
  IAdapt,
  ICluster,
  IConnect,
  IDiscovery,
  ILogPart,
  ILogs,
  IPlot,
  IPreview,
  IProblem,
  IProfile,
  IRowsWatch,
  IScale,
  IStart,
  IStewardModel,
  ISweepAnswer,
  RowKind,
  Tenure
} from './tokens';
import { hasEnded } from './view/format';

export class StewardModel extends Known implements IStewardModel {
  async refresh(): Promise<void> {
    await this._connection.look();
    if (this.connection.state === 'ok') {
      await Promise.all([this.refreshProfiles(), this._held ? this.refreshHeld() : undefined]);
    }
  }

  // Clusters.

  async start(body: IStart): Promise<ICluster> {
    // One wish, one key, however often it has to be sent.
    const key = UUID.uuid4();
    return this._begun(() => this._api.start(body, key));
  }

  async retry(id: string): Promise<ICluster> {
    return this._begun(() => this._api.retry(id));
  }

  async stop(id: string): Promise<void> {
    const known = this._store.get(id);
    if (known && hasEnded(known.state)) {
      // The server would take it off the list, with what it says about its end.
      return;
    }
    await this._change(() => this._api.remove(id));
  }

  async dismiss(id: string): Promise<void> {
    const known = this._store.get(id);
    if (known && !hasEnded(known.state)) {
      // The server would stop it.
      throw new StewardError(409, {
        error: 'StillRunning',
        message: this._trans.__('“%1” has not ended; stop it first.', known.name),
        cluster: id
      });
    }
    await this._request(() => this._api.remove(id));
    this._store.tell(id, null);
  }

  async scale(id: string, ask: IScale): Promise<string | null> {
    const flight = this._store.begin();
    try {
      const { note, cluster } = await this._request(() => this._api.scale(id, ask));
      this._store.put(cluster, flight);
      return note;
    } finally {
      this._store.end(flight);
    }
  }

  async adapt(id: string, limits: IAdapt | { active: false; group?: string }): Promise<void> {
    await this._change(() => this._api.adapt(id, limits));
  }

  async rename(id: string, name: string): Promise<void> {
    await this._change(() => this._api.patch(id, { name }));
  }

  async setTenure(id: string, tenure: Tenure, kernelId?: string): Promise<void> {
    const patch = kernelId === undefined ? { tenure } : { tenure, kernel_id: kernelId };
    await this._change(() => this._api.patch(id, patch));
  }

  async restartWorkers(id: string): Promise<void> {
    await this._request(() => this._api.restart(id));
  }

  connect(id: string): Promise<IConnect> {
    return this._request(() => this._api.connect(id));
  }

  // Profiles.

  refreshProfiles(): Promise<void> {
    return this._request(() => this._profiles.refresh());
  }

  refreshKernelspecs(): Promise<void> {
    return this._request(() => this._profiles.refreshKernelspecs());
  }

  schema(system: string): Promise<Record<string, unknown>> {
    return this._request(() => this._profiles.schema(system));
  }

  validateProfile(name: string, profile: Record<string, unknown>): Promise<IProblem[]> {
    return this._request(() => this._api.validateProfile(name, profile));
  }

  async saveProfile(
    name: string,
    profile: Record<string, unknown>,
    create: boolean
  ): Promise<IProfile> {
    return this._saved(() => this._api.saveProfile(name, profile, create));
  }

  async saveClusterAsProfile(id: string, name: string): Promise<IProfile> {
    return this._saved(() => this._api.saveClusterAsProfile(id, name));
  }

  async deleteProfile(name: string): Promise<void> {
    await this._saved(() => this._api.deleteProfile(name));
  }

  preview(
    name: string,
    profile: Record<string, unknown> | null,
    testOnly: boolean
  ): Promise<IPreview> {
    return this._request(() => this._api.preview(name, profile, testOnly));
  }

  async discover(system: string, write: boolean): Promise<IDiscovery> {
    const ask = () => this._api.discover(system, write);
    return write ? this._saved(ask) : this._request(ask);
  }

  // What is held.

  async refreshHeld(): Promise<void> {
    this._held = await this._request(() => this._api.held());
    this._heldChanged.emit();
  }

  async sweep(): Promise<ISweepAnswer> {
    const answer = await this._request(() => this._api.sweep());
    await this.refreshHeld();
    return answer;
  }

  // Logs, rows, dashboards.

  logs(id: string): Promise<ILogs> {
    return this._request(() => this._api.logs(id));
  }

  readLog(id: string, name: string, offset: number | null, limit: number): Promise<ILogPart> {
    return this._request(() => this._api.readLog(id, name, offset, limit));
  }

  followLog(
    id: string,
    name: string,
    offset: number,
    signal: AbortSignal
  ): AsyncIterable<ILogPart> {
    return resumeLog(from => this._api.followLog(id, name, from, signal), offset, signal);
  }

  watchRows(id: string, kind: RowKind): IRowsWatch {
    return this._rows.watch(id, kind);
  }

  plots(id: string): Promise<IPlot[]> {
    return this._request(() => this._api.plots(id));
  }

  dashboardUrl(id: string, path?: string): string {
    return this._api.dashboardUrl(id, path);
  }

  /** Do something whose answer is a cluster. */
  private async _change<T extends ICluster | null>(ask: () => Promise<T>): Promise<T> {
    const flight = this._store.begin();
    try {
      const cluster = await this._request(ask);
      if (cluster) {
        this._store.put(cluster, flight);
      }
      return cluster;
    } finally {
      this._store.end(flight);
    }
  }

  /** Start a cluster: the card that is new is the one that is open. */
  private async _begun(ask: () => Promise<ICluster>): Promise<ICluster> {
    const cluster = await this._change(ask);
    this._started.emit(cluster);
    this.select(cluster.id);
    return cluster;
  }

  /** Write profiles, and show at once what is there now. */
  private async _saved<T>(ask: () => Promise<T>): Promise<T> {
    const answer = await this._request(ask);
    await this._profiles.refresh().catch(() => undefined);
    return answer;
  }
}
