/**
 * The logs of a cluster as text: read in ranges from the end, followed, searched, copied.
 *
 * What a log says is shown as text nodes, never as HTML.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ILog, ILogPart } from '../tokens';
import { bytes, grouped } from './format';
import { append, EMPTY, find, first, prepend, whole, type ILogText, type IPiece } from './logText';

/** Bytes that are read at once, and when the rest is asked for. */
export const PART = 256 * 1024;
/** The most that the server gives at once. */
const LARGE_PART = 1_000_000;

/** Places that a search counts: beyond it nobody goes through them one by one. */
const MOST_FOUND = 5000;

/** Pixels from the end that still count as the end, and from the beginning from which on more is read. */
const NEAR = 24;
const EARLY = 200;

export interface ILogViewerProps {
  logs: readonly ILog[] | null;
  /** The log that is shown; null while there is none. */
  name: string | null;
  trans: TranslationBundle;
  onChoose: (name: string) => void;
  /** Ask for the list of logs again. */
  onRefresh: () => void;
  read: (name: string, offset: number | null, limit: number) => Promise<ILogPart>;
  follow: (name: string, offset: number, signal: AbortSignal) => AsyncIterable<ILogPart>;
  onCopy: (text: string) => void;
  /** Save the whole log as a file. */
  onDownload: (name: string) => void;
  /** Whether the server can be heard; a log is read again once it is. */
  connected: boolean;
}

export function LogViewer(props: ILogViewerProps): React.ReactElement {
  const { logs, name, trans } = props;
  const label = React.useId();
  if (logs !== null && logs.length === 0) {
    return (
      <div className="dsk-Nothing" role="status">
        <p>{trans.__('There is no log yet.')}</p>
        <button type="button" className="dsk-Button" onClick={props.onRefresh}>
          {trans.__('Look again')}
        </button>
      </div>
    );
  }
  const chosen = logs?.find(log => log.name === name) ?? null;
  return (
    <div className="dsk-LogViewer">
      <div className="dsk-LogViewer-choice">
        <label htmlFor={label}>{trans.__('Log')}</label>
        <select
          id={label}
          className="dsk-Select"
          value={name ?? ''}
          onChange={event => props.onChoose(event.target.value)}
        >
          {chosen === null && (
            <option value={name ?? ''}>{name ?? trans.__('Reading the list…')}</option>
          )}
          <Choices logs={logs ?? []} trans={trans} />
        </select>
        <button
          type="button"
          className="dsk-Button"
          title={trans.__('Look for new logs')}
          onClick={props.onRefresh}
        >
          {trans.__('Refresh')}
        </button>
      </div>
      {name !== null && logs !== null && (
        <LogText key={name} {...props} name={name} ranged={chosen?.size !== null} />
      )}
    </div>
  );
}

interface IChoicesProps {
  logs: readonly ILog[];
  trans: TranslationBundle;
}

function Choices({ logs, trans }: IChoicesProps): React.ReactElement {
  const kinds: [ILog['kind'], string][] = [
    ['keeper', trans.__('Cluster')],
    ['job', trans.__('Jobs')],
    ['worker', trans.__('Workers')]
  ];
  return (
    <>
      {kinds
        .map(([kind, title]) => ({ title, of: logs.filter(log => log.kind === kind) }))
        .filter(group => group.of.length > 0)
        .map(group => (
          <optgroup key={group.title} label={group.title}>
            {group.of.map(log => (
              <option key={log.name} value={log.name}>
                {log.size === null ? log.name : `${log.name} · ${bytes(log.size)}`}
              </option>
            ))}
          </optgroup>
        ))}
    </>
  );
}

interface ILogTextProps extends ILogViewerProps {
  name: string;
  /** Whether earlier parts can be read; of a worker's own log only the end can be had. */
  ranged: boolean;
}

