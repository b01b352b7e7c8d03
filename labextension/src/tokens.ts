/**
 * What the server says, as plain data, and what the parts of the extension ask of each other.
 *
 * The names are those of the REST interface (docs/reference/rest.md), so that nothing is renamed on the way.
 */
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { IComputation } from './progress';

/** Where a cluster stands. */
export type ClusterState =
  'starting' | 'pending' | 'running' | 'degraded' | 'stopping' | 'stopped' | 'failed' | 'lost';

/** Whom a cluster ends with. */
export type Tenure = 'kernel' | 'server' | 'process' | 'detached';

/** A size in exactly one unit; memory in bytes or as text such as "64 GB". */
export interface IScale {
  workers?: number;
  jobs?: number;
  cores?: number;
  memory?: number | string;
  group?: string;
}

/** Limits between which the size follows the work; in jobs, or worker processes of a local cluster. */
export interface IAdapt {
  minimum: number;
  maximum: number;
  [option: string]: number | string | null | undefined;
}

/** What one job (one worker process of a local cluster) brings; memory in bytes. */
export interface IUnit {
  workers: number;
  cores: number;
  memory: number;
}

/** Worker processes. */
export interface IWorkerCounts {
  asked: number;
  queued: number;
  running: number;
  lost: number;
}

export interface IGroup extends IWorkerCounts {
  jobs: number;
  unit: IUnit | null;
  adapt: IAdapt | null;
}

export interface ITaskGroup {
  name: string;
  done: number;
  total: number;
  erred: number;
}

export interface IOwner {
  kind: string;
  pid: number;
  host: string;
  /** The kernel's id, where the owner is a kernel of a Jupyter server. */
  kernel_id?: string | null;
  /** The notebook (a path) that it was started from, where that is known. */
  session?: string | null;
}

/** One cluster as its card shows it. Times are seconds since the epoch, sizes bytes. */
export interface ICluster {
  id: string;
  name: string;
  profile: string | null;
  profile_title: string | null;
  system: string;
  /** Somebody else owns the scheduler: it is used and shown, and let go, no more. */
  foreign?: boolean;
  state: ClusterState;
  reason: string | null;
  since: number;
  created: number;
  ready: boolean;
  tenure: Tenure | null;
  owner: IOwner | null;
  /** Where its keeper runs. */
  host: string | null;
  workers: IWorkerCounts;
  threads: number;
  /** Cores in use and cores there are. */
  cpu: { used: number; limit: number };
  memory: { limit: number; used: number; spilled: number };
  tasks: { groups: ITaskGroup[]; per_second: number };
  /** Running ones, and the last that ended; an older server tells none. */
  computations?: IComputation[];
  scheduler: {
    address: string | null;
    dashboard: boolean;
    dashboard_reason: string | null;
    /** The pages' own address, of a scheduler of somebody else. */
    link?: string | null;
  };
  /** Core-seconds so far; `cores` are held now, so that `held` grows by that each second. */
  spend: { held: number; busy: number; cores: number };
  adapt: IAdapt | null;
  groups: Record<string, IGroup>;
  unit: IUnit | null;
  /** Jobs (processes of a local cluster), by where they stand. */
  jobs: {
    total: number;
    queued: number;
    running: number;
    /** The next expected start of a queued one. */
    expected_start: number | null;
  };
  losses: ILoss[];
  warnings: string[];
  /** Since when nothing was to do; null while something is. */
  idle_since: number | null;
  /** When it ends by itself if nothing happens, and by which rule: `idle_timeout` or `time_to_live`. */
  ends_at: number | null;
  ends_by: string | null;
  logs_until: number | null;
  /** Why the facts are old: the keeper does not answer. Null while they are fresh. */
  stale: string | null;
  /** When the server last heard of it. */
  seen: number;
}

export interface ILoss {
  id: string | null;
  node: string | null;
  at: number;
  reason: string;
  log: string | null;
}

