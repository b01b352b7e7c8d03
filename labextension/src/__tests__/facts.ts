/**
 * What the server tells, for tests: each says only what matters to it.
 */
import type { ICluster, IProfile, IServerStatus } from '../tokens';

/** A cluster as the server tells of it. */
export function cluster(id: string, more: Partial<ICluster> = {}): ICluster {
  return {
    id,
    name: `name of ${id}`,
    profile: 'quickstart',
    profile_title: 'Quickstart',
    system: 'local',
    state: 'running',
    reason: null,
    since: 100,
    created: 100,
    ready: true,
    tenure: 'server',
    owner: null,
    host: 'here',
    workers: { asked: 2, queued: 0, running: 2, lost: 0 },
    threads: 2,
    cpu: { used: 0, limit: 2 },
    memory: { limit: 2e9, used: 1e9, spilled: 0 },
    tasks: { groups: [], per_second: 0 },
    scheduler: { address: 'tls://127.0.0.1:1', dashboard: true, dashboard_reason: null },
    spend: { held: 0, busy: 0, cores: 2 },
    adapt: null,
    groups: {},
    unit: null,
    jobs: { total: 2, queued: 0, running: 2, expected_start: null },
    losses: [],
    warnings: [],
    idle_since: null,
    ends_at: null,
    ends_by: null,
    logs_until: null,
    stale: null,
    seen: 100,
    ...more
  };
}

export function status(more: Partial<IServerStatus> = {}): IServerStatus {
  return {
    version: '0.1.0',
    server_id: 'first',
    permissions: { write: true, execute: true },
    host: 'here',
    user: 'x',
    found: [],
    systems: [],
    default_profile: 'quickstart',
    ...more
  };
}

export function profile(name: string, more: Partial<IProfile> = {}): IProfile {
  return {
    name,
    title: `Title of ${name}`,
    description: null,
    system: 'local',
    source: null,
    level: 'user',
    editable: true,
    locked: [],
    launcher: false,
    problems: [],
    written: {},
    resolved: {},
    ...more
  };
}
