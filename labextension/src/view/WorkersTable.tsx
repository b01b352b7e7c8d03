/**
 * The workers of a cluster, live.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IWorker } from '../tokens';
import { bytes, grouped } from './format';
import { useLatest } from './hooks';
import { Table, type IColumn } from './Table';
import { LogButton, Status, type StatusLook } from './TableCells';
import { shortId, unitWords } from './unitWords';

export interface IWorkersTableProps {
  workers: readonly IWorker[];
  /** What the cluster runs on: it says what the unit of a worker is called. */
  system?: string;
  /** False until the server has sent the rows once. */
  ready: boolean;
  trans: TranslationBundle;
  /** Show the log of a worker. */
  onLog: (worker: IWorker) => void;
}

/** Share of the limit from which on Dask spills, and from which on it pauses a worker. */
const SPILLS = 0.7;
const PAUSES = 0.8;

const keyOf = (worker: IWorker): string => worker.address;

export function WorkersTable(props: IWorkersTableProps): React.ReactElement {
  const { workers, system, ready, trans } = props;
  const onLog = useLatest(props.onLog);
  const jobs = workers.some(worker => worker.job !== null);
  const columns = React.useMemo(
    () => workerColumns(trans, system, jobs, onLog),
    [trans, system, jobs, onLog]
  );
  return (
    <Table<IWorker>
      label={trans.__('Workers')}
      columns={columns}
      rows={workers}
      rowKey={keyOf}
      sort={{ key: 'name', descending: false }}
      empty={ready ? trans.__('No worker is connected.') : trans.__('Reading the workers…')}
      trans={trans}
    />
  );
}

function workerColumns(
  trans: TranslationBundle,
  system: string | undefined,
  jobs: boolean,
  onLog: (worker: IWorker) => void
): IColumn<IWorker>[] {
  const known = statuses(trans);
  const columns: (IColumn<IWorker> | null)[] = [
    {
      key: 'name',
      title: trans.__('Name'),
      width: 110,
      grow: 2,
      value: worker => worker.name,
      render: worker => <span title={worker.address}>{worker.name}</span>
    },
    {
      key: 'status',
      title: trans.__('Status'),
      width: 80,
      grow: 1,
      value: worker => worker.status,
      render: worker => <Status status={worker.status} known={known} />
    },
    {
      key: 'host',
      title: trans.__('Node'),
      width: 80,
      grow: 1.5,
      value: worker => worker.host,
      render: worker => <span title={worker.host}>{worker.host}</span>
    },
    jobs
      ? {
          key: 'job',
          title: unitWords(system, trans).one,
          width: 72,
          grow: 1,
          value: worker => worker.job,
          render: worker => <span title={worker.job ?? ''}>{shortId(worker.job ?? '')}</span>
        }
      : null,
    {
      key: 'memory',
      title: trans.__('Memory'),
      caption: trans.__('Memory in use, of the limit of the worker'),
      width: 190,
      grow: 3,
      numeric: true,
      value: worker => worker.memory,
      render: worker => <MemoryBar worker={worker} trans={trans} />
    },
    {
      key: 'spilled',
      title: trans.__('Spilled'),
      caption: trans.__('Data that was moved from memory to disk'),
      width: 74,
      grow: 1,
      numeric: true,
      value: worker => worker.spilled,
      render: worker => (worker.spilled ? bytes(worker.spilled) : '–')
    },
    {
      key: 'cpu',
      title: trans.__('CPU'),
      caption: trans.__('Cores in use, of the threads of the worker'),
      width: 88,
      grow: 1,
      numeric: true,
      value: worker => worker.cpu,
      render: worker => trans.__('%1 of %2', worker.cpu.toFixed(1), worker.threads)
    },
    {
      key: 'executing',
      title: trans.__('Running'),
      caption: trans.__('Tasks that run now'),
      width: 80,
      grow: 1,
      numeric: true,
      value: worker => worker.executing,
      render: worker => grouped(worker.executing)
    },
    {
      key: 'processing',
      title: trans.__('Assigned'),
      caption: trans.__('Tasks that the scheduler gave to the worker, running ones included'),
      width: 84,
      grow: 1,
      numeric: true,
      value: worker => worker.processing,
      render: worker => grouped(worker.processing)
    },
    {
      key: 'stored',
      title: trans.__('Stored'),
      caption: trans.__('Results that the worker keeps'),
      width: 74,
      grow: 1,
      numeric: true,
      value: worker => worker.stored,
      render: worker => grouped(worker.stored)
    },
    {
      key: 'log',
      title: '',
      width: 56,
      grow: 0,
      render: (worker, reached) => (
        <LogButton
          label={trans.__('Log of %1', worker.name)}
          tabIndex={reached ? 0 : -1}
          trans={trans}
          onClick={() => onLog(worker)}
        />
      )
    }
  ];
  return columns.filter((column): column is IColumn<IWorker> => column !== null);
}

function statuses(trans: TranslationBundle): Record<string, StatusLook> {
  return {
    running: ['●', 'ok', trans.__('running')],
    paused: ['◆', 'warn', trans.__('paused')],
    closing: ['◌', 'wait', trans.__('closing')],
    closing_gracefully: ['◌', 'wait', trans.__('leaving')],
    closed: ['○', 'muted', trans.__('closed')],
    init: ['◌', 'wait', trans.__('starting')]
  };
}

interface IMemoryBarProps {
  worker: IWorker;
  trans: TranslationBundle;
}

/** What is in use of the limit, with the part that Dask does not manage hatched. */
function MemoryBar({ worker, trans }: IMemoryBarProps): React.ReactElement {
  const { memory, memory_limit: limit, unmanaged } = worker;
  const share = limit > 0 ? Math.min(1, memory / limit) : 0;
  const own = memory > 0 ? Math.min(1, Math.max(0, unmanaged) / memory) : 0;
  const look = share >= PAUSES ? ' dsk-mod-error' : share >= SPILLS ? ' dsk-mod-warn' : '';
  const text = limit > 0 ? trans.__('%1 of %2', bytes(memory), bytes(limit)) : bytes(memory);
  const title = [
    trans.__('%1 in use', bytes(memory)),
    trans.__('%1 of it not managed by Dask', bytes(unmanaged)),
    trans.__('%1 spilled to disk', bytes(worker.spilled)),
    limit > 0 ? trans.__('limit %1', bytes(limit)) : trans.__('no limit')
  ].join(', ');
  return (
    <span className="dsk-Memory" title={title}>
      <span className={`dsk-Memory-bar${look}`} aria-hidden="true">
        <span className="dsk-Memory-managed" style={{ width: percent(share * (1 - own)) }} />
        <span className="dsk-Memory-unmanaged" style={{ width: percent(share * own) }} />
      </span>
      <span className="dsk-Memory-text">{text}</span>
    </span>
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
