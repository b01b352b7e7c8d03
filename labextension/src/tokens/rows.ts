/**
 * Rows of the tables of workers and jobs, and how they change.
 */
import type { ISignal } from '@lumino/signaling';

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
  /** The manager's own page of it; an older server tells none. */
  link?: string | null;
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

export interface IRowsWatch {
  readonly rows: readonly (IWorker | IJob)[];
  readonly ready: boolean;
  readonly changed: ISignal<IRowsWatch, void>;
  readonly isDisposed: boolean;
  dispose(): void;
}
