/**
 * Dask clusters in notebooks and consoles: a button in the toolbar, and code put in on request.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { IConsoleTracker } from '@jupyterlab/console';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';
import { checkIcon, codeIcon, linkIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { shared, takes } from '../commands/args';
import { type CodePlace, insert, insertAndRun, isBlank, speaksPython } from './attach';
import { cardAt } from '../commands/commandTools';
import { ask } from '../commands/dialogs';
import { clusterOf, detail } from '../facts';
import { tell } from '../commands/failures';
import { attachCode } from './magic';
import { ClusterButton } from './notebookButton';
import { Settings } from '../settings';
import { stewardPlugin } from '../plugin';
import { CommandIDs, IAttachments, type ICluster, type IStewardModel } from '../tokens';
import { isActive } from '../view/format';

/** What the parts of this plugin share. */
interface IParts {
  app: JupyterFrontEnd;
  model: IStewardModel;
  settings: Settings;
  trans: TranslationBundle;
  notebooks: INotebookTracker;
  consoles: IConsoleTracker | null;
  attachments: IAttachments | null;
}

/** Where code is to go: the notebook of a path, else the notebook or console in front. */
function placeOf(args: ReadonlyPartialJSONObject, parts: IParts): CodePlace | null {
  const { app, notebooks, consoles } = parts;
  if (typeof args.notebook === 'string') {
    const panel = notebooks.find(each => each.context.path === args.notebook);
    return panel ? { kind: 'notebook', panel } : null;
  }
  const front = app.shell.currentWidget;
  const console = consoles?.currentWidget;
  if (console && console === front) {
    return { kind: 'console', panel: console };
  }
  const panel = notebooks.currentWidget;
  return panel ? { kind: 'notebook', panel } : null;
}

/** Attach a place to a cluster, visibly. */
async function attach(place: CodePlace, cluster: ICluster, parts: IParts): Promise<void> {
  const { model, settings, trans } = parts;
  if (!(await speaksPython(place))) {
    throw new Error(
      trans.__('Its kernel does not speak Python, or there is none. Choose a Python kernel first.')
    );
  }
  await settings.ready;
  await insertAndRun(place, attachCode(cluster, model.clusters), settings.get('attachBy'));
}

/** The commands that put code somewhere. */
function addCommands(parts: IParts): void {
  const { app, model, settings, trans } = parts;
  const { commands } = app;
  const about = shared(trans);
  const notebook = about.text(
    trans.__('The path of a notebook. Without it, the notebook or console in front.')
  );
  const chosen = (args: ReadonlyPartialJSONObject): ICluster | null => {
    const hit = args.context === true ? cardAt(app) : undefined;
    const id = typeof args.id === 'string' ? args.id : hit;
    return id === undefined ? model.current : model.cluster(id);
  };

  /** Whether the notebook uses this cluster already; to attach it once more is no harm. */
  const isUsed = (args: ReadonlyPartialJSONObject): boolean => {
    const kernel = placeOf(args, parts)?.panel.sessionContext.session?.kernel?.id;
    return clusterOf(kernel, model.clusters, parts.attachments)?.id === args.id;
  };

  commands.addCommand(CommandIDs.attach, {
    label: args => {
      const cluster = typeof args.id === 'string' ? model.cluster(args.id) : null;
      if (!cluster) {
        return trans.__('Attach Current Notebook to Dask Cluster…');
      }
      return isUsed(args)
        ? trans.__('%1 (attached; %2)', cluster.name, detail(cluster, trans))
        : trans.__('%1 (%2)', cluster.name, detail(cluster, trans));
    },
    caption: trans.__('Put a cell into the notebook that binds client and cluster, and run it'),
    icon: args => (!args.id ? linkIcon : isUsed(args) ? checkIcon : undefined),
    describedBy: about.cluster({ notebook }),
    isEnabled: args => placeOf(args, parts) !== null && model.clusters.some(isActive),
    execute: async args => {
      const place = placeOf(args, parts);
      const given = args.id !== undefined || args.context === true;
      const cluster = given ? chosen(args) : await askWhich(model, trans);
      if (!place || !cluster) {
        return;
      }
      try {
        await attach(place, cluster, parts);
      } catch (error) {
        tell(trans.__('The notebook was not attached.'), error, trans);
      }
    }
  });

  commands.addCommand(CommandIDs.insertCode, {
    label: trans.__('Insert Code for Dask Client'),
    caption: trans.__('Put Python that connects to a cluster into the notebook; it is not run'),
    icon: codeIcon,
    describedBy: about.cluster({ notebook }),
    isEnabled: args => {
      const cluster = chosen(args);
      return cluster !== null && isActive(cluster) && placeOf(args, parts) !== null;
    },
    execute: async args => {
      const place = placeOf(args, parts);
      const cluster = chosen(args);
      if (!place || !cluster) {
        tell(
          trans.__('No code was inserted.'),
          cluster
            ? trans.__('Open a notebook or a console first.')
            : trans.__('There is no such cluster.'),
          trans
        );
        return;
      }
      try {
        insert(place, (await model.connect(cluster.id)).code.trimEnd());
      } catch (error) {
        tell(trans.__('No code was inserted.'), error, trans);
      }
    }
  });

  commands.addCommand(CommandIDs.toggleAutoAttach, {
    label: trans.__('Attach New Notebooks to Current Dask Cluster'),
    caption: trans.__('Put the cell that attaches into each new notebook by itself'),
    describedBy: takes({}),
    isToggled: () => settings.get('autoAttach') !== 'none',
    execute: async () => {
      const on = settings.get('autoAttach') !== 'none';
      try {
        await settings.set('autoAttach', on ? 'none' : 'current');
      } catch (error) {
        tell(trans.__('The setting was not changed.'), error, trans);
      }
    }
  });
  settings.changed.connect(() => commands.notifyCommandChanged(CommandIDs.toggleAutoAttach));
  const moved = (): void => {
    commands.notifyCommandChanged(CommandIDs.attach);
    commands.notifyCommandChanged(CommandIDs.insertCode);
  };
  parts.notebooks.currentChanged.connect(moved);
  parts.consoles?.currentChanged.connect(moved);
}

