/**
 * The server itself: what it is and may, whether it is heard, what it answers when it refuses.
 */
import type { IProblem, ISystemOption } from './profile';

export interface IKernelspec {
  name: string;
  display_name: string;
  /** The interpreter that its kernels run in. */
  python: string | null;
  dask: string | null;
  /** Why clusters cannot run there; null when they can. */
  why_not: string | null;
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
