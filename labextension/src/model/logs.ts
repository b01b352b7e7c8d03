/**
 * Following a log over breaks of the connection.
 */
import { UnreachableError } from '../api/errors';
import type { ILogPart } from '../tokens';

/** How long to wait before a log that broke off is asked for again (milliseconds). */
const AGAIN = { first: 500, factor: 2, max: 10_000 };

/**
 * The parts of a log, each once, until its cluster has ended or the reader goes.
 *
 * `follow` begins at an offset; after a break it begins again where the last part ended.
 */
export async function* resumeLog(
  follow: (offset: number) => AsyncIterable<ILogPart>,
  offset: number,
  signal: AbortSignal
): AsyncGenerator<ILogPart, void, undefined> {
  let wait = AGAIN.first;
  while (!signal.aborted) {
    try {
      for await (const part of follow(offset)) {
        offset = part.next;
        wait = AGAIN.first;
        yield part;
      }
      return;
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (!(error instanceof UnreachableError)) {
        throw error;
      }
    }
    await pause(wait, signal);
    wait = Math.min(AGAIN.max, wait * AGAIN.factor);
  }
}

/** Wait, but no longer than somebody is interested. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
