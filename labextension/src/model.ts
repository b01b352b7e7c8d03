/**
 * What the front end knows of clusters and profiles, kept true by the server's events.
 *
 * The parts are in model/: clusters, rows of tables, profiles, and the connection that says when what
 * is known has to be read again. Here they are put together, and asked to do things.
 */
import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { UUID } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { type IEmission, isAbort, readEvent, StewardError, type StewardApi } from './api';
import { ClusterStore, isLiving, ownedBy } from './model/clusters';
import { Connection } from './model/connection';
import { Frame } from './model/frame';
import { resumeLog } from './model/logs';
import { ProfileStore } from './model/profiles';
import { RowsHub } from './model/rows';
import type {
  IAdapt,
  IAttachments,
  ICluster,
  IConnect,
  IConnection,
  IDiscovery,
  IHeldAnswer,
  IKernelspec,
  ILog,
  ILogPart,
  IPlot,
  IPreview,
  IProblem,
  IProfile,
  IRowsWatch,
  IScale,
  IServerStatus,
  IStart,
  IStewardModel,
  ISweepAnswer,
  RowKind,
  Tenure
} from './tokens';

export { isLiving, ownedBy } from './model/clusters';

export class StewardModel implements IStewardModel, IDisposable {
  constructor(options: StewardModel.IOptions) {
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
      this._ofKernel() ??
      this.clusters.find(isLiving) ??
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

  async refresh(): Promise<void> {
    await this._connection.look();
    if (this.connection.state === 'ok') {
      await Promise.all([this.refreshProfiles(), this._held ? this.refreshHeld() : undefined]);
    }
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
    if (known && !isLiving(known)) {
      // The server would take it off the list, with what it says about its end.
      return;
    }
    await this._change(() => this._api.remove(id));
  }

  async dismiss(id: string): Promise<void> {
    const known = this._store.get(id);
    if (known && isLiving(known)) {
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

  logs(id: string): Promise<ILog[]> {
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

  /** Do something, and look at the connection if the server did not answer. */
  private async _request<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!isAbort(error) && error instanceof StewardError && error.status === 0) {
        this._connection.suspect();
      }
      throw error;
    }
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

  private _tell(): void {
    this._clustersChanged.emit();
    this._tellCurrent();
    for (const cluster of this._store.takeAnnouncements()) {
      this._announced.emit(cluster);
    }
  }

  /** The cluster of the notebook or console in front. */
  private _ofKernel(): ICluster | null {
    if (this._kernel === null) {
      return null;
    }
    return this._attachments
      ? this._attachments.of(this._kernel)
      : ownedBy(this._kernel, this.clusters);
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
  private readonly _heldChanged = new Signal<this, void>(this);
  private readonly _profilesChanged = new Signal<this, void>(this);
  private readonly _started = new Signal<this, ICluster>(this);

  private readonly _api: StewardApi;
  private readonly _connection: Connection;
  private readonly _events: ISignal<unknown, IEmission>;
  private readonly _failures: ISignal<unknown, unknown> | null;
  private readonly _frame: Frame;
  private readonly _profiles: ProfileStore;
  private readonly _rows: RowsHub;
  private readonly _store: ClusterStore;
  private readonly _trans: TranslationBundle;
  private _attachments: IAttachments | null = null;
  private _held: IHeldAnswer | null = null;
  private _kernel: string | null = null;
  private _selected: string | null = null;
  private _status: IServerStatus | null = null;
  private _toldCurrent: ICluster | null = null;
}

export namespace StewardModel {
  export interface IOptions {
    api: StewardApi;
    /** JupyterLab's stream of the server's events. */
    events: ISignal<unknown, IEmission>;
    /** JupyterLab's word that the server does not answer. */
    failures?: ISignal<unknown, unknown>;
    trans?: TranslationBundle;
  }
}
