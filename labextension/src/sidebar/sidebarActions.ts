/**
 * What the cards' buttons do: the model where the answer belongs into the card, commands for all else.
 */
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { dragCode } from './drag';
import { CommandIDs, type IStewardModel } from '../tokens';
import type { IClusterActions, IProfileActions } from '../view';

export interface IActionsOptions {
  model: IStewardModel;
  commands: CommandRegistry;
  notebooks: INotebookTracker | null;
  trans: TranslationBundle;
}

/** The id of the kernel of the notebook in front. */
export function currentKernel(notebooks: INotebookTracker | null): string | null {
  return notebooks?.currentWidget?.sessionContext.session?.kernel?.id ?? null;
}

/** A command as a callback; nothing where no plugin has added it. */
function command<A extends unknown[]>(
  commands: CommandRegistry,
  id: string,
  args: (...given: A) => ReadonlyPartialJSONObject
): ((...given: A) => Promise<unknown>) | undefined {
  return commands.hasCommand(id) ? (...given) => commands.execute(id, args(...given)) : undefined;
}

export function clusterActions(options: IActionsOptions): IClusterActions {
  const { model, commands, notebooks, trans } = options;
  const onId = (id: string) => command(commands, id, (cluster: string) => ({ id: cluster }));
  const onName = (id: string) => command(commands, id, (name: string) => ({ name }));
  return {
    select: id => model.select(id),
    scale: (id, ask) => model.scale(id, ask),
    adapt: (id, limits) => model.adapt(id, limits),
    stop: id => model.stop(id),
    dismiss: id => model.dismiss(id),
    retry: async id => {
      const cluster = await model.retry(id);
      model.select(cluster.id);
    },
    rename: (id, name) => model.rename(id, name),
    setTenure: (id, tenure) => {
      const kernel = tenure === 'kernel' ? currentKernel(notebooks) : null;
      if (tenure === 'kernel' && kernel === null) {
        throw new Error(
          trans.__('The notebook in front has no kernel: start one, or open another notebook.')
        );
      }
      return model.setTenure(id, tenure, kernel ?? undefined);
    },
    restartWorkers: id => model.restartWorkers(id),
    saveAsProfile: (id, name) => model.saveClusterAsProfile(id, name),
    editProfile: onName(CommandIDs.editProfile),
    previewProfile: onName(CommandIDs.previewProfile),
    openDetails: command(commands, CommandIDs.openDetails, (id: string, tab?: string) =>
      tab === undefined ? { id } : { id, tab }
    ),
    openLog: onId(CommandIDs.openLog),
    openDashboard: onId(CommandIDs.openDashboard),
    insertCode: onId(CommandIDs.insertCode),
    attach: onId(CommandIDs.attach),
    copyAddress: onId(CommandIDs.copyAddress),
    drag: (id, clientX, clientY) => {
      const cluster = model.cluster(id);
      if (cluster?.scheduler.address) {
        // Where its code cannot be had the drag does not begin; the button says why.
        const code = model.connect(id).then(answer => answer.code);
        void dragCode({ name: cluster.name, code, clientX, clientY }).catch(() => undefined);
      }
    }
  };
}

export function profileActions(
  options: IActionsOptions,
  start: (name: string) => Promise<unknown>
): IProfileActions {
  const { commands } = options;
  const onName = (id: string) => command(commands, id, (name: string) => ({ name }));
  return {
    start,
    edit: onName(CommandIDs.editProfile),
    preview: onName(CommandIDs.previewProfile),
    remove: onName(CommandIDs.deleteProfile),
    create: command(commands, CommandIDs.newProfile, () => ({}))
  };
}
