import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { clock, useClock } from './clock';
import { bytes, bytesOf, grouped, number, unfinished } from './format';

/** Share of its memory from which a cluster is in trouble: at 80 % Dask pauses workers. */
const HIGH = 0.8;

/** Groups of tasks that have a row of their own; the rest is one number. */
const GROUPS = 4;

/** Seconds for which finished work keeps its rows, so that a card does not jump between two computations. */
const KEPT = 10;

export interface IMeterProps {
  label: string;
  used: number;
  limit: number;
  text: string;
  kind: 'meter' | 'progressbar';
  /** Why it wants attention; a colour is never alone. */
  warning?: string | null;
}

/** A row: name, bar, numbers. */
export const Meter = React.memo(function Meter(props: IMeterProps): JSX.Element {
  const { label, used, limit, text, kind, warning } = props;
  const share = limit > 0 ? Math.min(1, used / limit) : 0;
  return (
    <div className={`dsk-Meter${warning ? ' dsk-mod-warn' : ''}`}>
      <span className="dsk-Meter-label" title={label}>
        {label}
      </span>
      <span
        className="dsk-Meter-track"
        role={kind}
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={Math.max(limit, 1)}
        aria-valuenow={Math.min(used, Math.max(limit, 1))}
        aria-valuetext={warning ? `${text}, ${warning}` : text}
      >
        <span className="dsk-Meter-fill" style={{ width: `${100 * share}%` }} />
      </span>
      <span className="dsk-Meter-text" aria-hidden="true">
        {text}
        {warning && <b> {warning}</b>}
      </span>
    </div>
  );
});

export interface IMetersProps {
  cluster: ICluster;
  trans: TranslationBundle;
}

/** How busy a cluster is, and what it does. */
export const Meters = React.memo(function Meters({ cluster, trans }: IMetersProps): JSX.Element {
  const { cpu, memory, tasks } = cluster;
  const full = memory.limit > 0 && memory.used / memory.limit >= HIGH;
  const warning = memory.spilled
    ? trans.__('%1 on disk', bytes(memory.spilled))
    : full
      ? trans.__('high')
      : null;
  const working = tasks.groups.length > 0 && (unfinished(cluster) > 0 || tasks.per_second > 0);
  const rows = useKept(working ? tasks.groups : null);
  return (
    <div className="dsk-Meters">
      <Meter
        kind="meter"
        label={trans.__('CPU')}
        used={cpu.used}
        limit={cpu.limit}
        text={trans._n('%2 of %1 core', '%2 of %1 cores', Math.round(cpu.limit), number(cpu.used))}
      />
      <Meter
        kind="meter"
        label={trans.__('Memory')}
        used={memory.used}
        limit={memory.limit}
        text={bytesOf(memory.used, memory.limit, trans)}
        warning={warning}
      />
      {rows && <Tasks groups={rows} rate={working ? tasks.per_second : 0} trans={trans} />}
    </div>
  );
});

/** The last value that was not null, for some seconds after it became null. */
function useKept<T>(value: T | null): T | null {
  const last = React.useRef<{ value: T; until: number } | null>(null);
  const over = useClock(now => last.current === null || now > last.current.until);
  if (value !== null) {
    last.current = { value, until: clock.now + KEPT };
    return value;
  }
  return over ? null : (last.current?.value ?? null);
}

interface ITasksProps {
  groups: ICluster['tasks']['groups'];
  rate: number;
  trans: TranslationBundle;
}

function Tasks({ groups, rate, trans }: ITasksProps): JSX.Element {
  const done = groups.reduce((sum, group) => sum + group.done, 0);
  const total = groups.reduce((sum, group) => sum + group.total, 0);
  // Where there are more than fit, those with work left are shown; always in the scheduler's order, so that no row moves.
  const chosen = new Set(
    [...groups.filter(open), ...groups.filter(group => !open(group))].slice(0, GROUPS)
  );
  const shown = groups.filter(group => chosen.has(group));
  const more = groups.length - shown.length;
  return (
    <>
      <Meter
        kind="progressbar"
        label={trans.__('Tasks')}
        used={done}
        limit={total}
        text={trans.__('%1 / %2 · %3/s', grouped(done), grouped(total), number(rate))}
      />
      {shown.map(group => (
        <Meter
          key={group.name}
          kind="progressbar"
          label={group.name}
          used={group.done + group.erred}
          limit={group.total}
          text={trans.__('%1 / %2', grouped(group.done), grouped(group.total))}
          warning={group.erred ? trans.__('%1 failed', grouped(group.erred)) : null}
        />
      ))}
      {more > 0 && (
        <span className="dsk-Meters-more">{trans._n('and %1 more', 'and %1 more', more)}</span>
      )}
    </>
  );
}

function open(group: ICluster['tasks']['groups'][number]): boolean {
  return group.done + group.erred < group.total;
}
