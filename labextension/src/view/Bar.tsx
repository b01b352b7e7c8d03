import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { grouped, workersText } from './format';

export interface IBarProps {
  cluster: ICluster;
  trans: TranslationBundle;
}

/**
 * What was asked for, and what of it is there: running solid, queued hatched, lost red and crossed.
 *
 * The bar keeps its place when it is empty.
 */
export const Bar = React.memo(function Bar({ cluster, trans }: IBarProps): JSX.Element {
  const { asked, queued, running, lost } = cluster.workers;
  // While it grows smaller there are more workers than asked for.
  const whole = Math.max(asked, queued + running + lost, 1);
  const part = (count: number): React.CSSProperties => ({ width: `${(100 * count) / whole}%` });
  return (
    <div className="dsk-Bar" role="img" aria-label={workersText(cluster, trans)}>
      {running > 0 && <span className="dsk-Bar-part dsk-mod-running" style={part(running)} />}
      {queued > 0 && <span className="dsk-Bar-part dsk-mod-queued" style={part(queued)} />}
      {lost > 0 && <span className="dsk-Bar-part dsk-mod-lost" style={part(lost)} />}
    </div>
  );
});

export interface ILegendProps extends IBarProps {
  /** What it costs, at the line's end. */
  children?: React.ReactNode;
}

/** The bar's numbers. Its words are in the bar's own name too, so that a screen reader hears them once. */
export const Legend = React.memo(function Legend({
  cluster,
  trans,
  children
}: ILegendProps): JSX.Element {
  const { asked, queued, running, lost } = cluster.workers;
  return (
    <div className="dsk-Legend">
      <span className="dsk-Legend-numbers" aria-hidden="true">
        <span className="dsk-Legend-item dsk-mod-running">
          {trans.__('%1 running', grouped(running))}
        </span>
        {queued > 0 && (
          <span className="dsk-Legend-item dsk-mod-queued">
            {trans.__('%1 queued', grouped(queued))}
          </span>
        )}
        {lost > 0 && (
          <span className="dsk-Legend-item dsk-mod-lost">{trans.__('%1 lost', grouped(lost))}</span>
        )}
        <span className="dsk-Legend-asked">{trans.__('of %1', grouped(asked))}</span>
      </span>
      {cluster.adapt && (
        <span
          className="dsk-Legend-adapt"
          title={trans.__('The size follows the work, between these limits')}
        >
          {trans.__('adaptive, %1 to %2', cluster.adapt.minimum, cluster.adapt.maximum)}
        </span>
      )}
      {children}
    </div>
  );
});
