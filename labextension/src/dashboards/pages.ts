/**
 * What a tab with a page of a cluster shows: pure functions.
 */
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { ICluster, IStewardModel } from '../tokens';
import { hasEnded, isActive } from '../view/format';

/** What a tab is about. It is stored, so that the tab comes back after a reload. */
export interface ITarget {
  /** The cluster. */
  id: string;
  /** Its name, for when it is gone. */
  name: string;
  /** The kernel that it belongs to. */
  kernel: string | null;
  /** The path of the page. */
  path: string;
  title: string;
}

/** What there is to show. */
export type PageState =
  /** The page itself. */
  | { kind: 'live' }
  /** Not yet: the server or the scheduler has not answered. */
  | { kind: 'connecting' | 'starting' }
  /** It has none, and why. */
  | { kind: 'none'; reason: string | null }
  /** The cluster is gone; since when and why, where that is known. */
  | { kind: 'ended'; at: number | null; reason: string | null }
  /** The server does not answer: what is shown is what was known. */
  | { kind: 'silent'; since: number };

/** What a tab shows now. */
export function pageState(
  model: Pick<IStewardModel, 'connection' | 'cluster'>,
  target: ITarget
): PageState {
  const { connection } = model;
  const cluster = model.cluster(target.id);
  if (connection.state === 'connecting') {
    return { kind: 'connecting' };
  }
  if (connection.state !== 'ok') {
    return { kind: 'silent', since: connection.since };
  }
  if (!cluster) {
    return { kind: 'ended', at: null, reason: null };
  }
  if (hasEnded(cluster.state)) {
    return { kind: 'ended', at: cluster.since, reason: cluster.reason };
  }
  if (!cluster.scheduler.dashboard) {
    return cluster.scheduler.dashboard_reason || cluster.scheduler.address
      ? { kind: 'none', reason: cluster.scheduler.dashboard_reason }
      : { kind: 'starting' };
  }
  return { kind: 'live' };
}

/**
 * The cluster that takes the place of one that is gone: the newest of the same name, else of the
 * same kernel; null where there is none, and a person has to choose.
 */
export function successor(clusters: readonly ICluster[], target: ITarget): ICluster | null {
  const others = clusters
    .filter(cluster => isActive(cluster) && cluster.id !== target.id)
    .sort((one, other) => other.created - one.created);
  return (
    others.find(cluster => cluster.name === target.name) ??
    others.find(cluster => target.kernel !== null && cluster.owner?.kernel_id === target.kernel) ??
    null
  );
}

/** The target of a page of a cluster. */
export function targetOf(cluster: ICluster, path: string, title: string): ITarget {
  return {
    id: cluster.id,
    name: cluster.name,
    kernel: cluster.owner?.kernel_id ?? null,
    path,
    title
  };
}

/** Read what was stored of a tab; null where it is not that. */
export function readTarget(args: ReadonlyPartialJSONObject): ITarget | null {
  const { id, name, kernel, path, title } = args;
  if (typeof id !== 'string' || typeof path !== 'string') {
    return null;
  }
  return {
    id,
    name: typeof name === 'string' ? name : id,
    kernel: typeof kernel === 'string' ? kernel : null,
    path,
    title: typeof title === 'string' ? title : path
  };
}
