/**
 * A table of many rows: sortable, of which only the rows in sight are in the page.
 *
 * A thousand rows that change each second would otherwise be a thousand rows to lay out each second.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** Pixels of a row; the style sheet has the same number. */
export const ROW_HEIGHT = 28;

/** Rows above and below the ones in sight, so that a quick scroll shows no gap. */
const MARGIN = 8;

/** Pixels in sight where nothing could be measured yet. */
const UNMEASURED = 560;

export interface IColumn<T> {
  key: string;
  title: string;
  /** Said where the title alone does not say it. */
  caption?: string;
  /** Pixels that it needs, and its part of what is left. */
  width: number;
  grow: number;
  numeric?: boolean;
  /** What the column is sorted by; a column without it cannot be sorted. Null comes last either way. */
  value?: (row: T) => string | number | null;
  /** `reached`: the keyboard is at this row, so that a button in it may be a stop of the Tab key. */
  render: (row: T, reached: boolean) => React.ReactNode;
}

export interface ISort {
  key: string;
  descending: boolean;
}

export interface ITableProps<T> {
  label: string;
  columns: readonly IColumn<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  /** Said instead of rows where there are none. */
  empty: string;
  /** The sort that it begins with. */
  sort: ISort;
  trans: TranslationBundle;
}

const NAMES = new Intl.Collator(undefined, { numeric: true });

/** Return the rows in the order of a column; equal ones keep the order that they have. */
export function sorted<T>(
  rows: readonly T[],
  columns: readonly IColumn<T>[],
  sort: ISort
): readonly T[] {
  const value = columns.find(column => column.key === sort.key)?.value;
  if (!value) {
    return rows;
  }
  const sign = sort.descending ? -1 : 1;
  return rows
    .map(row => ({ row, by: value(row) }))
    .sort((a, b) => {
      if (a.by === null || b.by === null) {
        return (a.by === null ? 1 : 0) - (b.by === null ? 1 : 0);
      }
      if (typeof a.by === 'number' && typeof b.by === 'number') {
        return sign * (a.by - b.by);
      }
      return sign * NAMES.compare(String(a.by), String(b.by));
    })
    .map(each => each.row);
}

export function Table<T>(props: ITableProps<T>): React.ReactElement {
  const { columns, rows, rowKey, trans } = props;
  const [sort, setSort] = React.useState<ISort>(props.sort);
  const [active, setActive] = React.useState<string | null>(null);
  const region = React.useRef<HTMLDivElement>(null);
  const view = useWindow(region);
  const order = React.useMemo(() => sorted(rows, columns, sort), [rows, columns, sort]);

  const first = Math.max(0, Math.floor(view.top / ROW_HEIGHT) - MARGIN);
  const last = Math.min(order.length, Math.ceil((view.top + view.height) / ROW_HEIGHT) + MARGIN);
  const shown: number[] = [];
  for (let index = first; index < last; index++) {
    shown.push(index);
  }
  // The row that the keyboard is at stays in the page, or the focus would be lost with it.
  const at = active === null ? -1 : order.findIndex(row => rowKey(row) === active);
  if (at >= 0 && (at < first || at >= last)) {
    shown.push(at);
  }
  const reached = at >= 0 ? at : 0;

  const goTo = (index: number): void => {
    const target = Math.max(0, Math.min(order.length - 1, index));
    const element = region.current;
    if (!element || order.length === 0) {
      return;
    }
    setActive(rowKey(order[target]));
    const head = element.querySelector<HTMLElement>('.dsk-Table-head')?.offsetHeight ?? 0;
    const top = target * ROW_HEIGHT;
    const room = view.height - head;
    if (top < element.scrollTop) {
      element.scrollTop = top;
    } else if (top + ROW_HEIGHT > element.scrollTop + room) {
      element.scrollTop = top + ROW_HEIGHT - room;
    }
    // The row may be drawn only now.
    requestAnimationFrame(() => {
      element.querySelector<HTMLElement>(`[aria-rowindex="${target + 2}"]`)?.focus();
    });
  };

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(view.height / ROW_HEIGHT) - 2);
    const steps: Record<string, number> = {
      ArrowDown: reached + 1,
      ArrowUp: reached - 1,
      PageDown: reached + page,
      PageUp: reached - page,
      Home: 0,
      End: order.length - 1
    };
    const row = (event.target as HTMLElement).closest('[data-row]');
    if (row && event.key in steps) {
      event.preventDefault();
      goTo(steps[event.key]);
    } else if (row === event.target && event.key === 'Enter') {
      row.querySelector<HTMLElement>('button')?.click();
    }
  };

  const tracks = columns.map(column => `minmax(${column.width}px, ${column.grow}fr)`).join(' ');
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  return (
    <div
      className="dsk-Table"
      role="grid"
      aria-label={props.label}
      aria-rowcount={order.length + 1}
      aria-colcount={columns.length}
      ref={region}
      onKeyDown={onKeyDown}
      style={{ ['--dsk-columns' as string]: tracks, ['--dsk-width' as string]: `${width + 8}px` }}
    >
      <div className="dsk-Table-head" role="rowgroup">
        <div className="dsk-Table-row" role="row" aria-rowindex={1}>
          {columns.map(column => (
            <Head
              key={column.key}
              column={column}
              sort={sort}
              trans={trans}
              onSort={descending => setSort({ key: column.key, descending })}
            />
          ))}
        </div>
      </div>
      <div
        className="dsk-Table-body"
        role="rowgroup"
        style={{ height: Math.max(1, order.length) * ROW_HEIGHT }}
      >
        {order.length === 0 && (
          <div className="dsk-Table-row" role="row" aria-rowindex={2}>
            <div className="dsk-Table-empty" role="gridcell" aria-colspan={columns.length}>
              {props.empty}
            </div>
          </div>
        )}
        {shown.map(index => {
          const key = rowKey(order[index]);
          return (
            <MemoRow
              key={key}
              id={key}
              row={order[index]}
              index={index}
              columns={columns as readonly IColumn<unknown>[]}
              tabbable={index === reached}
              onFocus={setActive}
            />
          );
        })}
      </div>
    </div>
  );
}

