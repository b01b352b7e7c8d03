/**
 * What the notifications about clusters say: pure functions of plain data.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ICluster } from '../tokens';
import { coresText, duration, splitReason } from '../view/format';

/** As many characters as a notification shows. */
const ROOM = 140;

/** How a start comes on. */
export interface IProgress {
  message: string;
  /** From 0 to 1. */
  progress: number;
  /** Where it is: it waits for somebody else, it is there, or it will never be. */
  stage: 'working' | 'waiting' | 'ready' | 'failed' | 'gone';
}

/** Cut what would not be shown, and say so. */
export function short(text: string): string {
  return text.length <= ROOM ? text : `${text.slice(0, ROOM - 1)}…`;
}

/** How the start of a cluster comes on. */
export function progressOf(cluster: ICluster, trans: TranslationBundle): IProgress {
  const { name, reason, state } = cluster;
  const { asked, running } = cluster.workers;
  const progress = asked > 0 ? Math.min(1, running / asked) : 0;
  const words = reason ? splitReason(reason) : null;
  switch (state) {
    case 'failed':
    case 'lost':
      return { message: failure(cluster, trans), progress, stage: 'failed' };
    case 'stopping':
    case 'stopped':
      return { message: short(trans.__('“%1” was stopped.', name)), progress, stage: 'gone' };
    case 'running':
      if (running >= asked) {
        const message = asked
          ? trans._n('“%2” is ready: %1 worker.', '“%2” is ready: %1 workers.', running, name)
          : trans.__('“%1” is ready. Its workers start when there is work.', name);
        return { message: short(message), progress: 1, stage: 'ready' };
      }
      break;
    case 'pending': {
      const why = words
        ? trans.__('“%1” waits: %2', name, words.words)
        : trans.__('“%1” waits for its workers.', name);
      const message = running
        ? trans.__('%1 %2 of %3 workers run.', why, running, asked)
        : words?.expected
          ? trans.__('%1 (expected %2)', why, words.expected)
          : why;
      return { message: short(message), progress, stage: 'waiting' };
    }
    case 'starting':
      if (!asked || !running) {
        const message = words
          ? trans.__('Starting “%1”: %2', name, words.words)
          : trans.__('Starting “%1”…', name);
        return { message: short(message), progress, stage: 'working' };
      }
      break;
  }
  const message = trans.__('“%1”: %2 of %3 workers run.', name, running, asked);
  return { message: short(message), progress, stage: 'working' };
}

/** That a cluster has ended as it should not, and why. */
export function failure(cluster: ICluster, trans: TranslationBundle): string {
  const { name, reason, state } = cluster;
  const why = reason ? splitReason(reason) : null;
  const text = why
    ? why.source
      ? trans.__('%1 (%2)', why.words, why.source)
      : why.words
    : trans.__('No reason is known.');
  return short(
    state === 'lost'
      ? trans.__('“%1” was lost: %2', name, text)
      : trans.__('“%1” failed: %2', name, text)
  );
}

/** That a cluster holds cores for nothing. */
export function idleness(cluster: ICluster, now: number, trans: TranslationBundle): string {
  const long = duration(now - (cluster.idle_since ?? now), trans);
  return short(
    trans.__(
      '“%1” holds %2 and has had nothing to do for %3.',
      cluster.name,
      coresText(cluster.spend.cores, trans),
      long
    )
  );
}
