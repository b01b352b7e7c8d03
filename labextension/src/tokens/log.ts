/**
 * Logs of a cluster, and parts of them.
 */

/** One log of a cluster. */
export interface ILog {
  name: string;
  kind: 'keeper' | 'job' | 'worker';
  /** Bytes; null where only its end can be had (a worker's own). */
  size: number | null;
}

/** All logs of a cluster. */
export interface ILogs {
  logs: readonly ILog[];
  /** Why some of a cluster that has ended are not there, in a sentence. */
  missing: string | null;
}

export interface ILogPart {
  name: string;
  offset: number;
  /** Where the next part begins. */
  next: number;
  size: number;
  text: string;
}
