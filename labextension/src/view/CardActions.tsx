import * as React from 'react';
import type { CardTask } from './CardForms';
import type { IClusterCardProps } from './ClusterCard';
import { clusterMenu } from './clusterMenu';
import { hasEnded, isActive, isBusy } from './format';
import { Sign } from './Glyph';
import { MenuButton } from './Menu';
import { unitWords } from './unitWords';
import type { IAction } from './useAction';

/** Systems that submit no job, so that there is no script to show. */
const WITHOUT_JOBS = new Set(['local', 'ssh', 'address']);

interface ICardActionsProps extends IClusterCardProps {
  stale: boolean;
  task: CardTask;
  setTask: (task: CardTask) => void;
  action: IAction;
}

/** The buttons that suit its state; the rest is in the menu. */
export function CardActions(props: ICardActionsProps): JSX.Element {
  const { cluster, readOnly, stale, notebook, actions, task, setTask, action, trans } = props;
  const { id, state, profile } = cluster;
  const ended = hasEnded(state);
  const alive = isActive(cluster);
  const mayAct = !readOnly && !stale;
  const own = !cluster.foreign;
  const run = (name: string, what: () => unknown): void => void action.run(name, what);
  const button = (
    name: string,
    label: string,
    what: (() => unknown) | undefined | false,
    extra = ''
  ): JSX.Element | null =>
    what ? (
      <button
        key={name}
        type="button"
        className={`dsk-Button ${extra}`.trim()}
        disabled={action.busy === name}
        onClick={() => run(name, what)}
      >
        {label}
      </button>
    ) : null;
  const stop = (): void => {
    if (isBusy(cluster) && own) {
      setTask('stop');
    } else {
      run('stop', () => actions.stop?.(id));
    }
  };
  const restart = (): void => {
    if (isBusy(cluster)) {
      setTask('restart');
    } else {
      run('restart', () => actions.restartWorkers?.(id));
    }
  };
  const openLog = actions.openLog && (() => actions.openLog?.(id));
  const waiting = state === 'starting' || (state === 'pending' && !cluster.ready);
  return (
    <>
      {ended && mayAct && (
        <>
          {state === 'failed' &&
            button(
              'edit',
              trans.__('Edit profile'),
              profile !== null && actions.editProfile && (() => actions.editProfile?.(profile))
            )}
          {button(
            'retry',
            state === 'stopped' ? trans.__('Start again') : trans.__('Try again'),
            actions.retry && (() => actions.retry?.(id))
          )}
        </>
      )}
      {alive && mayAct && own && state !== 'starting' && (actions.scale || actions.adapt) && (
        <button
          type="button"
          className={`dsk-Button${task === 'scale' ? ' dsk-mod-pressed' : ''}`}
          aria-expanded={task === 'scale'}
          onClick={() => setTask(task === 'scale' ? null : 'scale')}
        >
          {trans.__('Scale')}
        </button>
      )}
      {alive &&
        !waiting &&
        !stale &&
        state === 'degraded' &&
        button(
          'workers',
          trans.__('Workers'),
          actions.openDetails && (() => actions.openDetails?.(id, 'workers'))
        )}
      {alive &&
        !waiting &&
        !stale &&
        cluster.scheduler.dashboard &&
        button(
          'dashboard',
          trans.__('Dashboard'),
          actions.openDashboard && (() => actions.openDashboard?.(id)),
          state === 'degraded' ? 'dsk-mod-minor' : 'dsk-mod-lesser'
        )}
      {alive &&
        !waiting &&
        mayAct &&
        state !== 'degraded' &&
        notebook &&
        button(
          'insert',
          trans.__('Insert code'),
          actions.insertCode && (() => actions.insertCode?.(id)),
          'dsk-mod-minor'
        )}
      {waiting && mayAct && actions.stop && button('stop', trans.__('Cancel'), stop)}
      {waiting &&
        mayAct &&
        profile !== null &&
        button(
          'preview',
          unitWords(cluster.system, trans).script,
          !WITHOUT_JOBS.has(cluster.system) &&
            actions.previewProfile &&
            (() => actions.previewProfile?.(profile))
        )}
      {(ended || state === 'degraded' || state === 'stopping' || waiting) &&
        button('log', trans.__('Log'), openLog, ended ? '' : 'dsk-mod-lesser')}
      <span className="dsk-Acts-end">
        {alive && !waiting && mayAct && actions.stop && (
          <button
            type="button"
            className="dsk-Button dsk-mod-icon dsk-mod-stop"
            aria-label={
              own ? trans.__('Stop %1', cluster.name) : trans.__('Detach %1', cluster.name)
            }
            title={
              own
                ? trans.__('Stop %1 and give back all that it holds', cluster.name)
                : trans.__('Let go of %1; its scheduler goes on', cluster.name)
            }
            disabled={action.busy === 'stop'}
            onClick={stop}
          >
            <Sign name={own ? 'stop' : 'close'} />
          </button>
        )}
        {ended && !readOnly && actions.dismiss && (
          <button
            type="button"
            className="dsk-Button dsk-mod-icon"
            aria-label={trans.__('Take %1 off the list', cluster.name)}
            title={trans.__('Take off the list')}
            onClick={() => run('dismiss', () => actions.dismiss?.(id))}
          >
            <Sign name="close" />
          </button>
        )}
        <MenuButton
          label={trans.__('More actions for %1', cluster.name)}
          parts={() =>
            clusterMenu({
              cluster,
              alive,
              mayAct,
              notebook,
              actions,
              run,
              ask: setTask,
              restart,
              trans
            })
          }
        >
          <Sign name="more" />
        </MenuButton>
      </span>
    </>
  );
}
