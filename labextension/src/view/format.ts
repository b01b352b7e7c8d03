import type { TranslationBundle } from '@jupyterlab/translation';
import type { ClusterState, ICluster, IOwner, IUnit, Tenure } from '../tokens';
import { unitWords } from './unitWords';

/** A card's look: a state, or `stale` where the facts are old. */
export type Look = ClusterState | 'stale';

/** Seconds after which a lost job is no longer news on a card. */
const NEWS = 600;

const SIZES: [string, number][] = [
  ['PB', 1e15],
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3]
];

/** The word for a state, as a person reads it. */
export function stateWord(state: Look, trans: TranslationBundle): string {
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
    case 'stale':
      return trans.__('no news');
  }
}

/** Whether nothing more happens to a cluster in this state. */
export function hasEnded(state: ClusterState): boolean {
  return state === 'stopped' || state === 'failed' || state === 'lost';
}

/** Whether a cluster is there, or is coming, and nobody is stopping it: one that can be worked with. */
export function isActive({ state }: Pick<ICluster, 'state'>): boolean {
  return !hasEnded(state) && state !== 'stopping';
}

/** Whether tasks are under way, so that stopping loses work. */
export function isBusy(cluster: ICluster): boolean {
  return unfinished(cluster) > 0 || cluster.tasks.per_second > 0;
}

/** How many tasks are neither done nor failed. */
export function unfinished(cluster: ICluster): number {
  return cluster.tasks.groups.reduce(
    (sum, group) => sum + Math.max(0, group.total - group.done - group.erred),
    0
  );
}

/** A number of digits that fits its size: 0.4, 14.2, 240, 1,325. */
export function number(value: number): string {
  if (value !== 0 && Math.abs(value) < 10 && !Number.isInteger(value)) {
    return value.toFixed(1);
  }
  return grouped(value);
}

/** A whole number with its thousands apart. */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Bytes in the largest unit that they fill: `3.2 GB`. */
export function bytes(value: number): string {
  const [unit, factor] = unitOf(value);
  return `${number(value / factor)} ${unit}`;
}

/** Bytes out of bytes in one unit, that of the limit: `199 of 240 GB`. */
export function bytesOf(used: number, limit: number, trans: TranslationBundle): string {
  const [unit, factor] = unitOf(limit || used);
  return limit
    ? trans.__('%1 of %2 %3', number(used / factor), number(limit / factor), unit)
    : `${number(used / factor)} ${unit}`;
}

function unitOf(value: number): [string, number] {
  return SIZES.find(([, factor]) => value >= factor) ?? ['B', 1];
}

/** A length of time in one or two units: `3 s`, `18 min`, `2 h 5 min`, `3 d`. */
export function duration(seconds: number, trans: TranslationBundle): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) {
    return trans.__('%1 s', whole);
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return trans.__('%1 min', minutes);
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    return minutes % 60 && hours < 10
      ? trans.__('%1 h %2 min', hours, minutes % 60)
      : trans.__('%1 h', hours);
  }
  return trans.__('%1 d', Math.floor(hours / 24));
}

/** A time of day as the resource managers' reasons write it, with the date where it is not today. */
export function timeOfDay(at: number, now: number): string {
  const date = new Date(at * 1000);
  const time = date.toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23'
  });
  const today = new Date(now * 1000).toDateString() === date.toDateString();
  return today
    ? time
    : `${date.toLocaleDateString([], { day: 'numeric', month: 'short' })} ${time}`;
}

/** Core-seconds as core-hours: `14.2 core-h`. */
export function coreHours(seconds: number, trans: TranslationBundle): string {
  const hours = seconds / 3600;
  if (hours > 0 && hours < 0.05) {
    return trans.__('< 0.1 core-h');
  }
  return trans.__('%1 core-h', hours < 100 ? hours.toFixed(1) : grouped(hours));
}

