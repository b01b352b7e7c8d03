import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { useClock } from './clock';
import {
  ending,
  endsSoon,
  grouped,
  origin,
  since,
  stateWord,
  timeOfDay,
  type Look
} from './format';
import { Glyph } from './Glyph';

export interface IStateLineProps {
  cluster: ICluster;
  look: Look;
  /** Whether the notebook in front uses it. */
  here: boolean;
  /** Whether to tell the workers in words, since no bar does. */
  brief: boolean;
  /** The host of the Jupyter server: another one is told. */
  host: string | null;
  /** Since when nothing is known (seconds since the epoch), for the look `stale`. */
  unheard: number | null;
  /** Why, for the look `stale`. */
  why: string | null;
  trans: TranslationBundle;
}

/** How a cluster is: a glyph, a word, and since when. */
export const StateLine = React.memo(function StateLine(props: IStateLineProps): JSX.Element {
  const { cluster, look, here, brief, host, unheard, why, trans } = props;
  const when = useClock(now => since(cluster, now, trans));
  const ends = useClock(now => ending(cluster, now, trans));
  const soon = useClock(now => endsSoon(cluster, now));
  const lastHeard = useClock(now => timeOfDay(unheard ?? cluster.seen, now));
  const details: string[] = [];
  if (look === 'stale') {
    details.push(why ? trans.__('since %1 — %2', lastHeard, why) : trans.__('since %1', lastHeard));
  } else {
    const { asked, running } = cluster.workers;
    const counted = look === 'running' || look === 'degraded';
    if (brief && counted) {
      details.push(trans.__('%1 of %2 workers', grouped(running), grouped(asked)));
    }
    if (!(brief && ends !== null)) {
      details.push(when);
    }
    const from =
      look === 'running' || look === 'degraded' || look === 'pending'
        ? origin(cluster, here, trans)
        : null;
    if (from) {
      details.push(from);
    }
    if (cluster.host !== null && host !== null && cluster.host !== host) {
      details.push(trans.__('on %1', cluster.host));
    }
  }
  return (
    <div className={`dsk-State dsk-mod-${look}`}>
      <Glyph look={look} />
      <span className="dsk-State-text">
        <b className="dsk-State-word">{stateWord(look, trans)}</b>{' '}
        <span className="dsk-State-since">
          {details.join(' · ')}
          {look !== 'stale' && ends !== null && (
            <>
              {details.length > 0 && ' · '}
              <span className={soon ? 'dsk-State-soon' : undefined}>{ends}</span>
            </>
          )}
        </span>
      </span>
    </div>
  );
});
