/**
 * What one can do with a log: search it, follow it, wrap its lines, copy it, save it.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { LogSearch, type ILogSearch } from './LogSearch';
import type { ILogReading } from './useLog';

interface ILogToolbarProps {
  reading: ILogReading;
  /** Whether it can be followed; a worker's own log can only be read again. */
  ranged: boolean;
  search: ILogSearch;
  wrap: boolean;
  onWrap: (on: boolean) => void;
  onFollow: (on: boolean) => void;
  onCopy: () => void;
  onDownload: () => void;
  trans: TranslationBundle;
}

export function LogToolbar(props: ILogToolbarProps): React.ReactElement {
  const { reading, ranged, search, wrap, onWrap, onFollow, onCopy, onDownload, trans } = props;
  return (
    <div className="dsk-LogViewer-tools" role="toolbar" aria-label={trans.__('Log')}>
      <LogSearch search={search} trans={trans} />
      {ranged ? (
        <label className="dsk-Check">
          <input
            type="checkbox"
            checked={reading.following}
            onChange={event => onFollow(event.target.checked)}
          />
          {trans.__('Follow')}
        </label>
      ) : (
        <button
          type="button"
          className="dsk-Button"
          disabled={reading.busy}
          onClick={reading.again}
        >
          {trans.__('Read again')}
        </button>
      )}
      <label className="dsk-Check">
        <input type="checkbox" checked={wrap} onChange={event => onWrap(event.target.checked)} />
        {trans.__('Wrap lines')}
      </label>
      <span className="dsk-LogViewer-actions">
        <button
          type="button"
          className="dsk-Button"
          title={trans.__('Copy what is selected, or all that is read')}
          onClick={onCopy}
        >
          {trans.__('Copy')}
        </button>
        <button type="button" className="dsk-Button" onClick={onDownload}>
          {trans.__('Download')}
        </button>
      </span>
    </div>
  );
}
