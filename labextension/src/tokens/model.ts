/**
 * The model that one plugin provides and all others ask.
 */
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { IAttachments } from './attachments';
import type { IAdapt, ICluster, IConnect, IScale, IStart, Tenure } from './cluster';
import type { IHeldAnswer, ISweepAnswer } from './held';
import type { ILogs, ILogPart } from './log';
import type { IDiscovery, IPreview, IProblem, IProfile } from './profile';
import type { IRowsWatch, RowKind } from './rows';
import type { IConnection, IKernelspec, IServerStatus } from './server';

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

  logs(id: string): Promise<ILogs>;
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

export const IStewardModel = new Token<IStewardModel>(
  'dask-steward:IStewardModel',
  'What is known of Dask clusters, saved profiles and what they hold, and what can be done to them.'
);
