import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IHeld, IHeldAnswer } from '../tokens';
import { useClock } from './clock';
import { coreHours, coresText, duration } from './format';
import { shortId } from './unitWords';
import { useAction } from './useAction';

export interface IHeldListProps {
  /** Null while it is asked for. */
  held: IHeldAnswer | null;
  readOnly: boolean;
  /** Resolves to a sentence about what was released. */
  onSweep?: () => Promise<string>;
  onOpen?: (cluster: string) => void;
  trans: TranslationBundle;
}

/** Things of one cluster, kind and state in one row. */
export interface IHeldRow {
  key: string;
  cluster: string;
  name: string;
  kind: string;
  ids: string[];
  state: string;
  reason: string | null;
  since: number | null;
  cores: number;
  coreSeconds: number;
}

/** What the ledger holds now, for how long and at what cost, and a way to give back what nobody owns. */
export const HeldList = React.memo(function HeldList(props: IHeldListProps): JSX.Element {
  const { held, readOnly, onSweep, onOpen, trans } = props;
  const { busy, problem, run } = useAction();
  const [told, setTold] = React.useState<string | null>(null);
  const rows = React.useMemo(() => heldRows(held?.things ?? []), [held]);
  if (held === null) {
    return <div className="dsk-Empty">{trans.__('Asking what is held…')}</div>;
  }
  return (
    <div className="dsk-Held">
      {rows.length === 0 ? (
        <div className="dsk-Empty">
          <p>{trans.__('Nothing is held: no job, no application, no process.')}</p>
        </div>
      ) : (
        <ul className="dsk-Items" aria-label={trans.__('What is held now')}>
          {rows.map(row => (
            <HeldItem key={row.key} row={row} onOpen={onOpen} trans={trans} />
          ))}
        </ul>
      )}
      {held.problems.map(one => (
        <div key={one} className="dsk-Problem">
          {one}
        </div>
      ))}
      {problem && (
        <div className="dsk-Problem" role="alert">
          {problem}
        </div>
      )}
      {told && (
        <div className="dsk-Held-told" role="status">
          {told}
        </div>
      )}
      <div className="dsk-Acts dsk-Held-foot">
        {!readOnly && onSweep && (
          <button
            type="button"
            className="dsk-Button"
            disabled={busy !== null}
            title={trans.__('Give back what belongs to no living cluster')}
            onClick={() => void run('sweep', async () => setTold(await onSweep()))}
          >
            {busy ? trans.__('Sweeping…') : trans.__('Sweep')}
          </button>
        )}
        <span className="dsk-Spend">
          {trans.__('%1 today', coreHours(held.core_seconds_today, trans))}
        </span>
      </div>
    </div>
  );
});

interface IHeldItemProps {
  row: IHeldRow;
  onOpen?: (cluster: string) => void;
  trans: TranslationBundle;
}

const HeldItem = React.memo(function HeldItem({ row, onOpen, trans }: IHeldItemProps): JSX.Element {
  const age = useClock(now => (row.since === null ? null : duration(now - row.since, trans)));
  const what = trans.__('%1 %2', row.kind, idsText(row.ids));
  // Nobody owns it any more, or nobody could be asked: that is what one looks here for.
  const odd = ![
    'intended',
    'submitted',
    'queued',
    'running',
    'connected',
    'held',
    'ready'
  ].includes(row.state);
  const facts = [
    row.cores > 0 && row.ids.length > 1
      ? trans.__('%1 × %2', row.ids.length, coresText(row.cores, trans))
      : row.cores > 0
        ? coresText(row.cores, trans)
        : null,
    odd || row.cores === 0 || row.state === 'queued' ? row.state : null,
    age
  ].filter(Boolean);
  return (
    <li className={`dsk-Item${odd ? ' dsk-mod-odd' : ''}`} title={row.reason ?? undefined}>
      <div className="dsk-Item-line">
        <button
          type="button"
          className="dsk-Item-name"
          disabled={!onOpen}
          title={trans.__('%1, of the cluster %2', what, row.name)}
          onClick={() => onOpen?.(row.cluster)}
        >
          <span className="dsk-Item-title">{what}</span>
        </button>
      </div>
      <div className="dsk-Item-of">
        <span>
          {row.name}
          {odd && row.reason ? ` · ${row.reason}` : ''}
        </span>
        <span>{facts.join(' · ')}</span>
      </div>
    </li>
  );
});

/** Rows of what is held: what differs in its id alone is one row. */
export function heldRows(things: readonly IHeld[]): IHeldRow[] {
  const rows = new Map<string, IHeldRow>();
  for (const thing of things) {
    const key = [thing.cluster, thing.kind, thing.state, thing.cores, thing.reason ?? ''].join(
      '\n'
    );
    const row = rows.get(key);
    if (row) {
      row.ids.push(thing.id ?? '?');
      row.coreSeconds += thing.core_seconds;
      row.since =
        row.since === null || thing.since === null
          ? (row.since ?? thing.since)
          : Math.min(row.since, thing.since);
    } else {
      rows.set(key, {
        key,
        cluster: thing.cluster,
        name: thing.name,
        kind: thing.kind,
        ids: [thing.id ?? '?'],
        state: thing.state,
        reason: thing.reason,
        since: thing.since,
        cores: thing.cores,
        coreSeconds: thing.core_seconds
      });
    }
  }
  return [...rows.values()];
}

/** Ids in a few words: `88119–88123`, `88119, 88131`, `application_…_0042`. */
export function idsText(ids: readonly string[]): string {
  const numbers = ids.map(id => (/^\d+$/.test(id) ? Number(id) : NaN)).sort((a, b) => a - b);
  if (ids.length > 2 && numbers.every((id, at) => !Number.isNaN(id) && id === numbers[0] + at)) {
    return `${numbers[0]}–${numbers[numbers.length - 1]}`;
  }
  const array = ids.map(id => /^(\d+)_(\d+)$/.exec(id));
  if (ids.length > 2 && array.every(one => one !== null && one[1] === array[0]?.[1])) {
    const tasks = array.map(one => Number(one?.[2])).sort((a, b) => a - b);
    return `${array[0]?.[1]}_[${tasks[0]}–${tasks[tasks.length - 1]}]`;
  }
  return ids.length > 3
    ? `${ids.slice(0, 2).map(shortId).join(', ')}, … (${ids.length})`
    : ids.map(shortId).join(', ');
}
