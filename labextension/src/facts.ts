/**
 * What can be read off a cluster: pure functions of plain data.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ClusterState, ICluster, IStewardModel } from './tokens';

/** Whether a cluster is there and is to stay. */
export function lives(cluster: ICluster): boolean {
  return (
    cluster.state === 'starting' ||
    cluster.state === 'pending' ||
    cluster.state === 'running' ||
    cluster.state === 'degraded'
  );
}

/** Whether a cluster has ended, in whatever way. */
export function ended(cluster: ICluster): boolean {
  return cluster.state === 'stopped' || cluster.state === 'failed' || cluster.state === 'lost';
}

/** Whether tasks run or wait, so that a stop would lose work. */
export function works(cluster: ICluster): boolean {
  return (
    lives(cluster) && cluster.tasks.groups.some(group => group.done + group.erred < group.total)
  );
}

/** What commands depend on. */
export function signature(model: IStewardModel): string {
  const clusters = model.clusters.map(cluster =>
    [
      cluster.id,
      cluster.name,
      cluster.state,
      cluster.scheduler.address !== null,
      cluster.scheduler.dashboard,
      cluster.workers.running > 0
    ].join(':')
  );
  const profiles = model.profiles.map(profile => `${profile.name}:${profile.title}`);
  return [
    model.connection.state,
    model.readOnly,
    model.current?.id,
    clusters.join(),
    profiles.join()
  ].join(';');
}

/** The word for a state. */
export function stateWord(state: ClusterState, trans: TranslationBundle): string {
  switch (state) {
    case 'starting':
      return trans.__('starting');
    case 'pending':
      return trans.__('queued');
    case 'running':
      return trans.__('running');
    case 'degraded':
      return trans.__('degraded');
    case 'stopping':
      return trans.__('stopping');
    case 'stopped':
      return trans.__('stopped');
    case 'failed':
      return trans.__('failed');
    case 'lost':
      return trans.__('lost');
  }
}

/** "3/10 workers", with the state and its reason unless all is well. */
export function detail(cluster: ICluster, trans: TranslationBundle): string {
  const size = trans._n(
    '%2/%1 worker',
    '%2/%1 workers',
    cluster.workers.asked,
    cluster.workers.running
  );
  if (cluster.state === 'running' && !cluster.stale) {
    return size;
  }
  const state = cluster.stale ? trans.__('no news') : stateWord(cluster.state, trans);
  const reason = cluster.stale ?? cluster.reason;
  return reason ? trans.__('%1, %2: %3', size, state, reason) : trans.__('%1, %2', size, state);
}

/** A cluster's sign: a shape for each state, since a colour alone says nothing to many. */
export function glyph(state: ClusterState): string {
  const signs: Record<ClusterState, string> = {
    starting: '◌',
    pending: '◔',
    running: '●',
    degraded: '◆',
    stopping: '◍',
    stopped: '○',
    failed: '▲',
    lost: '✕'
  };
  return signs[state];
}
