/**
 * The progress of computations: what each does, how far it is, when it is done, and what is in its way.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IComputation, IGroupProgress, IProgress, ITaskError } from '../progress';
import { useClock } from './clock';
import { bytes, duration, grouped, number } from './format';
import { Meter } from './Meter';

export interface IProgressProps {
  progress: IProgress;
  trans: TranslationBundle;
}

/** All that is followed, the oldest first. */
export const Progress = React.memo(function Progress({
  progress,
  trans
}: IProgressProps): JSX.Element {
  const { computations, warnings, stale, ended, cluster_name } = progress;
  return (
    <section
      className={`dsk-Progress${stale && !ended ? ' dsk-mod-stale' : ''}`}
      aria-label={cluster_name ? trans.__('Progress on %1', cluster_name) : trans.__('Progress')}
    >
      {stale && !ended && <p className="dsk-Progress-note">{trans.__('Last known: %1', stale)}</p>}
      {computations.length === 0 && (
        <p className="dsk-Progress-note" role="status">
          {ended ? trans.__('Nothing was computed.') : trans.__('Nothing is computed yet.')}
        </p>
      )}
      {computations.map(computation => (
        <Computation
          key={computation.id}
          computation={computation}
          stale={stale !== null}
          trans={trans}
        />
      ))}
      {warnings.map(warning => (
        <p key={warning} className="dsk-Progress-warning">
          <b>{trans.__('Note:')}</b> {warning}
        </p>
      ))}
    </section>
  );
});

interface IComputationProps {
  computation: IComputation;
  stale: boolean;
  trans: TranslationBundle;
}

const Computation = React.memo(function Computation({
  computation,
  stale,
  trans
}: IComputationProps): JSX.Element {
  const { name, groups, more, done, total, erred, error, waits, status } = computation;
  const counts = trans.__('%1 / %2', grouped(done - erred), grouped(total));
  return (
    <article className={`dsk-Computation dsk-mod-${status}`}>
      <div className="dsk-Computation-head">
        <b className="dsk-Computation-name" title={name}>
          {name}
        </b>
        <span className="dsk-Computation-status">{statusWord(computation, trans)}</span>
        <Time computation={computation} stale={stale} trans={trans} />
      </div>
      <div className="dsk-Meters">
        <Meter
          kind="progressbar"
          label={trans.__('Tasks')}
          used={done}
          limit={total}
          text={counts}
          warning={erred ? trans.__('%1 failed', grouped(erred)) : null}
        />
        {groups.length > 1 &&
          groups.map(group => <Group key={group.name} group={group} trans={trans} />)}
        {more > 0 && (
          <span className="dsk-Meters-more">
            {trans._n('and %1 more kind of tasks', 'and %1 more kinds of tasks', more)}
          </span>
        )}
      </div>
      <p className="dsk-Computation-facts">{facts(computation, trans)}</p>
      {waits && status !== 'finished' && (
        <p className="dsk-Computation-waits">{trans.__('Waits: %1', waits)}</p>
      )}
      {error && <Failure error={error} trans={trans} />}
    </article>
  );
});

function Group({ group, trans }: { group: IGroupProgress; trans: TranslationBundle }): JSX.Element {
  const kept = group.spilled
    ? trans.__('%1, %2 on disk', bytes(group.memory + group.spilled), bytes(group.spilled))
    : group.memory
      ? bytes(group.memory)
      : null;
  const counts = trans.__('%1 / %2', grouped(group.done - group.erred), grouped(group.total));
  return (
    <Meter
      kind="progressbar"
      label={group.name}
      used={group.done}
      limit={group.total}
      text={kept ? trans.__('%1 · %2', counts, kept) : counts}
      warning={group.erred ? trans.__('%1 failed', grouped(group.erred)) : null}
    />
  );
}

/** How long it took, or how long it runs and the rest will take: never more exact than it is known. */
function Time({ computation, stale, trans }: IComputationProps): JSX.Element {
  const { started, ended, left } = computation;
  const text = useClock(now => {
    if (ended !== null) {
      return trans.__('in %1', duration(Math.max(1, ended - started), trans));
    }
    const ran = trans.__('for %1', duration(now - started, trans));
    if (stale || !left) {
      return ran;
    }
    const [low, high] = [duration(left.low, trans), duration(left.high, trans)];
    return low === high
      ? trans.__('%1, about %2 left', ran, low)
      : trans.__('%1, %2 to %3 left', ran, low, high);
  });
  return <span className="dsk-Computation-time">{text}</span>;
}

/** The first task that failed; its traceback on demand. */
function Failure({ error, trans }: { error: ITaskError; trans: TranslationBundle }): JSX.Element {
  const where = error.worker
    ? error.job
      ? trans.__('%1 failed on worker %2 of job %3', error.name, error.worker, error.job)
      : trans.__('%1 failed on worker %2', error.name, error.worker)
    : trans.__('%1 failed', error.name);
  return (
    <div className="dsk-Failure" role="alert">
      <p className="dsk-Failure-where">
        <b>{where}</b>
      </p>
      <p className="dsk-Failure-message">{error.message}</p>
      <p className="dsk-Failure-key">
        {trans.__('Task')} <code>{error.key}</code>
      </p>
      <details>
        <summary>{trans.__('Traceback')}</summary>
        <pre className="dsk-Log" tabIndex={0} aria-label={trans.__('Traceback')}>
          {error.traceback}
        </pre>
      </details>
    </div>
  );
}

/** Where it stands, as a person says it. */
export function statusWord(computation: IComputation, trans: TranslationBundle): string {
  switch (computation.status) {
    case 'waiting':
      return trans.__('waiting');
    case 'running':
      return trans.__('running');
    case 'finished':
      return trans.__('done');
    case 'erred':
      return trans.__('failed');
    case 'cancelled':
      return trans.__('cancelled');
  }
}

/** Numbers that have no bar: speed, what runs, what is kept where, what nobody wants any more. */
function facts(computation: IComputation, trans: TranslationBundle): string {
  const { per_second, running, memory, spilled, cancelled, ended } = computation;
  return [
    per_second > 0 ? trans.__('%1 tasks/s', number(per_second)) : null,
    running > 0 && ended === null ? trans.__('%1 running now', grouped(running)) : null,
    memory > 0 ? trans.__('%1 in memory', bytes(memory)) : null,
    spilled > 0 ? trans.__('%1 on disk', bytes(spilled)) : null,
    cancelled > 0 ? trans.__('%1 cancelled', grouped(cancelled)) : null
  ]
    .filter(Boolean)
    .join(' · ');
}
