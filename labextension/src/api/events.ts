/**
 * The server's events, read from the one stream that JupyterLab has open for all extensions.
 */
import type { ICluster, IRowsDelta } from '../tokens';

/** The card of a cluster has changed, or the cluster is no longer listed. */
export interface IClusterEvent {
  kind: 'cluster';
  action: 'changed' | 'removed';
  id: string;
  cluster: ICluster | null;
}

/** Rows of a table that somebody looks at have changed. */
export interface IRowsEvent {
  kind: 'rows';
  delta: IRowsDelta;
}

/** Files of profiles have changed. */
export interface IProfilesEvent {
  kind: 'profiles';
  names: string[];
}

/** The beat by which a page knows that it hears. */
export interface IServerEvent {
  kind: 'server';
  server_id: string;
  /** The server's clock, in seconds since the epoch. */
  at: number;
}

/**
 * One event of ours. The server numbers all of them one after the other, so that a missed one is noticed.
 */
export type StewardEvent = (IClusterEvent | IRowsEvent | IProfilesEvent | IServerEvent) & {
  seq: number;
};

/** What comes over the stream, whoever sent it. */
export interface IEmission {
  schema_id: string;
  [key: string]: unknown;
}

/** The subject in the id of a schema, such as `…dask-steward/cluster/v1` or `…dask-steward:cluster:v1`. */
const SCHEMA = /(?:^|[/:])dask-steward[/:](cluster|rows|profiles|server)[/:]v1$/;

/** Read an emission; null where it is none of ours, or of a version that this page does not know. */
export function readEvent(emission: IEmission): StewardEvent | null {
  const kind = SCHEMA.exec(emission.schema_id)?.[1];
  // The server has checked the data against the schemas before it sent them.
  const data = emission as unknown;
  const seq = emission.seq as number;
  switch (kind) {
    case 'cluster': {
      const { action, id, cluster } = data as IClusterEvent;
      return { kind, action, id, cluster: cluster ?? null, seq };
    }
    case 'rows':
      return { kind, delta: data as IRowsDelta, seq };
    case 'profiles':
      return { kind, names: (data as IProfilesEvent).names, seq };
    case 'server': {
      const { server_id, at } = data as IServerEvent;
      return { kind, server_id, at, seq };
    }
    default:
      return null;
  }
}