function LogText(props: ILogTextProps): React.ReactElement {
  const { name, ranged, trans } = props;
  const source = useLogText(props);
  const { log, busy, error } = source;
  const [wrap, setWrap] = React.useState(false);
  const [query, setQuery] = React.useState('');
  const [at, setAt] = React.useState(0);
  const [away, setAway] = React.useState(false);
  const region = React.useRef<HTMLDivElement>(null);
  const stick = React.useRef(true);
  const anchor = React.useRef<{ height: number; top: number } | null>(null);
  const found = React.useMemo(() => find(log, query, MOST_FOUND), [log, query]);
  const marks = React.useMemo(() => marksOf(found), [found]);
  const current = found.length > 0 ? found[Math.min(at, found.length - 1)] : null;

  // New text: stay at the end if one was there; earlier text: keep what is in sight where it is.
  React.useLayoutEffect(() => {
    const element = region.current;
    if (!element) {
      return;
    }
    if (anchor.current) {
      element.scrollTop = anchor.current.top + element.scrollHeight - anchor.current.height;
      anchor.current = null;
    } else if (stick.current) {
      element.scrollTop = element.scrollHeight;
    }
  }, [log, wrap]);

  React.useEffect(() => {
    if (current) {
      stick.current = false;
      region.current?.querySelector('.dsk-LogViewer-current')?.scrollIntoView({ block: 'center' });
    }
    // It goes there when one asks for another place, not when the log grows.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [at, query]);

  const earlier = (limit: number): void => {
    const element = region.current;
    void source.earlier(limit, () => {
      anchor.current = element ? { height: element.scrollHeight, top: element.scrollTop } : null;
    });
  };

  const onScroll = (): void => {
    const element = region.current;
    if (!element) {
      return;
    }
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    stick.current = below <= NEAR;
    setAway(below > NEAR);
    if (element.scrollTop < EARLY && ranged && log.start > 0 && !busy) {
      earlier(PART);
    }
  };

  const toEnd = (): void => {
    const element = region.current;
    if (element) {
      stick.current = true;
      element.scrollTop = element.scrollHeight;
      setAway(false);
    }
  };

  const step = (by: number): void => {
    if (found.length > 0) {
      setAt((Math.min(at, found.length - 1) + by + found.length) % found.length);
    }
  };

  return (
    <>
      <div className="dsk-LogViewer-tools" role="toolbar" aria-label={trans.__('Log')}>
        <span className="dsk-LogViewer-search" role="search">
          <input
            type="search"
            className="dsk-Input"
            placeholder={trans.__('Search what is read')}
            aria-label={trans.__('Search the log')}
            value={query}
            onChange={event => {
              setQuery(event.target.value);
              setAt(0);
            }}
            onKeyDown={event => {
              if (event.key === 'Enter') {
                event.preventDefault();
                step(event.shiftKey ? -1 : 1);
              }
            }}
          />
          <span className="dsk-LogViewer-found" role="status">
            {query === ''
              ? ''
              : found.length === 0
                ? trans.__('not found')
                : trans.__(
                    '%1 of %2',
                    grouped(Math.min(at, found.length - 1) + 1),
                    found.length >= MOST_FOUND
                      ? trans.__('%1 or more', grouped(MOST_FOUND))
                      : grouped(found.length)
                  )}
          </span>
          <button
            type="button"
            className="dsk-Button"
            aria-label={trans.__('Previous place')}
            title={trans.__('Previous place')}
            disabled={found.length === 0}
            onClick={() => step(-1)}
          >
            <span aria-hidden="true">↑</span>
          </button>
          <button
            type="button"
            className="dsk-Button"
            aria-label={trans.__('Next place')}
            title={trans.__('Next place')}
            disabled={found.length === 0}
            onClick={() => step(1)}
          >
            <span aria-hidden="true">↓</span>
          </button>
        </span>
        {ranged ? (
          <label className="dsk-Check">
            <input
              type="checkbox"
              checked={source.following}
              onChange={event => {
                source.setFollowing(event.target.checked);
                if (event.target.checked) {
                  toEnd();
                }
              }}
            />
            {trans.__('Follow')}
          </label>
        ) : (
          <button type="button" className="dsk-Button" disabled={busy} onClick={source.again}>
            {trans.__('Read again')}
          </button>
        )}
        <label className="dsk-Check">
          <input type="checkbox" checked={wrap} onChange={event => setWrap(event.target.checked)} />
          {trans.__('Wrap lines')}
        </label>
        <span className="dsk-LogViewer-actions">
          <button
            type="button"
            className="dsk-Button"
            title={trans.__('Copy what is selected, or all that is read')}
            onClick={() => props.onCopy(selected(region.current) || whole(log))}
          >
            {trans.__('Copy')}
          </button>
          <button type="button" className="dsk-Button" onClick={() => props.onDownload(name)}>
            {trans.__('Download')}
          </button>
        </span>
      </div>
      {error !== null && (
        <div className="dsk-Message dsk-mod-error" role="alert">
          <span>{error}</span>
          <button type="button" className="dsk-Button" onClick={source.again}>
            {trans.__('Try again')}
          </button>
        </div>
      )}
      {ranged && log.start > 0 && (
        <div className="dsk-LogViewer-earlier">
          <span>{trans.__('%1 before this are not read yet.', bytes(log.start))}</span>
          <button
            type="button"
            className="dsk-Button"
            disabled={busy}
            onClick={() => earlier(PART)}
          >
            {trans.__('Earlier')}
          </button>
          <button
            type="button"
            className="dsk-Button"
            disabled={busy}
            onClick={() => earlier(Infinity)}
          >
            {trans.__('Read all')}
          </button>
        </div>
      )}
      <div
        className={`dsk-LogViewer-text${wrap ? ' dsk-mod-wrap' : ''}`}
        ref={region}
        tabIndex={0}
        role="region"
        aria-label={trans.__('Text of %1', name)}
        aria-busy={busy}
        onScroll={onScroll}
      >
        {log.pieces.length === 0 && (
          <p className="dsk-Quiet">{busy ? trans.__('Reading…') : trans.__('It is empty.')}</p>
        )}
        {log.pieces.map(piece => (
          <MemoPiece
            key={piece.id}
            piece={piece}
            query={query}
            marks={marks.get(piece.id) ?? NONE}
            current={current?.piece === piece.id ? current.at : -1}
          />
        ))}
      </div>
      {away && (
        <button type="button" className="dsk-Button dsk-LogViewer-end" onClick={toEnd}>
          {trans.__('To the end')}
        </button>
      )}
    </>
  );
}

const NONE: readonly number[] = [];

function marksOf(found: readonly { piece: number; at: number }[]): Map<number, number[]> {
  const marks = new Map<number, number[]>();
  for (const { piece, at } of found) {
    const here = marks.get(piece);
    if (here) {
      here.push(at);
    } else {
      marks.set(piece, [at]);
    }
  }
  return marks;
}

interface IPieceProps {
  piece: IPiece;
  query: string;
  marks: readonly number[];
  /** Where the place is that one is at; -1 where it is in another piece. */
  current: number;
}

function Piece({ piece, query, marks, current }: IPieceProps): React.ReactElement {
  const parts: React.ReactNode[] = [];
  let from = 0;
  for (const at of marks) {
    const to = at + query.length;
    parts.push(piece.text.slice(from, at));
    parts.push(
      <mark key={at} className={at === current ? 'dsk-LogViewer-current' : undefined}>
        {piece.text.slice(at, to)}
      </mark>
    );
    from = to;
  }
  parts.push(piece.text.slice(from));
  // A guess of its height, for as long as it was not in sight.
  const style = { ['--dsk-lines' as string]: piece.lines };
  return (
    <div className="dsk-LogViewer-piece" style={style}>
      {parts}
    </div>
  );
}

const MemoPiece = React.memo(
  Piece,
  (a, b) =>
    a.piece === b.piece &&
    a.current === b.current &&
    a.marks.length === b.marks.length &&
    // Without a place to mark it does not matter what is looked for.
    (a.marks.length === 0 ||
      (a.query === b.query && a.marks.every((at, index) => at === b.marks[index])))
);

function selected(region: HTMLElement | null): string {
  const selection = region?.ownerDocument.getSelection();
  if (!region || !selection || selection.isCollapsed || !selection.anchorNode) {
    return '';
  }
  return region.contains(selection.anchorNode) ? selection.toString() : '';
}

interface ISource {
  log: ILogText;
  busy: boolean;
  error: string | null;
  following: boolean;
  setFollowing: (on: boolean) => void;
  /** Read what is before, up to a number of bytes; `before` is called just before it is shown. */
  earlier: (limit: number, before: () => void) => Promise<void>;
  again: () => void;
}

/** One log: its end at first, then what follows, and what was before when somebody goes there. */
function useLogText({ name, ranged, read, follow, connected }: ILogTextProps): ISource {
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
