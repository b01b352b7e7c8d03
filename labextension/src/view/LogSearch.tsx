/**
 * Searching what is read of a log: how many places there are, and going from one to the next.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { grouped } from './format';
import { find, type ILogText } from './logText';

/** Places that a search counts: beyond it nobody goes through them one by one. */
const MOST_FOUND = 5000;

export interface ILogSearch {
  query: string;
  setQuery: (query: string) => void;
  /** How many places there are. */
  count: number;
  /** Which of them one is at. */
  at: number;
  /** Which one was asked for last; there may be fewer by now. */
  wanted: number;
  /** Go to the next one, or the one before, around the ends. */
  step: (by: 1 | -1) => void;
  /** The places of each piece, by its id. */
  marks: ReadonlyMap<number, readonly number[]>;
  current: { piece: number; at: number } | null;
}

export function useLogSearch(log: ILogText): ILogSearch {
  const [query, setQuery] = React.useState('');
  const [wanted, setWanted] = React.useState(0);
  const found = React.useMemo(() => find(log, query, MOST_FOUND), [log, query]);
  const marks = React.useMemo(() => marksOf(found), [found]);
  const count = found.length;
  const at = Math.min(wanted, Math.max(0, count - 1));
  return {
    query,
    setQuery: text => {
      setQuery(text);
      setWanted(0);
    },
    count,
    at,
    wanted,
    step: by => {
      if (count > 0) {
        setWanted((at + by + count) % count);
      }
    },
    marks,
    current: count > 0 ? found[at] : null
  };
}

function marksOf(found: readonly { piece: number; at: number }[]): Map<number, number[]> {
  const marks = new Map<number, number[]>();
  for (const { piece, at } of found) {
    const here = marks.get(piece);
    if (here) {
      here.push(at);
    } else {
      marks.set(piece, [at]);
    }
  }
  return marks;
}

interface ILogSearchProps {
  search: ILogSearch;
  trans: TranslationBundle;
}

export function LogSearch({ search, trans }: ILogSearchProps): React.ReactElement {
  const { query, count, at, step } = search;
  const all = count >= MOST_FOUND ? trans.__('%1 or more', grouped(MOST_FOUND)) : grouped(count);
  return (
    <span className="dsk-LogViewer-search" role="search">
      <input
        type="search"
        className="dsk-Input"
        placeholder={trans.__('Search what is read')}
        aria-label={trans.__('Search the log')}
        value={query}
        onChange={event => search.setQuery(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Enter') {
            event.preventDefault();
            step(event.shiftKey ? -1 : 1);
          }
        }}
      />
      <span className="dsk-LogViewer-found" role="status">
        {query === ''
          ? ''
          : count === 0
            ? trans.__('not found')
            : trans.__('%1 of %2', grouped(at + 1), all)}
      </span>
      <Step
        sign="↑"
        label={trans.__('Previous place')}
        disabled={count === 0}
        onClick={() => step(-1)}
      />
      <Step
        sign="↓"
        label={trans.__('Next place')}
        disabled={count === 0}
        onClick={() => step(1)}
      />
    </span>
  );
}

interface IStepProps {
  sign: string;
  label: string;
  disabled: boolean;
  onClick: () => void;
}

function Step({ sign, label, disabled, onClick }: IStepProps): React.ReactElement {
  return (
    <button
      type="button"
      className="dsk-Button"
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      <span aria-hidden="true">{sign}</span>
    </button>
  );
}
