/**
 * What a cluster costs, and its facts.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IAdapt, ICluster, IUnit } from '../tokens';
import { useClock } from './clock';
import {
  bytes,
  bytesOf,
  coreHours,
  coresText,
  duration,
  grouped,
  hasEnded,
  held,
  number,
  origin,
  tenureWords,
  timeOfDay
} from './format';
import { ManagerLink } from './TableCells';
import { unitWords } from './unitWords';

export interface ISpendProps {
  cluster: ICluster;
  trans: TranslationBundle;
  onCopy: (text: string) => void;
}

export function Spend({ cluster, trans, onCopy }: ISpendProps): React.ReactElement {
  return (
    <div className="dsk-Facts">
      <Cost cluster={cluster} trans={trans} />
      {Object.keys(cluster.groups).length > 0 && <Groups cluster={cluster} trans={trans} />}
      <Facts cluster={cluster} trans={trans} onCopy={onCopy} />
      {(cluster.defences ?? []).length > 0 && <Defences cluster={cluster} trans={trans} />}
      {cluster.warnings.length > 0 && (
        <section className="dsk-Facts-section">
          <h2 className="dsk-Heading">{trans.__('Warnings')}</h2>
          <ul className="dsk-Facts-warnings">
            {cluster.warnings.map(warning => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

interface IPartProps {
  cluster: ICluster;
  trans: TranslationBundle;
}

function Cost({ cluster, trans }: IPartProps): React.ReactElement {
  const total = useClock(now => held(cluster, now));
  const busy = cluster.spend.busy;
  const share = total > 0 ? Math.min(1, busy / total) : 0;
  const lived = useClock(now =>
    duration((hasEnded(cluster.state) ? cluster.since : now) - cluster.created, trans)
  );
  const percent = Math.round(share * 100);
  return (
    <section className="dsk-Facts-section" aria-label={trans.__('Spend')}>
      <div className="dsk-Facts-figures">
        <Figure title={trans.__('Held')} value={coreHours(total, trans)} />
        <Figure title={trans.__('Worked')} value={coreHours(busy, trans)} />
        <Figure
          title={trans.__('Now')}
          value={
            cluster.spend.cores > 0
              ? trans.__('%1 core-h per hour', number(cluster.spend.cores))
              : trans.__('nothing')
          }
        />
        <Figure title={trans.__('Lived')} value={lived} />
      </div>
      <div
        className="dsk-Facts-share"
        role="meter"
        aria-label={trans.__('Part of the held time in which cores worked')}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={trans.__('%1 %', percent)}
      >
        <span style={{ width: `${(share * 100).toFixed(1)}%` }} />
      </div>
      <p className="dsk-Quiet">
        {total > 0
          ? trans.__('Cores worked in %1 % of the time for which they were held.', percent)
          : trans.__('Nothing was held yet.')}
      </p>
    </section>
  );
}

function Figure({ title, value }: { title: string; value: string }): React.ReactElement {
  return (
    <div className="dsk-Figure">
      <span className="dsk-Figure-title">{title}</span>
      <span className="dsk-Figure-value">{value}</span>
    </div>
  );
}

function Groups({ cluster, trans }: IPartProps): React.ReactElement {
  const title = React.useId();
  const words = unitWords(cluster.system, trans);
  return (
    <section className="dsk-Facts-section" aria-labelledby={title}>
      <h2 id={title} className="dsk-Heading">
        {trans.__('Groups')}
      </h2>
      <div
        className="dsk-Scroll"
        role="region"
        tabIndex={0}
        aria-label={trans.__('Groups of workers')}
      >
        <table className="dsk-Small">
          <thead>
            <tr>
              <th scope="col">{trans.__('Group')}</th>
              <th scope="col">{words.title}</th>
              <th scope="col">{trans.__('Asked')}</th>
              <th scope="col">{trans.__('Queued')}</th>
              <th scope="col">{trans.__('Running')}</th>
              <th scope="col">{trans.__('Lost')}</th>
              <th scope="col">{trans.__('Size')}</th>
              <th scope="col">{words.each}</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(cluster.groups).map(([name, group]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{grouped(group.jobs)}</td>
                <td>{grouped(group.asked)}</td>
                <td>{grouped(group.queued)}</td>
                <td>{grouped(group.running)}</td>
                <td>{grouped(group.lost)}</td>
                <td>{sizeWords(group.adapt, trans)}</td>
                <td>{unitText(group.unit, trans)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function sizeWords(adapt: IAdapt | null, trans: TranslationBundle): string {
  return adapt ? trans.__('adaptive, %1 to %2', adapt.minimum, adapt.maximum) : trans.__('fixed');
}

function unitText(unit: IUnit | null, trans: TranslationBundle): string {
  if (!unit) {
    return trans.__('not known yet');
  }
  return [
    trans._n('%1 worker', '%1 workers', unit.workers),
    coresText(unit.cores, trans),
    unit.memory ? bytes(unit.memory) : trans.__('no memory limit')
  ].join(', ');
}

function Facts({ cluster, trans, onCopy }: ISpendProps): React.ReactElement {
  const title = React.useId();
  const words = unitWords(cluster.system, trans);
  // Moments are shown with the date where it is not today; a day is all that must be looked at.
  const now = useClock(seconds => Math.floor(seconds / 3600) * 3600);
  const page = cluster.manager_page ?? null;
  const facts: [string, React.ReactNode][] = [
    [trans.__('Name'), cluster.name],
    [trans.__('Id'), <Copied key="id" text={cluster.id} trans={trans} onCopy={onCopy} />],
    [trans.__('Profile'), cluster.profile_title ?? cluster.profile ?? trans.__('none')],
    [trans.__('System'), cluster.system],
    [trans.__('Created'), timeOfDay(cluster.created, now)],
    [trans.__('Started'), origin(cluster, false, trans) ?? trans.__('not known')],
    [
      trans.__('Belongs to'),
      cluster.tenure ? tenureWords(cluster.tenure, cluster.owner, trans) : trans.__('nothing')
    ],
    [trans.__('Keeper on'), cluster.host ?? trans.__('not known')],
    [
      trans.__('Scheduler'),
      cluster.scheduler.address ? (
        <Copied key="address" text={cluster.scheduler.address} trans={trans} onCopy={onCopy} />
      ) : (
        trans.__('not there yet')
      )
    ],
    [
      trans.__('Dashboard'),
      cluster.scheduler.dashboard
        ? trans.__('served')
        : (cluster.scheduler.dashboard_reason ?? trans.__('not served'))
    ],
    [trans.__('Size'), sizeWords(cluster.adapt, trans)],
    [words.each, unitText(cluster.unit, trans)],
    [trans.__('Threads'), grouped(cluster.threads)],
    [trans.__('Memory'), bytesOf(cluster.memory.used, cluster.memory.limit, trans)],
    [trans.__('Spilled to disk'), bytes(cluster.memory.spilled)]
  ];
  if (page !== null) {
    facts.push([
      trans.__('Application'),
      <ManagerLink key="page" id={page.id} link={page.link} trans={trans} />
    ]);
  }
  if (cluster.ends_at !== null) {
    const words: Record<string, string> = {
      idle_timeout: trans.__('%1, if it stays idle', timeOfDay(cluster.ends_at, now)),
      time_to_live: trans.__('%1, by its time to live', timeOfDay(cluster.ends_at, now))
    };
    facts.push([trans.__('Ends'), words[cluster.ends_by ?? ''] ?? timeOfDay(cluster.ends_at, now)]);
  }
  if (cluster.logs_until !== null) {
    facts.push([trans.__('Logs stay until'), timeOfDay(cluster.logs_until, now)]);
  }
  return (
    <section className="dsk-Facts-section" aria-labelledby={title}>
      <h2 id={title} className="dsk-Heading">
        {trans.__('Facts')}
      </h2>
      <dl className="dsk-Facts-list">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** What gives everything back if the keeper cannot: which of it is in force, and until when. */