/** A row of the jobs table. */
export interface IJob {
  /** Unique in its cluster, also while there is no id yet. */
  key: string;
  kind: string;
  id: string | null;
  state: string;
  reason: string | null;
  expected_start: number | null;
  node: string | null;
  since: number | null;
  group: string | null;
}

/** A row of the workers table. */
export interface IWorker {
  address: string;
  name: string;
  job: string | null;
  host: string;
  status: string;
  threads: number;
  /** Cores in use. */
  cpu: number;
  memory: number;
  memory_limit: number;
  spilled: number;
  unmanaged: number;
  processing: number;
  executing: number;
  stored: number;
}

export interface IRows<T> {
  /** Rises with each change; deltas say which one they lead to. */
  version: number;
  total: number;
  offset: number;
  rows: T[];
}

export type RowKind = 'workers' | 'jobs';

/** What happened to rows of a table since the version before. */
export interface IRowsDelta {
  id: string;
  kind: RowKind;
  /** The version that it leads from: a reader with an older one has missed something. */
  since: number;
  version: number;
  total: number;
  /** Whole rows. */
  changed: Record<string, unknown>[];
  /** Addresses of workers or keys of jobs. */
  gone: string[];
}

export interface IProblem {
  message: string;
  field: string | null;
  file: string | null;
  line: number | null;
  column: number | null;
}

export interface IProfile {
  name: string;
  title: string;
  description: string | null;
  system: string | null;
  source: string | null;
  level: 'user' | 'environment' | 'system' | 'builtin';
  /** Whether this person may change or delete it. */
  editable: boolean;
  locked: string[];
  launcher: boolean;
  problems: IProblem[];
  /** What its file says itself. */
  written: Record<string, unknown>;
  /** With all that it extends; null where it has problems. */
  resolved: Record<string, unknown> | null;
}

export interface ISystemOption {
  system: string;
  title: string;
  summary: string;
}

/** What a start would submit and hold. */
export interface IPreview {
  profile: string;
  system: string;
  jobs: number;
  cores: number;
  memory: number;
  /** When the first job would start; null where nobody was asked or nobody knows. */
  start: number | null;
  refusal: string | null;
  warnings: string[];
  /** One for each group. */
  groups: {
    name: string;
    jobs: number;
    script: string | null;
    start: number | null;
    nodes: string | null;
    partition: string | null;
  }[];
  /** The whole in words, as `%dask_cluster preview` prints it. */
  text: string;
}

/** What discovery would write or has written. */
export interface IDiscovery {
  system: string;
  profiles: { name: string; status: string; text: string; path: string }[];
  notes: string[];
  written: string[];
}

export interface IHeld {
  cluster: string;
  name: string;
  kind: string;
  id: string | null;
  state: string;
  reason: string | null;
  since: number | null;
  node: string | null;
  cores: number;
  core_seconds: number;
}

export interface IHeldAnswer {
  things: IHeld[];
  core_seconds_today: number;
  problems: string[];
}

export interface ISweepAnswer {
  released: { cluster: string; name: string; kind: string; id: string }[];
  ended: string[];
  left: { cluster: string; reason: string }[];
  removed: number;
}

export interface IKernelspec {
  name: string;
  display_name: string;
  /** The interpreter that its kernels run in. */
  python: string | null;
  dask: string | null;
  /** Why clusters cannot run there; null when they can. */
  why_not: string | null;
}

/** One log of a cluster. */
export interface ILog {
  name: string;
  kind: 'keeper' | 'job' | 'worker';
  /** Bytes; null where only its end can be had (a worker's own). */
  size: number | null;
}

export interface ILogPart {
  name: string;
  offset: number;
  /** Where the next part begins. */
  next: number;
  size: number;
  text: string;
}

export interface IConnect {
  id: string;
  name: string;
  address: string;
  security: Record<string, string>;
  /** Python that makes a client of it. */
  code: string;
}

export interface IServerStatus {
  version: string;
  /** Another one after each start of the server. */
  server_id: string;
  permissions: { write: boolean; execute: boolean };
  host: string;
  user: string;
  /** Resource managers that were found here. */
  found: { system: string; partitions: number; profiles: number }[];
  systems: ISystemOption[];
  /** The profile that "New" starts when a person has not chosen one. */
  default_profile: string;
}

