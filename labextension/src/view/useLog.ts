/**
 * The text of one log as it is read: its end at first, then what follows, and what was before when somebody goes there.
 */
import * as React from 'react';
import type { ILogPart } from '../tokens';
import { append, EMPTY, first, prepend, type ILogText } from './logText';

/** Bytes that are read at once, and when the rest is asked for. */
export const PART = 256 * 1024;
/** The most that the server gives at once. */
const LARGE_PART = 1_000_000;

/** Where a log is read from. */
export interface ILogSource {
  read: (name: string, offset: number | null, limit: number) => Promise<ILogPart>;
  follow: (name: string, offset: number, signal: AbortSignal) => AsyncIterable<ILogPart>;
}

export interface ILogOptions extends ILogSource {
  name: string;
  /** Whether earlier parts can be read; of a worker's own log only the end can be had. */
  ranged: boolean;
  /** Whether the server can be heard; a log is read again once it is. */
  connected: boolean;
}

export interface ILogReading {
  log: ILogText;
  busy: boolean;
  error: string | null;
  following: boolean;
  setFollowing: (on: boolean) => void;
  /** Read what is before, up to a number of bytes; `before` is called just before it is shown. */
  earlier: (limit: number, before: () => void) => Promise<void>;
  again: () => void;
}

export function useLog({ name, ranged, read, follow, connected }: ILogOptions): ILogReading {
  const [log, setLog] = React.useState<ILogText>(EMPTY);
  const [busy, setBusy] = React.useState(true);
  const [error, setError] = React.useState<string | null>(null);
  const [following, setFollowing] = React.useState(true);
  const [turn, setTurn] = React.useState(0);
  const latest = React.useRef(log);
  latest.current = log;
  const calls = React.useRef({ read, follow });
  calls.current = { read, follow };
  const alive = React.useRef(true);
  const reading = React.useRef(false);
  React.useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
    };
  }, []);

  // `turn` is another one for each attempt.
  React.useEffect(() => {
    if (!connected) {
      return;
    }
    const aborted = new AbortController();
    const run = async (): Promise<void> => {
      setError(null);
      let log = latest.current;
      if (log.pieces.length === 0 || !ranged) {
        setBusy(true);
        log = first(await calls.current.read(name, null, PART));
        if (aborted.signal.aborted) {
          return;
        }
        latest.current = log;
        setLog(log);
        setBusy(false);
      }
      if (!ranged || !following) {
        return;
      }
      for await (const part of calls.current.follow(name, log.end, aborted.signal)) {
        if (aborted.signal.aborted) {
          return;
        }
        latest.current = append(latest.current, part);
        setLog(latest.current);
      }
    };
    run().catch((reason: unknown) => {
      if (!aborted.signal.aborted) {
        setBusy(false);
        setError(reason instanceof Error ? reason.message : String(reason));
      }
    });
    return () => aborted.abort();
  }, [name, ranged, following, connected, turn]);

  const earlier = React.useCallback(
    async (limit: number, before: () => void): Promise<void> => {
      if (reading.current) {
        return;
      }
      reading.current = true;
      const goal = Math.max(0, latest.current.start - limit);
      setBusy(true);
      try {
        while (alive.current && latest.current.start > goal) {
          const { start } = latest.current;
          const from = Math.max(goal, start - Math.min(limit, LARGE_PART));
          const part = await calls.current.read(name, from, start - from);
          // A part that begins no earlier would be asked for again without end.
          if (!alive.current || part.offset >= start || !part.text) {
            break;
          }
          latest.current = prepend(latest.current, part);
        }
        // Shown at once: to lay it out after each part would take longer than to read it.
        if (alive.current) {
          before();
          setLog(latest.current);
        }
        setError(null);
      } catch (reason) {
        setError(reason instanceof Error ? reason.message : String(reason));
      } finally {
        reading.current = false;
        setBusy(false);
      }
    },
    [name]
  );

  const again = React.useCallback(() => setTurn(turn => turn + 1), []);
  return { log, busy, error, following, setFollowing, earlier, again };
}
