import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { CardActions } from './CardActions';
import { CardForms, type CardTask } from './CardForms';
import { CardHead } from './CardHead';
import { CardNumbers, LastKnown } from './CardNumbers';
import type { IClusterActions } from './clusterActions';
import { coreHours, hasEnded, type Look } from './format';
import { Sign } from './Glyph';
import { Meters } from './Meter';
import { StateLine } from './StateLine';
import { ManagerLink } from './TableCells';
import { useAction } from './useAction';
import { Why } from './Why';

export type { IClusterActions } from './clusterActions';

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

/** One cluster: which, how, how much of what was asked, why not more, how busy, what it does, what one can do, what it costs. */
export const ClusterCard = React.memo(function ClusterCard(props: IClusterCardProps): JSX.Element {
  const { cluster, open, here, place, readOnly, unheard, host, actions, onClose, trans } = props;
  const ended = hasEnded(cluster.state);
  const stale = unheard !== null || (cluster.stale !== null && !ended);
  const look: Look = stale && !ended ? 'stale' : cluster.state;
  const [task, setTask] = React.useState<CardTask>(null);
  const action = useAction();
  const more = React.useRef<HTMLElement>(null);
  const body = React.useId();
  const done = (): void => {
    setTask(null);
    // The form that had the focus is gone.
    more.current?.querySelector('button')?.focus();
  };
  const counted = !ended && look !== 'stale';
  const working = counted && cluster.state !== 'starting' && cluster.threads > 0;
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
        {open && cluster.foreign && !ended && (
          <div className="dsk-Card-last">
            {trans.__('It belongs to somebody else: it can be used, not stopped or scaled.')}
          </div>
        )}
        {look === 'stale' && <LastKnown cluster={cluster} trans={trans} />}
        {open && counted && <CardNumbers cluster={cluster} trans={trans} />}
        {look !== 'stale' && <Why cluster={cluster} open={open} trans={trans} />}
        {open && cluster.manager_page && (
          <div className="dsk-Card-last">
            {trans.__('In YARN:')}{' '}
            <ManagerLink
              id={cluster.manager_page.id}
              link={cluster.manager_page.link}
              trans={trans}
            />
          </div>
        )}
        {open && working && <Meters cluster={cluster} trans={trans} />}
        {open && ended && cluster.spend.held > 0 && (
          <div className="dsk-Card-total">
            {trans.__('It held %1.', coreHours(cluster.spend.held, trans))}
          </div>
        )}
        {mayAct && (
          <CardForms
            cluster={cluster}
            task={task}
            actions={actions}
            action={action}
            onDone={done}
            trans={trans}
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
