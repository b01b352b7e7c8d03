/**
 * One log: its text, which stays at its end while one is there, and what can be done with it.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Failure } from './Failure';
import { bytes } from './format';
import { LogLines } from './LogLines';
import { useLogSearch } from './LogSearch';
import { whole } from './logText';
import { LogToolbar } from './LogToolbar';
import { PART, useLog, type ILogOptions } from './useLog';

/** Pixels from the end that still count as the end, and from the beginning from which on more is read. */
const NEAR = 24;
const EARLY = 200;

interface ILogReaderProps extends ILogOptions {
  trans: TranslationBundle;
  onCopy: (text: string) => void;
  /** Save the whole log as a file. */
  onDownload: () => void;
}

export function LogReader(props: ILogReaderProps): React.ReactElement {
  const { name, ranged, trans } = props;
  const reading = useLog(props);
  const { log, busy, error } = reading;
  const search = useLogSearch(log);
  const [wrap, setWrap] = React.useState(false);
  const [away, setAway] = React.useState(false);
  const region = React.useRef<HTMLDivElement>(null);
  const stick = React.useRef(true);
  const anchor = React.useRef<{ height: number; top: number } | null>(null);

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
    if (search.current) {
      stick.current = false;
      region.current?.querySelector('.dsk-LogViewer-current')?.scrollIntoView({ block: 'center' });
    }
    // It goes there when one asks for another place, not when the log grows.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [search.wanted, search.query]);

  const earlier = (limit: number): void => {
    const element = region.current;
    void reading.earlier(limit, () => {
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

  return (
    <>
      <LogToolbar
        reading={reading}
        ranged={ranged}
        search={search}
        wrap={wrap}
        onWrap={setWrap}
        onFollow={on => {
          reading.setFollowing(on);
          if (on) {
            toEnd();
          }
        }}
        onCopy={() => props.onCopy(selected(region.current) || whole(log))}
        onDownload={props.onDownload}
        trans={trans}
      />
      {error !== null && <Failure message={error} onAgain={reading.again} trans={trans} />}
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
        <LogLines pieces={log.pieces} search={search} />
      </div>
      {away && (
        <button type="button" className="dsk-Button dsk-LogViewer-end" onClick={toEnd}>
          {trans.__('To the end')}
        </button>
      )}
    </>
  );
}

function selected(region: HTMLElement | null): string {
  const selection = region?.ownerDocument.getSelection();
  if (!region || !selection || selection.isCollapsed || !selection.anchorNode) {
    return '';
  }
  return region.contains(selection.anchorNode) ? selection.toString() : '';
}
