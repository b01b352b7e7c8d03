/**
 * What can be done to clusters and profiles, as commands.
 *
 * Each works through the model. Without an `id` a command means the cluster whose card is open; what
 * else it was not given it asks for.
 */
import {
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
  ILabShell
} from '@jupyterlab/application';
import { Clipboard, ICommandPalette, Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import {
  addIcon,
  copyIcon,
  deleteIcon,
  editIcon,
  refreshIcon,
  saveIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { shared, takes } from './args';
import * as questions from './questions';
import { tell } from './failures';
import { clusterIcon } from './icons';
import { lives, signature, works } from './facts';
import {
  CommandIDs,
  type IAdapt,
  type ICluster,
  type IScale,
  type IStart,
  IStewardModel,
  type Tenure
} from './tokens';

/** The id of the sidebar's widget. */
export const PANEL_ID = 'dask-steward-sidebar';

/** The attribute of a card that holds the id of its cluster. */
export const CARD_ID = 'cluster';

/** What the commands need. */
export interface ICommandsOptions {
  commands: CommandRegistry;
  model: IStewardModel;
  trans: TranslationBundle;
  /** The id of the cluster whose card the context menu was opened on. */
  hit?: () => string | undefined;
  /** Bring the sidebar to the front. */
  open?: () => void;
}

/** A command on one cluster. */
interface IOnCluster {
  label: string;
  caption: string;
  icon?: CommandRegistry.ICommandOptions['icon'];
  describedBy: CommandRegistry.ICommandOptions['describedBy'];
  /** Said before the reason when it did not work. */
  failed: string;
  enabled?: (cluster: ICluster) => boolean;
  /** Whether it changes something, which a person who may only look may not. */
  writes?: boolean;
  execute: (cluster: ICluster, args: ReadonlyPartialJSONObject) => Promise<unknown>;
}

/** Add the commands to a registry. */
export function addCommands(options: ICommandsOptions): void {
  const { commands, model, trans } = options;
  const about = shared(trans);
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' && value ? value : undefined;
  const number = (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isFinite(value) ? value : undefined;

  const chosen = (args: ReadonlyPartialJSONObject): ICluster | null => {
    const id = text(args.id) ?? (args.context === true ? options.hit?.() : undefined);
    return id === undefined ? model.current : model.cluster(id);
  };
  const mayWrite = (): boolean => !model.readOnly && model.connection.state === 'ok';

  /** Do it, and tell a person when it does not work. */
  const attempt = async (failed: string, what: () => Promise<unknown>): Promise<unknown> => {
    try {
      return await what();
    } catch (error) {
      tell(failed, error, trans);
      return undefined;
    }
  };

  const onCluster = (id: string, command: IOnCluster): void => {
    commands.addCommand(id, {
      label: command.label,
      caption: command.caption,
      icon: command.icon,
      describedBy: command.describedBy,
      isEnabled: args => {
        const cluster = chosen(args);
        return (
          cluster !== null &&
          (command.writes === false || mayWrite()) &&
          (command.enabled ?? lives)(cluster)
        );
      },
      execute: async args => {
        const cluster = chosen(args);
        if (!cluster) {
          tell(command.failed, trans.__('There is no such cluster.'), trans);
          return undefined;
        }
        return attempt(command.failed, () => command.execute(cluster, args));
      }
    });
  };

  commands.addCommand(CommandIDs.openPanel, {
    label: trans.__('Show Dask Clusters'),
    caption: trans.__('Open the sidebar with Dask clusters, profiles and dashboards'),
    icon: clusterIcon,
    describedBy: takes({}),
    execute: () => options.open?.()
  });

  commands.addCommand(CommandIDs.newCluster, {
    label: args => {
      const profile = model.profiles.find(each => each.name === args.profile);
      return profile ? profile.title : trans.__('New Dask Cluster…');
    },
    caption: args => {
      const profile = model.profiles.find(each => each.name === args.profile);
      return profile
        ? (profile.description ??
            trans.__('Start a Dask cluster from the profile “%1”', profile.name))
        : trans.__('Start a Dask cluster from a saved profile');
    },
    icon: args => (args.profile ? clusterIcon : addIcon),
    describedBy: takes({
      profile: about.text(trans.__('The name of a profile. Without it, a dialog asks.')),
      name: about.text(trans.__('What the cluster is to be called.')),
      workers: about.count(trans.__('How many workers, in place of what the profile says.')),
      kernelId: about.text(trans.__('The kernel that the cluster ends with.')),
      environment: about.text(
        trans.__('The name of a kernel specification: the cluster runs in its environment.')
      ),
      notebook: about.text(trans.__('The path of a notebook that is attached to the new cluster.')),
      select: { type: 'boolean', description: trans.__('Open its card in the sidebar.') }
    }),
    isEnabled: mayWrite,
    execute: async args => {
      const body: Partial<IStart> = {};
      const profile = text(args.profile);
      const workers = number(args.workers);
      if (profile === undefined) {
        const answer = await questions.newCluster(model, trans);
        if (!answer) {
          return undefined;
        }
        Object.assign(body, answer);
      } else {
        body.profile = profile;
        body.name = text(args.name);
        body.scale = workers === undefined ? undefined : { workers };
      }
      const kernel = text(args.kernelId);
      if (kernel !== undefined) {
        body.kernel_id = kernel;
        body.tenure = 'kernel';
      }
      body.environment = text(args.environment);
      return attempt(trans.__('The cluster was not started.'), async () => {
        const cluster = await model.start(JSON.parse(JSON.stringify(body)) as IStart);
        if (args.select !== false) {
          model.select(cluster.id);
        }
        const notebook = text(args.notebook);
        if (notebook === undefined && args.select !== false) {
          // A notebook shows its cluster itself, and should keep the focus.
          options.open?.();
        }
        if (notebook !== undefined && commands.hasCommand(CommandIDs.attach)) {
          await commands.execute(CommandIDs.attach, { id: cluster.id, notebook });
        }
        return cluster;
      });
    }
  });

  onCluster(CommandIDs.scale, {
    label: trans.__('Scale Dask Cluster…'),
    caption: trans.__('Set how many workers or jobs a cluster has'),
    describedBy: about.cluster({
      workers: about.count(trans.__('How many workers. Without a size, a dialog asks.')),
      jobs: about.count(trans.__('How many jobs, in place of workers.')),
      cores: about.count(trans.__('How many cores, in place of workers.')),
      group: about.text(trans.__('The group of workers; without it, the default one.'))
    }),
    failed: trans.__('The size was not changed.'),
    execute: async (cluster, args) => {
      const given: IScale = {};
      for (const unit of ['workers', 'jobs', 'cores'] as const) {
        const value = number(args[unit]);
        if (value !== undefined) {
          given[unit] = value;
        }
      }
      const size = Object.keys(given).length ? given : await questions.scale(cluster, trans);
      if (!size) {
        return;
      }
      const group = text(args.group);
      const note = await model.scale(cluster.id, group === undefined ? size : { ...size, group });
      if (note) {
        Notification.info(note);
      }
    }
  });

  onCluster(CommandIDs.adapt, {
    label: trans.__('Adapt Dask Cluster…'),
    caption: trans.__('Let a cluster grow and shrink with its work'),
    describedBy: about.cluster({
      minimum: about.count(trans.__('The least number of jobs. Without limits, a dialog asks.')),
      maximum: about.count(trans.__('The greatest number of jobs.')),
      active: { type: 'boolean', description: trans.__('False: keep the size that it has now.') },
      group: about.text(trans.__('The group of workers; without it, the default one.'))
    }),
    failed: trans.__('The limits were not changed.'),
    execute: async (cluster, args) => {
      const group = text(args.group);
      const ofGroup: { group?: string } = group === undefined ? {} : { group };
      if (args.active === false) {
        return model.adapt(cluster.id, { active: false, ...ofGroup });
      }
      const minimum = number(args.minimum);
      const maximum = number(args.maximum);
      const limits: IAdapt | null =
        minimum !== undefined && maximum !== undefined
          ? { minimum, maximum }
          : await questions.adapt(cluster, minimum, maximum, trans);
      return limits
        ? model.adapt(cluster.id, group === undefined ? limits : { ...limits, group })
        : undefined;
    }
  });

  onCluster(CommandIDs.stop, {
    label: trans.__('Stop Dask Cluster'),
    caption: trans.__('Stop a cluster and give back everything that it holds'),
    icon: stopIcon,
    describedBy: about.cluster(),
    failed: trans.__('The cluster was not stopped.'),
    execute: async cluster => {
      if (!works(cluster) || (await questions.stop([cluster], trans))) {
        await model.stop(cluster.id);
      }
    }
  });

  commands.addCommand(CommandIDs.stopAll, {
    label: trans.__('Stop All Dask Clusters…'),
    caption: trans.__('Stop every cluster and give back everything that they hold'),
    icon: stopIcon,
    describedBy: takes({}),
    isEnabled: () => mayWrite() && model.clusters.some(lives),
    execute: async () => {
      const living = model.clusters.filter(lives);
      if (living.length && (await questions.stop(living, trans))) {
        await Promise.all(
          living.map(cluster =>
            attempt(trans.__('“%1” was not stopped.', cluster.name), () => model.stop(cluster.id))
          )
        );
      }
    }
  });

  onCluster(CommandIDs.rename, {
    label: trans.__('Rename Dask Cluster…'),
    caption: trans.__('Give a cluster another name'),
    icon: editIcon,
    describedBy: about.cluster({ name: about.text(trans.__('Its new name.')) }),
    failed: trans.__('The cluster was not renamed.'),
    execute: async (cluster, args) => {
      const name = text(args.name) ?? (await questions.rename(cluster, trans));
      return name && name !== cluster.name ? model.rename(cluster.id, name) : undefined;
    }
  });

  onCluster(CommandIDs.restartWorkers, {
    label: trans.__('Restart Workers of Dask Cluster'),
    caption: trans.__('Start the processes of all workers again; the jobs stay'),
    icon: refreshIcon,
    describedBy: about.cluster(),
    failed: trans.__('The workers were not restarted.'),
    enabled: cluster => lives(cluster) && cluster.workers.running > 0,
    execute: async cluster => {
      if (!works(cluster) || (await questions.restart(cluster, trans))) {
        await model.restartWorkers(cluster.id);
      }
    }
  });

  onCluster(CommandIDs.setTenure, {
    label: trans.__('Change When Dask Cluster Ends…'),
    caption: trans.__('Choose what a cluster ends with: a kernel, this server, or its time limits'),
    describedBy: about.cluster({
      tenure: about.choice(trans.__('What it ends with. Without it, a dialog asks.'), [
        ['kernel', trans.__('A kernel')],
        ['server', trans.__('This Jupyter server')],
        ['detached', trans.__('Nothing but its time limits')]
      ]),
      kernelId: about.text(trans.__('The kernel that it ends with.'))
    }),
    failed: trans.__('What the cluster ends with was not changed.'),
    execute: async (cluster, args) => {
      const kernel = text(args.kernelId);
      const tenure = text(args.tenure) ?? (await questions.tenure(cluster, kernel, trans));
      return tenure ? model.setTenure(cluster.id, tenure as Tenure, kernel) : undefined;
    }
  });

  onCluster(CommandIDs.saveAsProfile, {
    label: trans.__('Save Dask Cluster as Profile…'),
    caption: trans.__('Make a profile that starts such a cluster again, with the size it has now'),
    icon: saveIcon,
    describedBy: about.cluster({ name: about.text(trans.__('The name of the new profile.')) }),
    failed: trans.__('The profile was not saved.'),
    enabled: () => true,
    execute: async (cluster, args) => {
      const name = text(args.name) ?? (await questions.saveAs(cluster, model, trans));
      if (name) {
        const profile = await model.saveClusterAsProfile(cluster.id, name);
        Notification.success(trans.__('The profile “%1” was saved.', profile.name));
      }
    }
  });

  onCluster(CommandIDs.copyAddress, {
    label: trans.__('Copy Address of Dask Scheduler'),
    caption: trans.__('Copy the address of a cluster’s scheduler'),
    icon: copyIcon,
    describedBy: about.cluster(),
    failed: trans.__('The address was not copied.'),
    writes: false,
    enabled: cluster => cluster.scheduler.address !== null,
    execute: async cluster => {
      Clipboard.copyToSystem(cluster.scheduler.address ?? '');
      Notification.info(trans.__('The address of “%1” was copied.', cluster.name), {
        autoClose: 2000
      });
    }
  });

  commands.addCommand(CommandIDs.deleteProfile, {
    label: trans.__('Delete Dask Profile…'),
    caption: trans.__('Delete a profile of your own'),
    icon: deleteIcon,
    describedBy: takes({ name: about.text(trans.__('The name of the profile.')) }, ['name']),
    isEnabled: args =>
      mayWrite() && model.profiles.some(each => each.name === args.name && each.editable),
    execute: async args => {
      const name = text(args.name);
      if (name !== undefined && (await questions.deleteProfile(name, trans))) {
        await attempt(trans.__('The profile was not deleted.'), () => model.deleteProfile(name));
      }
    }
  });

  commands.addCommand(CommandIDs.sweep, {
    label: trans.__('Sweep: Release What Ended Dask Clusters Left'),
    caption: trans.__('Release jobs and processes whose clusters are gone'),
    describedBy: takes({}),
    isEnabled: mayWrite,
    execute: () =>
      attempt(trans.__('The sweep did not work.'), async () => {
        const answer = await model.sweep();
        Notification.info(questions.swept(answer, trans));
        return answer;
      })
  });

  commands.addCommand(CommandIDs.refresh, {
    label: trans.__('Refresh Dask Profiles and What Is Held'),
    caption: trans.__('Read the files of profiles and the ledger again'),
    icon: refreshIcon,
    describedBy: takes({}),
    isEnabled: () => model.connection.state === 'ok',
    execute: () =>
      attempt(trans.__('Not everything was read again.'), () =>
        Promise.all([model.refreshProfiles(), model.refreshHeld()])
      )
  });
}

/** Follow what the commands' states depend on, and nothing that only moves numbers. */
export function followState(commands: CommandRegistry, model: IStewardModel): void {
  let last = '';
  const look = (): void => {
    const now = signature(model);
    if (now !== last) {
      last = now;
      for (const id of Object.values(CommandIDs)) {
        if (commands.hasCommand(id)) {
          commands.notifyCommandChanged(id);
        }
      }
    }
  };
  model.clustersChanged.connect(look);
  model.profilesChanged.connect(look);
  model.currentChanged.connect(look);
  model.connectionChanged.connect(look);
}

/** The commands that the palette offers of this plugin. */
const IN_PALETTE = [
  CommandIDs.openPanel,
  CommandIDs.newCluster,
  CommandIDs.scale,
  CommandIDs.adapt,
  CommandIDs.stop,
  CommandIDs.stopAll,
  CommandIDs.rename,
  CommandIDs.restartWorkers,
  CommandIDs.setTenure,
  CommandIDs.saveAsProfile,
  CommandIDs.copyAddress,
  CommandIDs.sweep,
  CommandIDs.refresh
];

export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'dask-steward:commands',
  description: 'Commands on Dask clusters and profiles, in palette and menus.',
  autoStart: true,
  requires: [IStewardModel],
  optional: [ICommandPalette, ITranslator, ILabShell],
  activate: (
    app: JupyterFrontEnd,
    model: IStewardModel,
    palette: ICommandPalette | null,
    translator: ITranslator | null,
    labShell: ILabShell | null
  ) => {
    const trans = (translator ?? nullTranslator).load('dask_steward');
    addCommands({
      commands: app.commands,
      model,
      trans,
      hit: () =>
        app.contextMenuHitTest(node => node.dataset[CARD_ID] !== undefined)?.dataset[CARD_ID],
      open: () => (labShell ?? app.shell).activateById(PANEL_ID)
    });
    followState(app.commands, model);
    for (const command of IN_PALETTE) {
      palette?.addItem({ command, category: trans.__('Dask') });
    }
  }
};