/** What a cluster has held by now (core-seconds); it grows while nothing is heard, unless the facts are old. */
export function held(cluster: ICluster, now: number): number {
  const growing = cluster.stale === null && !hasEnded(cluster.state);
  return cluster.spend.held + (growing ? cluster.spend.cores * Math.max(0, now - cluster.seen) : 0);
}

/** When a state began, in the words that suit it. */
export function since(cluster: ICluster, now: number, trans: TranslationBundle): string {
  const elapsed = now - cluster.since;
  switch (cluster.state) {
    case 'starting':
    case 'stopping':
      return duration(elapsed, trans);
    case 'stopped':
    case 'failed':
    case 'lost':
      return timeOfDay(cluster.since, now);
    default:
      return trans.__('for %1', duration(elapsed, trans));
  }
}

/** How long it has had nothing to do, and when it ends by itself; null where neither is to be told. */
export function ending(cluster: ICluster, now: number, trans: TranslationBundle): string | null {
  if (!isActive(cluster)) {
    return null;
  }
  const left = cluster.ends_at === null ? null : Math.max(0, cluster.ends_at - now);
  if (cluster.idle_since !== null && now - cluster.idle_since >= 60) {
    const idle = duration(now - cluster.idle_since, trans);
    return left !== null && cluster.ends_by === 'idle_timeout'
      ? trans.__('idle %1, ends in %2', idle, duration(left, trans))
      : trans.__('idle %1', idle);
  }
  if (left !== null && left < 3600 && cluster.ends_by !== 'idle_timeout') {
    return trans.__('ends in %1', duration(left, trans));
  }
  return null;
}

/** Whether it ends by itself within five minutes. */
export function endsSoon(cluster: ICluster, now: number): boolean {
  return (
    ending(cluster, now, fakeTrans) !== null &&
    cluster.ends_at !== null &&
    cluster.ends_at - now < 300
  );
}

// `ending` is asked only whether there is something to tell.
const fakeTrans = { __: (text: string) => text } as unknown as TranslationBundle;

/** Where it comes from. */
export function origin(cluster: ICluster, here: boolean, trans: TranslationBundle): string | null {
  if (here) {
    return trans.__('this notebook');
  }
  const { owner } = cluster;
  if (owner?.session) {
    return owner.session.split('/').pop() || owner.session;
  }
  switch (owner?.kind ?? cluster.tenure) {
    case 'kernel':
      return trans.__('from a notebook');
    case 'process':
      return trans.__('from a script');
    case 'server':
      return trans.__('from this panel');
    case 'detached':
      return trans.__('stays by itself');
    default:
      return null;
  }
}

/** What a tenure means. */
export function tenureWords(
  tenure: Tenure,
  owner: IOwner | null,
  trans: TranslationBundle
): string {
  switch (tenure) {
    case 'kernel':
      return owner?.session
        ? trans.__('Ends with the kernel of %1', owner.session.split('/').pop())
        : trans.__('Ends with the notebook’s kernel');
    case 'server':
      return trans.__('Ends with the Jupyter server');
    case 'process':
      return trans.__('Ends with the script');
    case 'detached':
      return trans.__('Stays until it is stopped or idle too long');
  }
}

/** A reason taken apart: what it means first, the manager's own word for it apart. */
export interface IReason {
  /** What it is about, such as "2 of 5 jobs wait". */
  lead: string | null;
  words: string;
  /** Who says so, with its own code: "Slurm: Priority". */
  source: string | null;
  /** As the manager wrote it. */
  expected: string | null;
}

const MANAGER =
  /^(?:(.+?): )?((?:Slurm|YARN|SGE|Grid Engine|PBS|LSF|HTCondor|OAR|Moab|Torque|Kubernetes): [^—]{1,60}?) — (.+)$/s;
const EXPECTED = /^(.+), expected ((?:\d{4}-\d\d-\d\d |\w{3},? )?\d\d:\d\d(?::\d\d)?)(.*)$/s;

/**
 * Take a reason apart; a text in no form that is known is its own words.
 *
 * A resource manager's reason reads `2 of 5 jobs wait: Slurm: Priority — 37 jobs are before yours, expected 14:05`.
 */
