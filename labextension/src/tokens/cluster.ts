/**
 * A cluster as the server tells of it, and what can be asked of one.
 */
import type { IComputation } from '../progress';

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
  /** The resource manager's page of its application; an older server tells none. */
  manager_page?: { id: string; link: string } | null;
  /** What gives everything back if the keeper cannot; an older server tells none. */
  defences?: IDefence[];
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

/** What releases a cluster without its keeper. */
export interface IDefence {
  /** `guard`, `line`, `lifetime` or `wall`. */
  name: string;
  in_force: boolean;
  words: string;
  /** When the resource manager acts if nobody renews it. */
  at: number | null;
}

export interface ILoss {
  id: string | null;
  node: string | null;
  at: number;
  reason: string;
  log: string | null;
}

export interface IConnect {
  id: string;
  name: string;
  address: string;
  security: Record<string, string>;
  /** Python that makes a client of it. */
  code: string;
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
