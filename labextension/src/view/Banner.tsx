import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IConnection } from '../tokens';
import { useClock } from './clock';
import { duration, timeOfDay } from './format';
import { Glyph } from './Glyph';

/** Tells on the server's host what is wrong there. */
const CHECK = 'jupyter server extension list';

export interface IBannerProps {
  connection: IConnection;
  readOnly: boolean;
  onRetry?: () => void;
  trans: TranslationBundle;
}

/** What is true of the whole panel, said once: the server is not heard, has no Dask Steward, or only lets one look. */
export const Banner = React.memo(function Banner(props: IBannerProps): JSX.Element | null {
  const { connection, readOnly, onRetry, trans } = props;
  const { state, since, message } = connection;
  const clock = useClock(now => timeOfDay(since, now));
  const elapsed = useClock(now => duration(now - since, trans));
  const again = onRetry && (
    <button type="button" className="dsk-Button" onClick={onRetry}>
      {trans.__('Ask again')}
    </button>
  );
  switch (state) {
    case 'lost':
      return (
        <div className="dsk-Banner dsk-mod-lost" role="status">
          <Glyph look="stale" />
          <div>
            <b>{trans.__('No news since %1.', clock)}</b>{' '}
            {trans.__(
              'The Jupyter server does not answer. This is what was last known; the page asks again by itself.'
            )}
            {message && <div className="dsk-Banner-detail">{message}</div>}
            {again}
          </div>
        </div>
      );
    case 'missing':
      return (
        <div className="dsk-Banner dsk-mod-missing" role="status">
          <Glyph look="failed" />
          <div>
            <b>{trans.__('This server has no Dask Steward.')}</b>{' '}
            {message ??
              trans.__(
                'Its server extension is not installed or not enabled where the Jupyter server runs.'
              )}{' '}
            <code>{CHECK}</code>
            {again}
          </div>
        </div>
      );
    case 'connecting':
      return (
        <div className="dsk-Banner dsk-mod-connecting" role="status">
          <Glyph look="starting" />
          <div>
            {trans.__('Asking the Jupyter server…')}{' '}
            <span className="dsk-Banner-detail">{elapsed}</span>
          </div>
        </div>
      );
    case 'ok':
      return readOnly ? (
        <div className="dsk-Banner dsk-mod-readonly" role="note">
          <div>
            <b>{trans.__('Read-only.')}</b>{' '}
            {trans.__('This server lets you see clusters, but not start, change or stop them.')}
          </div>
        </div>
      ) : null;
  }
});
