/**
 * Which log somebody means: logs have names, people point at workers and jobs.
 */
import type { ILog } from '../tokens';

export type LogWish =
  { name: string } | { job: string } | { worker: string; address: string; job: string | null };

/** The name of the log that is meant; the first where none is, null where there is none at all. */
export function logOf(logs: readonly ILog[] | null, wish: LogWish | null): string | null {
  if (!logs || logs.length === 0) {
    return wish && 'name' in wish ? wish.name : null;
  }
  const first = logs.find(log => log.kind === 'keeper') ?? logs[0];
  if (!wish) {
    return first.name;
  }
  if ('name' in wish) {
    // It may be one that comes only with the first line.
    return wish.name;
  }
  if ('worker' in wish) {
    const own = logs.find(
      log => log.kind === 'worker' && (has(log.name, wish.address) || has(log.name, wish.worker))
    );
    const ofJob = wish.job === null ? undefined : jobLog(logs, wish.job);
    return (own ?? ofJob ?? first).name;
  }
  return (jobLog(logs, wish.job) ?? first).name;
}

function jobLog(logs: readonly ILog[], job: string): ILog | undefined {
  return logs.find(log => log.kind === 'job' && has(log.name, job));
}

/** Whether a log's name ends with a text as a word: "job 12" is not the log of job 2. */
function has(name: string, text: string): boolean {
  return text !== '' && (name === text || name.endsWith(` ${text}`));
}