export function splitReason(reason: string): IReason {
  const parts = MANAGER.exec(reason);
  const [lead, source, rest] = parts
    ? [parts[1] ?? null, parts[2], parts[3]]
    : [null, null, reason];
  const start = parts ? EXPECTED.exec(rest) : null;
  return {
    lead,
    words: start ? start[1] + start[3] : rest,
    source,
    expected: start ? start[2] : null
  };
}

/** The last job that was lost, while that is news. */
export function lastLoss(cluster: ICluster, now: number): ICluster['losses'][number] | null {
  const loss = cluster.losses[cluster.losses.length - 1];
  if (!loss) {
    return null;
  }
  const wrong = cluster.state === 'degraded' || cluster.state === 'failed';
  return wrong || now - loss.at < NEWS ? loss : null;
}

/** The last lines of a log that say something. */
export function logTail(log: string, lines = 3): string {
  return log
    .split('\n')
    .map(line => line.trimEnd())
    .filter(line => line)
    .slice(-lines)
    .join('\n');
}

/** The workers in words: what the bar shows, for those who do not see it. */
export function workersText(cluster: ICluster, trans: TranslationBundle): string {
  const { asked, queued, running, lost } = cluster.workers;
  const parts = [trans.__('%1 of %2 workers running', running, asked)];
  if (queued) {
    parts.push(trans.__('%1 queued', queued));
  }
  if (lost) {
    parts.push(trans.__('%1 lost', lost));
  }
  return parts.join(', ');
}

/** The sentence that a screen reader says when a cluster's state changes. */
export function announcement(cluster: ICluster, trans: TranslationBundle): string {
  const word = stateWord(cluster.state, trans);
  if (cluster.state === 'running') {
    return trans.__('Cluster %1: %2, %3.', cluster.name, word, workersText(cluster, trans));
  }
  if (!cluster.reason) {
    return trans.__('Cluster %1: %2.', cluster.name, word);
  }
  const { lead, words } = splitReason(cluster.reason);
  return trans.__('Cluster %1: %2. %3', cluster.name, word, lead ? `${lead}: ${words}` : words);
}

/** A size that is asked for, in one of these units. */
export type SizeUnit = 'workers' | 'jobs' | 'cores';

/** What a size comes to. */
export interface ISize {
  jobs: number;
  workers: number;
  cores: number;
  memory: number;
}

/** What `count` of `by` comes to in whole jobs. */
export function sizeOf(count: number, by: SizeUnit, unit: IUnit): ISize {
  const each = by === 'jobs' ? 1 : by === 'cores' ? unit.cores : unit.workers;
  const jobs = Math.ceil(Math.max(0, count) / Math.max(1, each));
  return {
    jobs,
    workers: jobs * unit.workers,
    cores: jobs * unit.cores,
    memory: jobs * unit.memory
  };
}

/**
 * What a size means, before it is asked for: jobs, cores and what an hour of them costs.
 *
 * @param workers - how many workers were asked for, where it was workers: they are told where they become more
 */
export function sizeText(
  size: ISize,
  unit: IUnit,
  system: string,
  trans: TranslationBundle,
  workers?: number
): string {
  if (size.jobs === 0) {
    return trans.__('nothing is held');
  }
  const cost = trans.__('%1 core-h per hour', grouped(size.cores));
  if (system === 'local') {
    return unit.memory
      ? trans.__('%1, %2 of memory, %3', coresText(size.cores, trans), bytes(size.memory), cost)
      : trans.__('%1, %2', coresText(size.cores, trans), cost);
  }
  const jobs = unitWords(system, trans).times(size.jobs, coresText(unit.cores, trans));
  return unit.workers > 1 && size.workers !== workers
    ? trans.__('%1 = %2 workers, %3', jobs, grouped(size.workers), cost)
    : trans.__('%1, %2', jobs, cost);
}

export function coresText(cores: number, trans: TranslationBundle): string {
  return trans._n('%1 core', '%1 cores', cores);
}
