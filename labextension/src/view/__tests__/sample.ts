/**
 * Clusters as the server tells of them, and a `trans` that only fills in the numbers.
 */
import { nullTranslator } from '@jupyterlab/translation';

import * as facts from '../../__tests__/facts';
import type { ICluster, IProfile } from '../../tokens';

export const trans = nullTranslator.load('dask_steward');

/** The present of the tests: a Saturday, 14:00 UTC. */
export const NOW = 1_795_269_600;

const GB = 1e9;

/** A Slurm cluster of 5 jobs with 4 workers and 24 cores each, of which 3 run. */
export function cluster(more: Partial<ICluster> = {}): ICluster {
  return facts.cluster('c1', {
    name: 'pangeo',
    profile: 'normal',
    profile_title: 'Slurm · normal',
    system: 'slurm',
    since: NOW - 18 * 60,
    created: NOW - 20 * 60,
    tenure: 'kernel',
    owner: { kind: 'kernel', pid: 1, host: 'login1', kernel_id: 'k1', session: 'work/ocean.ipynb' },
    host: 'login1',
    workers: { asked: 20, queued: 8, running: 12, lost: 0 },
    threads: 48,
    cpu: { used: 34, limit: 48 },
    memory: { limit: 240 * GB, used: 100 * GB, spilled: 0 },
    scheduler: { address: 'tls://10.0.0.1:8786', dashboard: true, dashboard_reason: null },
    spend: { held: 3600, busy: 0, cores: 48 },
    groups: {
      main: {
        asked: 20,
        queued: 8,
        running: 12,
        lost: 0,
        jobs: 5,
        unit: { workers: 4, cores: 24, memory: 48 * GB },
        adapt: null
      }
    },
    unit: { workers: 4, cores: 24, memory: 48 * GB },
    jobs: { total: 5, queued: 2, running: 3, expected_start: null },
    seen: NOW,
    ...more
  });
}

/** Work under way. */
export const BUSY: ICluster['tasks'] = {
  groups: [
    { name: 'rechunk', done: 512, total: 960, erred: 0 },
    { name: 'mean', done: 24, total: 365, erred: 2 }
  ],
  per_second: 48
};

export function profile(more: Partial<IProfile> = {}): IProfile {
  return facts.profile('normal', {
    title: 'Slurm · normal',
    system: 'slurm',
    source: '/home/ann/.jupyter/dask_profiles/normal.yaml',
    ...more
  });
}
