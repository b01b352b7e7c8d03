import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IAdapt, ICluster, IScale, Tenure } from '../tokens';
import { Ask, TextEntry } from './Ask';
import { Bar, Legend } from './Bar';
import { useClock } from './clock';
import { clusterMenu } from './clusterMenu';
import {
  bytes,
  coreHours,
  hasEnded,
  held,
  isBusy,
  stateWord,
  unfinished,
  workersText,
  type Look
} from './format';
import { Sign } from './Glyph';
import { MenuButton } from './Menu';
import { Meters } from './Meter';
import { ScaleForm } from './ScaleForm';
import { StateLine } from './StateLine';
import { useAction, type IAction } from './useAction';
import { Why } from './Why';

/** Nothing, or a promise of it. */
type Later = unknown;

/** What can be done to a cluster; what is missing is not offered. A rejection is shown in the card. */
export interface IClusterActions {
  /** Open a card. */
  select?: (id: string) => void;
  scale?: (id: string, ask: IScale) => Promise<string | null>;
  adapt?: (id: string, limits: IAdapt | { active: false; group?: string }) => Promise<void>;
  stop?: (id: string) => Later;
  dismiss?: (id: string) => Later;
  retry?: (id: string) => Later;
  rename?: (id: string, name: string) => Later;
  setTenure?: (id: string, tenure: Tenure) => Later;
  restartWorkers?: (id: string) => Later;
  saveAsProfile?: (id: string, name: string) => Later;
  editProfile?: (name: string) => Later;
  previewProfile?: (name: string) => Later;
  openDetails?: (id: string, tab?: 'workers' | 'jobs' | 'logs' | 'spend') => Later;
  openLog?: (id: string) => Later;
  openDashboard?: (id: string) => Later;
  insertCode?: (id: string) => Later;
  attach?: (id: string) => Later;
  copyAddress?: (id: string) => Later;
  /** A person has begun to drag its card. */
  drag?: (id: string, clientX: number, clientY: number) => void;
}

export interface IClusterCardProps {
  cluster: ICluster;
  open: boolean;
  /** Whether the notebook in front uses it. */
  here: boolean;
  /** Its profile's title, or its system's. */
  place: string;
  /** Whether this person may only look. */
  readOnly: boolean;
  /** Since when the server is not heard (seconds since the epoch); null while it is. */
  unheard: number | null;
  /** The host of the Jupyter server. */
  host: string | null;
  /** Whether a notebook is in front that code can be put into. */
  notebook: boolean;
  actions: IClusterActions;
  /** Ask for the open card to be closed. */
  onClose: () => void;
  trans: TranslationBundle;
}

type Task = 'scale' | 'stop' | 'restart' | 'rename' | 'save' | null;

/** Systems that submit no job, so that there is no script to show. */
const WITHOUT_JOBS = new Set(['local', 'ssh', 'address']);

/** Pixels that a pointer moves before a press is a drag. */
const DRAG = 5;