/** The body of a start. */
export interface IStart {
  profile: string;
  name?: string;
  scale?: IScale;
  adapt?: IAdapt;
  tenure?: Tenure;
  kernel_id?: string;
  /** Name of a kernelspec: the cluster runs in its environment. */
  environment?: string;
  /** Fields over the profile, by dotted path. */
  set?: Record<string, unknown>;
}

/** An answer that is no success. */
export interface IErrorBody {
  error: string;
  message: string;
  field?: string;
  hint?: string;
  cluster?: string;
  problems?: IProblem[];
}

/** Whether the server can be heard. */
export interface IConnection {
  /** `missing`: it answers, but has no Dask Steward. */
  state: 'connecting' | 'ok' | 'lost' | 'missing';
  /** Seconds since the epoch. */
  since: number;
  message: string | null;
}

/**
 * The one place where the front end keeps what it knows of clusters, profiles and what is held.
 *
 * What is read is plain data, never changed in place: a change is another object.
 */
export interface IStewardModel {
  readonly connection: IConnection;
  readonly status: IServerStatus | null;
  /** Whether this person may only look. */
  readonly readOnly: boolean;
  /** Living ones first, then by age. */
  readonly clusters: readonly ICluster[];
  readonly profiles: readonly IProfile[];
  /** Of files that cannot be read at all, and so are no profile. */
  readonly profileProblems: readonly IProblem[];
  readonly held: IHeldAnswer | null;
  readonly kernelspecs: readonly IKernelspec[];
  /** The cluster whose card is open and whose dashboards are listed; null where there is none. */
  readonly current: ICluster | null;

  readonly connectionChanged: ISignal<IStewardModel, IConnection>;
  readonly clustersChanged: ISignal<IStewardModel, void>;
  readonly profilesChanged: ISignal<IStewardModel, void>;
  readonly heldChanged: ISignal<IStewardModel, void>;
  readonly currentChanged: ISignal<IStewardModel, ICluster | null>;
  /** What a person hears: one sentence for each change of a cluster's state (the live region). */
  readonly announced: ISignal<IStewardModel, ICluster>;
  /** A cluster that was asked for in this very page (`start`, `retry`), as soon as it has an id. */
  readonly started: ISignal<IStewardModel, ICluster>;

  /** The time by the server's clock, in seconds since the epoch: facts of clusters are of that clock. */
  now(): number;
  /** Read everything again. */
  refresh(): Promise<void>;

  cluster(id: string): ICluster | null;
  /** Say which kernel the notebook or console in front has; its cluster is `current` unless a card is selected. */
  setKernel(kernelId: string | null): void;
  /** Ask these which cluster a kernel uses; without them it is the one that the kernel owns. */
  useAttachments(attachments: IAttachments): void;
  /** Open a card; null lets the model choose: the current notebook's cluster, else the newest living one. */
  select(id: string | null): void;

  start(body: IStart): Promise<ICluster>;
  stop(id: string): Promise<void>;
  /** Take an ended cluster off the list. */
  dismiss(id: string): Promise<void>;
  /** Start again with what this (failed) cluster was asked for. */
  retry(id: string): Promise<ICluster>;
  scale(id: string, ask: IScale): Promise<string | null>;
  adapt(id: string, limits: IAdapt | { active: false; group?: string }): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  setTenure(id: string, tenure: Tenure, kernelId?: string): Promise<void>;
  restartWorkers(id: string): Promise<void>;
  connect(id: string): Promise<IConnect>;

  refreshProfiles(): Promise<void>;
  refreshKernelspecs(): Promise<void>;
  schema(system: string): Promise<Record<string, unknown>>;
  validateProfile(name: string, profile: Record<string, unknown>): Promise<IProblem[]>;
  saveProfile(name: string, profile: Record<string, unknown>, create: boolean): Promise<IProfile>;
  saveClusterAsProfile(id: string, name: string): Promise<IProfile>;
  deleteProfile(name: string): Promise<void>;
  preview(
    name: string,
    profile: Record<string, unknown> | null,
    testOnly: boolean
  ): Promise<IPreview>;
  discover(system: string, write: boolean): Promise<IDiscovery>;