function Defences({ cluster, trans }: IPartProps): React.ReactElement {
  const title = React.useId();
  const now = useClock(seconds => Math.floor(seconds / 3600) * 3600);
  const names: Record<string, string> = {
    guard: trans.__('Guard'),
    line: trans.__('Line'),
    lifetime: trans.__('Lifetime'),
    wall: trans.__('Wall')
  };
  return (
    <section className="dsk-Facts-section" aria-labelledby={title}>
      <h2 id={title} className="dsk-Heading">
        {trans.__('Given back without its keeper by')}
      </h2>
      <dl className="dsk-Facts-list">
        {(cluster.defences ?? []).map(one => (
          <div key={one.name}>
            <dt>{names[one.name] ?? one.name}</dt>
            <dd>
              {one.in_force ? one.words : trans.__('not in force: %1', one.words)}
              {one.at !== null && `, ${timeOfDay(one.at, now)}`}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

interface ICopiedProps {
  text: string;
  trans: TranslationBundle;
  onCopy: (text: string) => void;
}

function Copied({ text, trans, onCopy }: ICopiedProps): React.ReactElement {
  return (
    <span className="dsk-Copied">
      <code>{text}</code>
      <button
        type="button"
        className="dsk-Button dsk-mod-small"
        aria-label={trans.__('Copy %1', text)}
        onClick={() => onCopy(text)}
      >
        {trans.__('Copy')}
      </button>
    </span>
  );
}
