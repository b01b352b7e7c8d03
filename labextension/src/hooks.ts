/**
 * The ways from the model to React, which the main-area parts share.
 */
import { useEffect, useState, useSyncExternalStore } from 'react';
import type { ISignal } from '@lumino/signaling';

import type { IRowsWatch, IStewardModel, RowKind } from './tokens';

/** What a signal says that it changed: plain data, another object for each change. */
export function useChanged<S, T>(signal: ISignal<S, unknown>, read: () => T): T {
  return useSyncExternalStore(listener => {
    signal.connect(listener);
    return () => {
      signal.disconnect(listener);
    };
  }, read);
}

export interface IRowsState {
  rows: IRowsWatch['rows'];
  ready: boolean;
}

const NO_ROWS: IRowsState = { rows: [], ready: false };

/** The rows of a table, followed for as long as somebody looks. */
export function useRows(
  model: IStewardModel,
  id: string,
  kind: RowKind,
  looked: boolean
): IRowsState {
  const [state, setState] = useState(NO_ROWS);
  useEffect(() => {
    if (!looked) {
      return;
    }
    const watch = model.watchRows(id, kind);
    const read = (): void => setState({ rows: watch.rows, ready: watch.ready });
    watch.changed.connect(read);
    read();
    return () => {
      watch.changed.disconnect(read);
      watch.dispose();
    };
  }, [model, id, kind, looked]);
  return state;
}