/** Which cluster a notebook is to be attached to. */
async function askWhich(model: IStewardModel, trans: TranslationBundle): Promise<ICluster | null> {
  const living = model.clusters.filter(isActive);
  if (living.length <= 1) {
    return living[0] ?? null;
  }
  const answers = await ask(
    {
      title: trans.__('Attach the notebook'),
      accept: trans.__('Attach'),
      fields: [
        {
          name: 'id',
          label: trans.__('To the cluster'),
          kind: 'select',
          value: model.current?.id ?? living[0].id,
          options: living.map(cluster => ({
            value: cluster.id,
            label: trans.__('%1 (%2)', cluster.name, detail(cluster, trans))
          }))
        }
      ]
    },
    trans
  );
  return answers ? model.cluster(answers.id) : null;
}

/** The cluster that a new notebook gets by the settings. */
export function automatic(model: IStewardModel, settings: Settings): ICluster | null {
  const which = settings.get('autoAttach');
  if (which === 'current') {
    return model.current && isActive(model.current) ? model.current : null;
  }
  if (which === 'name') {
    const name = settings.get('autoAttachName');
    const named = model.clusters.filter(cluster => isActive(cluster) && cluster.name === name);
    return named.sort((one, other) => other.created - one.created)[0] ?? null;
  }
  return null;
}

/** Attach a notebook that has just been made, if it is to be. */
async function attachNew(panel: NotebookPanel, parts: IParts): Promise<void> {
  const { model, settings, trans } = parts;
  await Promise.all([settings.ready, panel.context.ready, panel.sessionContext.ready]);
  const cluster = automatic(model, settings);
  if (!cluster || panel.isDisposed || !isBlank(panel)) {
    return;
  }
  const place: CodePlace = { kind: 'notebook', panel };
  try {
    // A notebook in another language is nothing to complain about.
    if (await speaksPython(place)) {
      await attach(place, cluster, parts);
    }
  } catch (error) {
    tell(trans.__('The new notebook was not attached.'), error, trans);
  }
}

/** Names of commands that the palette offers. */
const IN_PALETTE = [CommandIDs.attach, CommandIDs.insertCode, CommandIDs.toggleAutoAttach];

export const notebookPlugin = stewardPlugin({
  id: 'dask-steward:notebook',
  description: 'Dask clusters in notebooks: a button in the toolbar, and code on request.',
  optional: {
    notebooks: INotebookTracker,
    consoles: IConsoleTracker,
    toolbars: IToolbarWidgetRegistry,
    attachments: IAttachments,
    registry: ISettingRegistry
  },
  palette: IN_PALETTE,
  activate: ({ app, model, trans, notebooks, consoles, toolbars, attachments, registry }) => {
    if (!notebooks) {
      return;
    }
    const settings = new Settings(registry);
    const parts: IParts = { app, model, settings, trans, notebooks, consoles, attachments };
    addCommands(parts);
    toolbars?.addFactory<NotebookPanel>(
      'Notebook',
      'dask-steward',
      panel => new ClusterButton({ panel, model, attachments, commands: app.commands, trans })
    );
    // Notebooks that a reload brings back are not new.
    void app.restored.then(() => {
      notebooks.widgetAdded.connect((_, panel) => void attachNew(panel, parts));
    });
  }
});