interface IHeadProps<T> {
  column: IColumn<T>;
  sort: ISort;
  trans: TranslationBundle;
  onSort: (descending: boolean) => void;
}

function Head<T>({ column, sort, trans, onSort }: IHeadProps<T>): React.ReactElement {
  const chosen = sort.key === column.key;
  const className = `dsk-Table-cell${column.numeric ? ' dsk-mod-numeric' : ''}`;
  if (!column.value) {
    return (
      <div className={className} role="columnheader" title={column.caption}>
        {column.title || <span className="dsk-offscreen">{trans.__('Actions')}</span>}
      </div>
    );
  }
  // Numbers are looked at from the largest down, names from the first on.
  const next = chosen ? !sort.descending : Boolean(column.numeric);
  return (
    <div
      className={className}
      role="columnheader"
      aria-sort={chosen ? (sort.descending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className="dsk-Table-sort"
        title={column.caption ?? trans.__('Sort by %1', column.title)}
        onClick={() => onSort(next)}
      >
        {column.title}
        <span className="dsk-Table-arrow" aria-hidden="true">
          {chosen ? (sort.descending ? '▾' : '▴') : ''}
        </span>
      </button>
    </div>
  );
}

interface IRowProps {
  id: string;
  row: unknown;
  index: number;
  columns: readonly IColumn<unknown>[];
  tabbable: boolean;
  onFocus: (id: string) => void;
}

function Row({ id, row, index, columns, tabbable, onFocus }: IRowProps): React.ReactElement {
  return (
    <div
      className={`dsk-Table-row${index % 2 ? ' dsk-mod-odd' : ''}`}
      role="row"
      data-row={id}
      aria-rowindex={index + 2}
      tabIndex={tabbable ? 0 : -1}
      onFocus={() => onFocus(id)}
      style={{ top: index * ROW_HEIGHT }}
    >
      {columns.map(column => (
        <div
          key={column.key}
          className={`dsk-Table-cell${column.numeric ? ' dsk-mod-numeric' : ''}`}
          role="gridcell"
        >
          {column.render(row, tabbable)}
        </div>
      ))}
    </div>
  );
}

/** A row that did not change is not drawn again: rows are data that is never changed in place. */
const MemoRow = React.memo(Row);

/** What of a scrolled element is in sight. */
function useWindow(region: React.RefObject<HTMLElement>): { top: number; height: number } {
  const [view, setView] = React.useState({ top: 0, height: UNMEASURED });
  React.useLayoutEffect(() => {
    const element = region.current;
    if (!element) {
      return;
    }
    const measure = (): void => {
      const next = { top: element.scrollTop, height: element.clientHeight || UNMEASURED };
      setView(old => (old.top === next.top && old.height === next.height ? old : next));
    };
    measure();
    const observer = typeof ResizeObserver === 'undefined' ? null : new ResizeObserver(measure);
    observer?.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer?.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, [region]);
  return view;
}
