import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { Ask, TextEntry } from './Ask';
import type { IClusterActions } from './clusterActions';
import { bytes, unfinished } from './format';
import { ScaleForm } from './ScaleForm';
import type { IAction } from './useAction';

/** What a card asks more about before it is done; null while it asks nothing. */
export type CardTask = 'scale' | 'stop' | 'restart' | 'rename' | 'save' | null;

interface ICardFormsProps {
  cluster: ICluster;
  task: CardTask;
  actions: IClusterActions;
  action: IAction;
  /** The question is answered, or nobody wants to. */
  onDone: () => void;
  trans: TranslationBundle;
}

/** The form or question that an action needs, in the card itself. */
export function CardForms(props: ICardFormsProps): JSX.Element {
  const { cluster, task, actions, action, onDone, trans } = props;
  return (
    <>
      {task === 'scale' && (
        <ScaleForm
          cluster={cluster}
          onScale={
            actions.scale && (ask => actions.scale?.(cluster.id, ask) ?? Promise.resolve(null))
          }
          onAdapt={
            actions.adapt && (limits => actions.adapt?.(cluster.id, limits) ?? Promise.resolve())
          }
          onClose={onDone}
          trans={trans}
        />
      )}
      {task === 'rename' && (
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
              onDone();
            }
          }}
        />
      )}
      {task === 'save' && (
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
              onDone();
            }
          }}
        />
      )}
      {(task === 'stop' || task === 'restart') && (
        <Ask
          question={loss(cluster, task, trans)}
          yes={task === 'stop' ? trans.__('Stop it') : trans.__('Restart workers')}
          no={trans.__('Keep it running')}
          onAnswer={yes => {
            onDone();
            if (yes) {
              void action.run(task, () =>
                task === 'stop' ? actions.stop?.(cluster.id) : actions.restartWorkers?.(cluster.id)
              );
            }
          }}
        />
      )}
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