  refreshHeld(): Promise<void>;
  sweep(): Promise<ISweepAnswer>;

  logs(id: string): Promise<ILog[]>;
  readLog(id: string, name: string, offset: number | null, limit: number): Promise<ILogPart>;
  followLog(id: string, name: string, offset: number, signal: AbortSignal): AsyncIterable<ILogPart>;

  /** Follow the rows of a table; at most one delta a second. Dispose it when nobody looks. */
  watchRows(id: string, kind: RowKind): IRowsWatch;
  /** Names of Dask's pages: `{title, path}`, such as `{title: "Task Stream", path: "individual-task-stream"}`. */
  plots(id: string): Promise<IPlot[]>;
  /** The URL of a page of a cluster's dashboard, behind this server's authentication. */
  dashboardUrl(id: string, path?: string): string;
}

export interface IPlot {
  title: string;
  path: string;
}

export interface IRowsWatch {
  readonly rows: readonly (IWorker | IJob)[];
  readonly ready: boolean;
  readonly changed: ISignal<IRowsWatch, void>;
  readonly isDisposed: boolean;
  dispose(): void;
}

export const IStewardModel = new Token<IStewardModel>(
  'dask-steward:IStewardModel',
  'What is known of Dask clusters, saved profiles and what they hold, and what can be done to them.'
);

/** Which cluster each notebook or console uses. */
export interface IAttachments {
  /** The cluster of a kernel: attached by a person or a magic, else one that the kernel owns. */
  of(kernelId: string | null | undefined): ICluster | null;
  /** Remember that a kernel uses a cluster (null: none any more), where no magic says so. */
  attach(kernelId: string, clusterId: string | null): void;
  readonly changed: ISignal<IAttachments, void>;
}

export const IAttachments = new Token<IAttachments>(
  'dask-steward:IAttachments',
  'Which Dask cluster each kernel uses.'
);

/** Ids of all commands; what each takes is in its `describedBy`. */
export namespace CommandIDs {
  export const openPanel = 'dask-steward:open-panel';
  export const newCluster = 'dask-steward:new-cluster'; // profile?, kernelId?, notebook?
  export const scale = 'dask-steward:scale-cluster'; // id?, workers?|jobs?
  export const adapt = 'dask-steward:adapt-cluster'; // id?, minimum, maximum
  export const stop = 'dask-steward:stop-cluster'; // id?
  export const stopAll = 'dask-steward:stop-all';
  export const rename = 'dask-steward:rename-cluster'; // id?
  export const restartWorkers = 'dask-steward:restart-workers'; // id?
  export const setTenure = 'dask-steward:set-tenure'; // id?, tenure
  export const saveAsProfile = 'dask-steward:save-as-profile'; // id?
  export const copyAddress = 'dask-steward:copy-address'; // id?
  export const openDetails = 'dask-steward:open-details'; // id?, tab?
  export const openLog = 'dask-steward:open-log'; // id?, name?
  export const openDashboard = 'dask-steward:open-dashboard'; // id?, path?, title?
  export const openDashboardUrl = 'dask-steward:open-dashboard-url'; // url?
  export const openLayout = 'dask-steward:open-dashboard-layout'; // id?
  export const insertCode = 'dask-steward:insert-client-code'; // id?
  export const attach = 'dask-steward:attach-notebook'; // id?
  export const toggleAutoAttach = 'dask-steward:toggle-auto-attach';
  export const editProfile = 'dask-steward:edit-profile'; // name?
  export const newProfile = 'dask-steward:new-profile'; // system?
  export const deleteProfile = 'dask-steward:delete-profile'; // name
  export const previewProfile = 'dask-steward:preview-profile'; // name
  export const discover = 'dask-steward:discover-profiles'; // system
  export const sweep = 'dask-steward:sweep';
  export const refresh = 'dask-steward:refresh';
}
