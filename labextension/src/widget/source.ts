/**
 * Where a widget has its facts from, and who does what its buttons ask: the page's own model, else the kernel.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IBridge } from '../bridge/bridge';
import type { ICluster, IJob, ILogs, ILogPart, IWorker, RowKind } from '../tokens';
import type { IClusterActions } from '../view/ClusterCard';
import { hasEnded } from '../view/format';
import type { KernelSide } from './kernel';

export type Row = IWorker | IJob;

export interface ISource {
  readonly actions: IClusterActions;
  /** Follow the rows of a table; returns what ends that. */
  watchRows: (kind: RowKind, tell: (rows: readonly Row[]) => void) => () => void;
  logs: () => Promise<ILogs>;
  readLog: (name: string, offset: number | null, limit: number) => Promise<ILogPart>;
  followLog: (name: string, offset: number, signal: AbortSignal) => AsyncIterable<ILogPart>;
}

/** Milliseconds between two questions for rows, and for what came to a log. */
const ROWS_EVERY = 2000;
const LOG_EVERY = 1000;
/** Bytes of a log that are asked for at once. */
const PART = 65_536;

/** By the server: works in a busy kernel, too. */
export function bridgedSource(bridge: IBridge, id: string): ISource {
  const { model } = bridge;
  return {
    actions: bridge.actions,
    watchRows: (kind, tell) => {
      const watch = model.watchRows(id, kind);
      const read = (): void => {
        if (watch.ready) {
          tell(watch.rows);
        }
      };
      watch.changed.connect(read);
      read();
      return () => {
        watch.changed.disconnect(read);
        watch.dispose();
      };
    },
    logs: () => model.logs(id),
    readLog: (name, offset, limit) => model.readLog(id, name, offset, limit),
    followLog: (name, offset, signal) => model.followLog(id, name, offset, signal)
  };
}

/** By the kernel, which asks the cluster's keeper in a thread of its own. */
export function kernelSource(kernel: KernelSide, trans: TranslationBundle): ISource {
  const ask = <T>(what: string, args: object = {}): Promise<T> =>
    kernel.ask<T>(
      what,
      args,
      trans.__(
        'The kernel has not answered: it may be busy. What was asked happens when it is free.'
      )
    );
  const readLog = (name: string, offset: number | null, limit: number): Promise<ILogPart> =>
    ask('log', { name, offset, limit });
  return {
    actions: {
      scale: (_, size) => ask('scale', size),
      adapt: (_, limits) => ask('adapt', limits),
      stop: () => ask('stop'),
      rename: (_, name) => ask('rename', { name }),
      restartWorkers: () => ask('restart'),
      openDashboard: async () => {
        const link = await ask<string>('dashboard');
        window.open(link, '_blank', 'noopener');
      }
    },
    watchRows: (kind, tell) => {
      let over = false;
      let timer = 0;
      const next = (): void => {
        ask<Row[]>('rows', { kind })
          .then(rows => {
            if (!over) {
              tell(rows);
            }
          })
          // The card says that the kernel does not answer; the rows stay as they were.
          .catch(() => undefined)
          .finally(() => {
            if (!over) {
              timer = window.setTimeout(next, ROWS_EVERY);
            }
          });
      };
      next();
      return () => {
        over = true;
        window.clearTimeout(timer);
      };
    },
    logs: () => ask('logs'),
    readLog,
    followLog: async function* (name, offset, signal) {
      while (!signal.aborted) {
        const part = await readLog(name, offset, PART);
        if (part.text) {
          offset = part.next;
          yield part;
        } else if (kernel.cluster === null || hasEnded(kernel.cluster.state)) {
          return;
        } else {
          await pause(LOG_EVERY, signal);
        }
      }
    }
  };
}

/** By nobody: what is shown is all there is. */
export function noSource(trans: TranslationBundle): ISource {
  const refuse = (): Promise<never> =>
    Promise.reject(new Error(trans.__('Nobody can be asked any more: run the cell again.')));
  return {
    actions: {},
    watchRows: (_, tell) => {
      tell([]);
      return () => undefined;
    },
    logs: refuse,
    readLog: refuse,
    followLog: async function* () {
      await refuse();
    }
  };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}

/** A cluster as the widget shows it, and why what it shows may be old. */
export function lastKnown(cluster: ICluster, why: string): ICluster {
  return hasEnded(cluster.state) || cluster.stale !== null ? cluster : { ...cluster, stale: why };
}