/** One cluster: which, how, how much of what was asked, why not more, how busy, what it does, what one can do, what it costs. */
export const ClusterCard = React.memo(function ClusterCard(props: IClusterCardProps): JSX.Element {
  const { cluster, open, here, place, readOnly, unheard, host, actions, onClose, trans } = props;
  const stale = unheard !== null || (cluster.stale !== null && !hasEnded(cluster.state));
  const look: Look = stale && !hasEnded(cluster.state) ? 'stale' : cluster.state;
  const [task, setTask] = React.useState<Task>(null);
  const action = useAction();
  const more = React.useRef<HTMLElement>(null);
  const body = React.useId();
  const counted =
    cluster.state !== 'stopped' && cluster.state !== 'lost' && !(cluster.state === 'failed');
  const done = (): void => {
    setTask(null);
    // The form that had the focus is gone.
    more.current?.querySelector('button')?.focus();
  };
  const working =
    counted && look !== 'stale' && cluster.state !== 'starting' && cluster.threads > 0;
  const mayAct = !readOnly && !stale;
  return (
    <li
      className={`dsk-Card dsk-mod-${look}${open ? ' dsk-mod-open' : ''}${here ? ' dsk-mod-here' : ''}`}
      data-cluster={cluster.id}
    >
      <CardHead
        cluster={cluster}
        open={open}
        place={place}
        body={body}
        look={look}
        actions={actions}
        onClose={onClose}
        trans={trans}
      />
      <div id={body} className="dsk-Card-body">
        <StateLine
          cluster={cluster}
          look={look}
          here={here}
          brief={!open}
          host={host}
          unheard={unheard}
          why={unheard === null ? cluster.stale : null}
          trans={trans}
        />
        {open && cluster.foreign && !hasEnded(cluster.state) && (
          <div className="dsk-Card-last">
            {trans.__('It belongs to somebody else: it can be used, not stopped or scaled.')}
          </div>
        )}
        {look === 'stale' && (
          <div className="dsk-Card-last">
            {cluster.state === 'running'
              ? trans.__('Last known: %1', workersText(cluster, trans))
              : trans.__(
                  'Last known: %1, %2',
                  stateWord(cluster.state, trans),
                  workersText(cluster, trans)
                )}
          </div>
        )}
        {open && counted && look !== 'stale' && (
          <>
            <Bar cluster={cluster} trans={trans} />
            <Legend cluster={cluster} trans={trans}>
              {(cluster.spend.held > 0 || cluster.spend.cores > 0) && (
                <Spend cluster={cluster} trans={trans} />
              )}
            </Legend>
          </>
        )}
        {look !== 'stale' && <Why cluster={cluster} open={open} trans={trans} />}
        {open && working && <Meters cluster={cluster} trans={trans} />}
        {open && hasEnded(cluster.state) && cluster.spend.held > 0 && (
          <div className="dsk-Card-total">
            {trans.__('It held %1.', coreHours(cluster.spend.held, trans))}
          </div>
        )}
        {task === 'scale' && mayAct && (
          <ScaleForm
            cluster={cluster}
            onScale={
              actions.scale && (ask => actions.scale?.(cluster.id, ask) ?? Promise.resolve(null))
            }
            onAdapt={
              actions.adapt && (limits => actions.adapt?.(cluster.id, limits) ?? Promise.resolve())
            }
            onClose={done}
            trans={trans}
          />
        )}
        {task === 'rename' && mayAct && (
          <TextEntry
            label={trans.__('New name')}
            value={cluster.name}
            yes={trans.__('Rename')}
            trans={trans}
            onDone={async name => {
              if (
                name === null ||
                name === cluster.name ||
                (await action.run('rename', () => actions.rename?.(cluster.id, name)))
              ) {
                done();
              }
            }}
          />
        )}
        {task === 'save' && mayAct && (
          <TextEntry
            label={trans.__('Name of the profile')}
            value={cluster.name}
            yes={trans.__('Save')}
            trans={trans}
            onDone={async name => {
              if (
                name === null ||
                (await action.run('save', () => actions.saveAsProfile?.(cluster.id, name)))
              ) {
                done();
              }
            }}
          />
        )}
        {(task === 'stop' || task === 'restart') && mayAct && (
          <Ask
            question={loss(cluster, task, trans)}
            yes={task === 'stop' ? trans.__('Stop it') : trans.__('Restart workers')}
            no={trans.__('Keep it running')}
            onAnswer={yes => {
              done();
              if (yes) {
                void action.run(task, () =>
                  task === 'stop'
                    ? actions.stop?.(cluster.id)
                    : actions.restartWorkers?.(cluster.id)
                );
              }
            }}
          />
        )}
        {action.problem && (
          <div className="dsk-Problem" role="alert">
            <span>{action.problem}</span>
            <button
              type="button"
              className="dsk-Button dsk-mod-icon"
              aria-label={trans.__('Close this message')}
              onClick={action.clear}
            >
              <Sign name="close" />
            </button>
          </div>
        )}
        {(open || cluster.state === 'failed' || cluster.state === 'lost') && unheard === null && (
          <div ref={more as React.RefObject<HTMLDivElement>} className="dsk-Acts dsk-Card-acts">
            <CardActions {...props} stale={stale} task={task} setTask={setTask} action={action} />
          </div>
        )}
      </div>
    </li>
  );
});

