/**
 * What is said of the progress of a computation: made beside the scheduler, shown by every face.
 *
 * Times are seconds since the epoch, durations seconds, sizes bytes. The same names stand in
 * `magics/dask_steward/progress_data.py`.
 */

/** `waiting` has open tasks of which none runs; the last three are final. */
export type ComputationStatus = 'waiting' | 'running' | 'finished' | 'erred' | 'cancelled';

/** Tasks of one kind. */
export interface IGroupProgress {
  /** In the user's words (`open_dataset`, `mean`, `rechunk-merge`); unique in its computation. */
  name: string;
  /** Tasks that need no more work (those that erred included), and all of them. */
  done: number;
  total: number;
  erred: number;
  /** Tasks that a worker has now. */
  running: number;
  /** Tasks that nobody wanted any more before they were done. */
  cancelled: number;
  /** Bytes of its results that workers hold in memory, and that they have written to disk. */
  memory: number;
  spilled: number;
  /** How long one task takes on average; null while none has finished. */
  seconds: number | null;
}

/** The first task that failed. */
export interface ITaskError {
  key: string;
  /** Its group, in the user's words. */
  name: string;
  /** The worker's name, and its job's id where workers are jobs. */
  worker: string | null;
  job: string | null;
  /** One line: `ValueError: …`. */
  message: string;
  traceback: string;
}

/** What was submitted together (`compute`, `persist`, futures …). */
export interface IComputation {
  /** Unique in its cluster, in the order of submission. */
  id: string;
  /** Id of the client that submitted it; null where several did. */
  client: string | null;
  /** What it ends in, in the user's words. */
  name: string;
  status: ComputationStatus;
  started: number;
  ended: number | null;
  /** Inputs first; at most 20. */
  groups: IGroupProgress[];
  /** Groups that are left out of `groups`, but are in the sums below. */
  more: number;
  done: number;
  total: number;
  erred: number;
  running: number;
  cancelled: number;
  memory: number;
  spilled: number;
  /** Tasks that finish each second, now; over all of its time once it has ended. */
  per_second: number;
  /** The rest is expected to take between these; null while it cannot be told, and once it has ended. */
  left: { low: number; high: number } | null;
  /** Why it is not faster, one sentence (`3 workers queued: Priority`); null where nothing is in its way. */
  waits: string | null;
  error: ITaskError | null;
}

/** What a `Progress` shows now. */
export interface IProgress {
  cluster: string | null;
  cluster_name: string | null;
  /** One for each thing that is followed, the oldest first. */
  computations: IComputation[];
  /** Sentences, such as about memory, before a worker dies. */
  warnings: string[];
  /** Why nothing newer is known; null while what is shown is true now. */
  stale: string | null;
  /** Whether everything that is followed has ended. */
  ended: boolean;
}
