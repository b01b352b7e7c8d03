/**
 * What can be read off a cluster: pure functions of plain data.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IAttachments, ICluster, IStewardModel } from './tokens';
import { hasEnded, isActive, isBusy, stateWord } from './view/format';

/** Whether it is there, and its size and its workers are ours to change. */
export function isOurs(cluster: ICluster): boolean {
  return isActive(cluster) && cluster.foreign !== true;
}

/** Whether tasks run or wait, so that a stop would lose work; one that is only let go loses none. */
export function works(cluster: ICluster): boolean {
  return isOurs(cluster) && isBusy(cluster);
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
  const state = stateWord(cluster.stale ? 'stale' : cluster.state, trans);
  const reason = cluster.stale ?? cluster.reason;
  return reason ? trans.__('%1, %2: %3', size, state, reason) : trans.__('%1, %2', size, state);
}

/** The cluster that a kernel owns and that has not ended, the first if there are several. */
export function ownedBy(kernelId: string, clusters: readonly ICluster[]): ICluster | null {
  return clusters.find(c => !hasEnded(c.state) && c.owner?.kernel_id === kernelId) ?? null;
}

/** The cluster of a kernel; without the plugin that knows better, the one that it owns. */
export function clusterOf(
  kernelId: string | null | undefined,
  clusters: readonly ICluster[],
  attachments: IAttachments | null
): ICluster | null {
  if (!kernelId) {
    return null;
  }
  return attachments ? attachments.of(kernelId) : ownedBy(kernelId, clusters);
}
