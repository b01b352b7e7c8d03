import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IPlot } from '../tokens';

/** What most people look at first, in this order. */
const USUAL = [
  'task stream',
  'progress',
  'workers',
  'cluster map',
  'memory by worker',
  'cpu',
  'bandwidth types'
];

/** How many of them have a button before all are asked for. */
const FEW = 5;

export interface IDashboardListProps {
  /** The cluster's name; null where there is none. */
  cluster: string | null;
  /** Null while they are asked for. */
  plots: readonly IPlot[] | null;
  /** Why there are none. */
  reason: string | null;
  onOpen: (plot: IPlot) => void;
  onLayout?: () => void;
  onUrl?: () => void;
  trans: TranslationBundle;
}

/** The pages of a cluster's dashboard, by name. */
export const DashboardList = React.memo(function DashboardList(
  props: IDashboardListProps
): JSX.Element {
  const { cluster, plots, reason, onOpen, onLayout, onUrl, trans } = props;
  const [all, setAll] = React.useState(false);
  const [filter, setFilter] = React.useState('');
  const search = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    if (all) {
      search.current?.focus();
    }
  }, [all]);
  const few = React.useMemo(() => usual(plots ?? []), [plots]);
  const wanted = filter.trim().toLowerCase();
  const shown = all ? (plots ?? []).filter(plot => plot.title.toLowerCase().includes(wanted)) : few;
  return (
    <div className="dsk-Plots">
      {cluster === null ? (
        <p>{trans.__('Dask’s own plots of a cluster appear here once one runs.')}</p>
      ) : reason ? (
        <p>{reason}</p>
      ) : (
        <p className="dsk-Plots-of">{trans.__('of %1', cluster)}</p>
      )}
      {all && (
        <input
          ref={search}
          className="dsk-Input"
          type="search"
          aria-label={trans.__('Filter plots')}
          placeholder={trans.__('Filter plots')}
          value={filter}
          onChange={event => setFilter(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Escape') {
              event.stopPropagation();
              setFilter('');
              setAll(false);
            }
          }}
        />
      )}
      {cluster !== null && !reason && (
        <div className="dsk-Plots-names" role="group" aria-label={trans.__('Plots of %1', cluster)}>
          {plots === null && (
            <span className="dsk-Plots-wait">{trans.__('Asking the dashboard…')}</span>
          )}
          {shown.map(plot => (
            <button
              key={plot.path}
              type="button"
              className="dsk-Button"
              onClick={() => onOpen(plot)}
            >
              {plot.title}
            </button>
          ))}
          {all && shown.length === 0 && (
            <span>{trans.__('No plot has “%1” in its name.', filter)}</span>
          )}
          {plots !== null && plots.length > few.length && (
            <button
              type="button"
              className="dsk-Button"
              aria-expanded={all}
              onClick={() => setAll(!all)}
            >
              {all ? trans.__('Fewer') : trans.__('All %1…', plots.length)}
            </button>
          )}
        </div>
      )}
      <div className="dsk-Plots-more">
        {onLayout && cluster !== null && !reason && (
          <button type="button" className="dsk-Link" onClick={onLayout}>
            {trans.__('Open my layout')}
          </button>
        )}
        {onUrl && (
          <button type="button" className="dsk-Link" onClick={onUrl}>
            {trans.__('Open one by its URL…')}
          </button>
        )}
      </div>
    </div>
  );
});

/** The usual ones that this cluster has, filled up with the first of the others. */
export function usual(plots: readonly IPlot[]): readonly IPlot[] {
  if (plots.length <= FEW + 1) {
    return plots;
  }
  const rank = (plot: IPlot): number => {
    const at = USUAL.indexOf(plot.title.toLowerCase());
    return at < 0 ? USUAL.length : at;
  };
  return [...plots].sort((a, b) => rank(a) - rank(b)).slice(0, FEW);
}
