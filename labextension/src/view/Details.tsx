/**
 * All that is known of one cluster, in tabs: workers, jobs, logs, what it costs.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { useClock } from './clock';
import { since, stateWord, timeOfDay, workersText, type Look } from './format';
import { Glyph } from './Glyph';
import { unitWords } from './unitWords';

export type DetailsTab = 'workers' | 'jobs' | 'logs' | 'spend';

export const TABS: readonly DetailsTab[] = ['workers', 'jobs', 'logs', 'spend'];

export interface IDetailsProps {
  /** Null where the cluster is not known (any more). */
  cluster: ICluster | null;
  /** Whether the server was not heard yet, so that nothing can be said of it. */
  reading: boolean;
  tab: DetailsTab;
  /** Why the facts may be old; null while they are fresh. */
  stale: string | null;
  /** Whether the tabs alone are shown, since a card above them says the rest. */
  bare?: boolean;
  trans: TranslationBundle;
  onTab: (tab: DetailsTab) => void;
  /** The panel of a tab. */
  children: React.ReactNode;
}

export function Details(props: IDetailsProps): React.ReactElement {
  const { cluster, tab, trans, onTab } = props;
  const id = React.useId();
  const tabs = React.useRef<HTMLDivElement>(null);
  const titles: Record<DetailsTab, string> = {
    workers: trans.__('Workers'),
    jobs: unitWords(cluster?.system, trans).title,
    logs: trans.__('Logs'),
    spend: trans.__('Spend and facts')
  };

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const at = TABS.indexOf(tab);
    const to: Record<string, number> = {
      ArrowRight: (at + 1) % TABS.length,
      ArrowLeft: (at + TABS.length - 1) % TABS.length,
      Home: 0,
      End: TABS.length - 1
    };
    if (event.key in to) {
      event.preventDefault();
      const next = TABS[to[event.key]];
      onTab(next);
      tabs.current?.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
    }
  };

  if (!cluster) {
    return (
      <div className="dsk-Nothing" role="status">
        <p>
          {props.reading
            ? trans.__('Reading…')
            : trans.__('This cluster is not known any more: it has ended, and its logs are gone.')}
        </p>
      </div>
    );
  }
  const stale = props.stale ?? cluster.stale;
  return (
    <div className={`dsk-Details${stale ? ' dsk-mod-stale' : ''}`}>
      {!props.bare && <Header cluster={cluster} stale={stale} trans={trans} />}
      <div
        className="dsk-Tabs"
        role="tablist"
        aria-label={trans.__('Details of %1', cluster.name)}
        ref={tabs}
        onKeyDown={onKeyDown}
      >
        {TABS.map(each => (
          <button
            key={each}
            type="button"
            role="tab"
            id={`${id}-${each}`}
            data-tab={each}
            className="dsk-Tab"
            aria-selected={each === tab}
            aria-controls={`${id}-panel`}
            tabIndex={each === tab ? 0 : -1}
            onClick={() => onTab(each)}
          >
            {titles[each]}
            {each === 'workers' && <span className="dsk-Count">{cluster.workers.running}</span>}
            {each === 'jobs' && <span className="dsk-Count">{cluster.jobs.total}</span>}
          </button>
        ))}
      </div>
      <div
        className="dsk-Details-panel"
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${tab}`}
        data-tab={tab}
      >
        {props.children}
      </div>
    </div>
  );
}

interface IHeaderProps {
  cluster: ICluster;
  stale: string | null;
  trans: TranslationBundle;
}

function Header({ cluster, stale, trans }: IHeaderProps): React.ReactElement {
  const look: Look = stale ? 'stale' : cluster.state;
  const when = useClock(now =>
    stale ? trans.__('since %1', timeOfDay(cluster.seen, now)) : since(cluster, now, trans)
  );
  return (
    <div className="dsk-Details-head">
      <h1 className="dsk-Details-name">{cluster.name}</h1>
      <span className="dsk-Quiet">{cluster.profile_title ?? cluster.profile}</span>
      <span className={`dsk-Details-state dsk-mod-${look}`}>
        <Glyph look={look} /> <b>{stateWord(look, trans)}</b> <span>{when}</span>
      </span>
      <span className="dsk-Quiet">{workersText(cluster, trans)}</span>
      {(stale ?? cluster.reason) && <p className="dsk-Details-reason">{stale ?? cluster.reason}</p>}
    </div>
  );
}
