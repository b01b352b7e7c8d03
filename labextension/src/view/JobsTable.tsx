/**
 * The jobs of a cluster (worker processes, where it is of this machine), and what was lost.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IJob, ILoss } from '../tokens';
import { timeOfDay } from './format';
import { useLatest } from './hooks';
import { Table, type IColumn } from './Table';
import { LogButton, ManagerLink, Status, type StatusLook } from './TableCells';
import { shortId, unitWords, type IUnitWords } from './unitWords';

export interface IJobsTableProps {
  jobs: readonly IJob[];
  /** What the cluster runs on: it says what a row is called. */
  system: string;
  losses: readonly ILoss[];
  /** False until the server has sent the rows once. */
  ready: boolean;
  /** Seconds since the epoch. */
  now: number;
  trans: TranslationBundle;
  /** Show the log of a job, by its id. */
  onLog: (job: string) => void;
}

const keyOf = (job: IJob): string => job.key;

export function JobsTable(props: IJobsTableProps): React.ReactElement {
  const { jobs, system, losses, ready, now, trans } = props;
  const words = React.useMemo(() => unitWords(system, trans), [system, trans]);
  const onLog = useLatest(props.onLog);
  // Moments are shown by the day, so that the rows need not be drawn again each second.
  const hour = Math.floor(now / 3600) * 3600;
  // An application holds all the rest: its kind says that, it is no group.
  const groups =
    new Set(jobs.filter(job => job.kind !== 'application').map(job => job.group)).size > 1;
  const expected = jobs.some(job => job.expected_start !== null) || system !== 'yarn';
  const kinds = new Set(jobs.map(job => job.kind)).size > 1;
  const columns = React.useMemo(
    () => jobColumns(trans, words, { groups, kinds, expected }, hour, onLog),
    [trans, words, groups, kinds, expected, hour, onLog]
  );
  return (
    <div className="dsk-Jobs">
      <Table<IJob>
        label={words.title}
        columns={columns}
        rows={jobs}
        rowKey={keyOf}
        sort={{ key: 'id', descending: false }}
        empty={ready ? trans.__('Nothing is held for this cluster.') : words.reading}
        trans={trans}
      />
      {losses.length > 0 && (
        <Losses losses={losses} words={words} now={now} trans={trans} onLog={onLog} />
      )}
    </div>
  );
}

function jobColumns(
  trans: TranslationBundle,
  words: IUnitWords,
  has: { groups: boolean; kinds: boolean; expected: boolean },
  now: number,
  onLog: (job: string) => void
): IColumn<IJob>[] {
  const known = states(trans);
  const columns: (IColumn<IJob> | null)[] = [
    {
      key: 'id',
      title: trans.__('Id'),
      // Ids of an application or a container are longer than those of a queue.
      width: has.expected ? 80 : 156,
      grow: 1,
      value: job => job.id,
      render: (job, reached) =>
        job.id === null ? (
          <span className="dsk-Quiet">{trans.__('not known yet')}</span>
        ) : job.link ? (
          <ManagerLink id={job.id} link={job.link} tabIndex={reached ? 0 : -1} trans={trans} />
        ) : (
          <span title={job.id}>{shortId(job.id)}</span>
        )
    },
    has.kinds
      ? {
          key: 'kind',
          title: trans.__('Kind'),
          width: 74,
          grow: 1,
          value: job => job.kind,
          render: job => job.kind
        }
      : null,
    {
      key: 'state',
      title: trans.__('State'),
      width: 90,
      grow: 1,
      value: job => job.state,
      render: job => <Status status={job.state} known={known} />
    },
    {
      key: 'reason',
      title: trans.__('Reason'),
      width: 140,
      grow: 4,
      value: job => job.reason,
      render: job => <span title={job.reason ?? ''}>{job.reason}</span>
    },
    has.expected
      ? {
          key: 'expected',
          title: trans.__('Expected start'),
          width: 112,
          grow: 1,
          numeric: true,
          value: job => job.expected_start,
          render: job => (job.expected_start === null ? '–' : timeOfDay(job.expected_start, now))
        }
      : null,
    {
      key: 'node',
      title: trans.__('Node'),
      width: 80,
      grow: 1,
      value: job => job.node,
      render: job => <span title={job.node ?? ''}>{job.node ?? '–'}</span>
    },
    {
      key: 'since',
      title: trans.__('Since'),
      caption: trans.__('Since when it is in this state'),
      width: 84,
      grow: 1,
      numeric: true,
      value: job => job.since,
      render: job => (job.since === null ? '–' : timeOfDay(job.since, now))
    },
    has.groups
      ? {
          key: 'group',
          title: trans.__('Group'),
          width: 72,
          grow: 1,
          value: job => job.group,
          render: job => job.group ?? '–'
        }
      : null,
    {
      key: 'log',
      title: '',
      width: 56,
      grow: 0,
      render: (job, reached) =>
        job.id === null ? null : (
          <LogButton
            label={words.logOf(job.id)}
            tabIndex={reached ? 0 : -1}
            trans={trans}
            onClick={() => job.id !== null && onLog(job.id)}
          />
        )
    }
  ];
  return columns.filter((column): column is IColumn<IJob> => column !== null);
}

function states(trans: TranslationBundle): Record<string, StatusLook> {
  return {
    intended: ['◌', 'wait', trans.__('intended')],
    submitted: ['◌', 'wait', trans.__('submitted')],
    queued: ['◔', 'wait', trans.__('queued')],
    starting: ['◌', 'wait', trans.__('starting')],
    running: ['●', 'ok', trans.__('running')],
    connected: ['●', 'ok', trans.__('connected')],
    held: ['●', 'ok', trans.__('held')],
    ending: ['◌', 'muted', trans.__('ending')],
    ended: ['○', 'muted', trans.__('ended')],
    lost: ['▲', 'error', trans.__('lost')],
    released: ['○', 'muted', trans.__('released')]
  };
}

interface ILossesProps {
  losses: readonly ILoss[];
  words: IUnitWords;
  now: number;
  trans: TranslationBundle;
  onLog: (job: string) => void;
}

function Losses({ losses, words, now, trans, onLog }: ILossesProps): React.ReactElement {
  const title = React.useId();
  const newest = [...losses].sort((a, b) => b.at - a.at);
  return (
    <section className="dsk-Losses" aria-labelledby={title}>
      <h2 id={title} className="dsk-Heading">
        {trans.__('Lost')} <span className="dsk-Count">{losses.length}</span>
      </h2>
      <ul className="dsk-Losses-list">
        {newest.map((loss, index) => (
          <li key={`${loss.id ?? ''}-${loss.at}-${index}`} className="dsk-Loss">
            <div className="dsk-Loss-head">
              <span className="dsk-Status dsk-mod-error">
                <span aria-hidden="true">▲ </span>
                {loss.id === null ? trans.__('A worker') : words.named(loss.id)}
              </span>
              <span className="dsk-Quiet">
                {loss.node === null
                  ? timeOfDay(loss.at, now)
                  : trans.__('on %1, %2', loss.node, timeOfDay(loss.at, now))}
              </span>
              {loss.id !== null && (
                <LogButton
                  label={words.logOf(loss.id)}
                  trans={trans}
                  onClick={() => loss.id !== null && onLog(loss.id)}
                />
              )}
            </div>
            <p className="dsk-Loss-reason">{loss.reason}</p>
            {loss.log && (
              <pre
                className="dsk-Code"
                tabIndex={0}
                role="region"
                aria-label={loss.id === null ? trans.__('End of the log') : words.endOfLog(loss.id)}
              >
                {loss.log}
              </pre>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