interface ICardHeadProps {
  cluster: ICluster;
  open: boolean;
  place: string;
  body: string;
  look: Look;
  actions: IClusterActions;
  onClose: () => void;
  trans: TranslationBundle;
}

/** Which cluster: a press opens the card, a pull takes its code along. */
function CardHead({
  cluster,
  open,
  place,
  body,
  look,
  actions,
  onClose,
  trans
}: ICardHeadProps): JSX.Element {
  const pressed = React.useRef<{ x: number; y: number } | null>(null);
  const dragged = React.useRef(false);
  return (
    <div
      className="dsk-Card-head"
      onPointerDown={event => {
        dragged.current = false;
        pressed.current =
          event.button === 0 && actions.drag ? { x: event.clientX, y: event.clientY } : null;
      }}
      onPointerUp={() => {
        pressed.current = null;
      }}
      onPointerMove={event => {
        const from = pressed.current;
        if (
          from &&
          event.buttons & 1 &&
          Math.hypot(event.clientX - from.x, event.clientY - from.y) >= DRAG
        ) {
          pressed.current = null;
          dragged.current = true;
          actions.drag?.(cluster.id, event.clientX, event.clientY);
        }
      }}
    >
      <h4 className="dsk-Card-title">
        <button
          type="button"
          className="dsk-Card-name"
          aria-expanded={open}
          aria-controls={body}
          title={cluster.name}
          onClick={() => {
            if (!dragged.current) {
              if (open) {
                onClose();
              } else {
                actions.select?.(cluster.id);
              }
            }
            dragged.current = false;
          }}
        >
          {cluster.name}
          <span className="dsk-offscreen">{`, ${stateWord(look, trans)}`}</span>
        </button>
      </h4>
      <span className="dsk-Card-place" title={place}>
        {place}
      </span>
    </div>
  );
}

/** What was held so far; it grows by itself. */
function Spend({ cluster, trans }: { cluster: ICluster; trans: TranslationBundle }): JSX.Element {
  const text = useClock(now => coreHours(held(cluster, now), trans));
  return (
    <span
      className="dsk-Spend"
      title={trans.__(
        'Held so far: %1. Held now: %2 cores.',
        text,
        Math.round(cluster.spend.cores)
      )}
    >
      {text}
    </span>
  );
}

interface ICardActionsProps extends IClusterCardProps {
  stale: boolean;
  task: Task;
  setTask: (task: Task) => void;
  action: IAction;
}

/** The buttons that suit its state; the rest is in the menu. */
function CardActions(props: ICardActionsProps): JSX.Element {
  const { cluster, readOnly, stale, notebook, actions, task, setTask, action, trans } = props;
  const { id, state, profile } = cluster;
  const ended = hasEnded(state);
  const alive = !ended && state !== 'stopping';
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
    if (isBusy(cluster) && !cluster.foreign) {
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
          trans.__('Job script'),
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

/** What is lost by a stop or a restart. */
function loss(cluster: ICluster, task: 'stop' | 'restart', trans: TranslationBundle): string {
  const left = Math.max(1, unfinished(cluster));
  const kept = bytes(cluster.memory.used);
  return task === 'stop'
    ? trans._n(
        '%1 task is not done. Stop %2 and lose it, with the %3 in its workers’ memory?',
        '%1 tasks are not done. Stop %2 and lose them, with the %3 in its workers’ memory?',
        left,
        cluster.name,
        kept
      )
    : trans._n(
        '%1 task is not done. Restart the workers of %2 and lose it, with the %3 in their memory?',
        '%1 tasks are not done. Restart the workers of %2 and lose them, with the %3 in their memory?',
        left,
        cluster.name,
        kept
      );
}
