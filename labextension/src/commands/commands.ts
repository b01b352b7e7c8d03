/**
 * What can be done to clusters and profiles, as commands.
 *
 * Each works through the model. Without an `id` a command means the cluster whose card is open; what
 * else it was not given it asks for.
 */
import { ILabShell } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { addIcon, deleteIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';

import { shared, takes } from './args';
import { addClusterCommands } from './clusterCommands';
import { cardAt, type ICommandsOptions, number, text, Tools } from './commandTools';
import { signature } from '../facts';
import { clusterIcon } from '../icons';
import * as questions from './questions';
import { stewardPlugin } from '../plugin';
import { CommandIDs, type IStart, type IStewardModel } from '../tokens';
import { isActive } from '../view/format';

/** The id of the sidebar's widget. */
export const PANEL_ID = 'dask-steward-sidebar';

/** Add the commands to a registry. */
export function addCommands(options: ICommandsOptions): void {
  const { commands, model, trans } = options;
  const about = shared(trans);
  const tools = new Tools(options);
  const mayWrite = (): boolean => tools.mayWrite();
  addClusterCommands(tools);

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
      return tools.attempt(trans.__('The cluster was not started.'), async () => {
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

  commands.addCommand(CommandIDs.stopAll, {
    label: trans.__('Stop All Dask Clusters…'),
    caption: trans.__('Stop every cluster and give back everything that they hold'),
    icon: stopIcon,
    describedBy: takes({}),
    isEnabled: () => mayWrite() && model.clusters.some(isActive),
    execute: async () => {
      const living = model.clusters.filter(isActive);
      if (living.length && (await questions.stop(living, trans))) {
        await Promise.all(
          living.map(cluster =>
            tools.attempt(trans.__('“%1” was not stopped.', cluster.name), () =>
              model.stop(cluster.id)
            )
          )
        );
      }
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
        await tools.attempt(trans.__('The profile was not deleted.'), () =>
          model.deleteProfile(name)
        );
      }
    }
  });

  commands.addCommand(CommandIDs.sweep, {
    label: trans.__('Sweep: Release What Ended Dask Clusters Left'),
    caption: trans.__('Release jobs and processes whose clusters are gone'),
    describedBy: takes({}),
    isEnabled: mayWrite,
    execute: () =>
      tools.attempt(trans.__('The sweep did not work.'), async () => {
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
      tools.attempt(trans.__('Not everything was read again.'), () =>
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

export const commandsPlugin = stewardPlugin({
  id: 'dask-steward:commands',
  description: 'Commands on Dask clusters and profiles, in palette and menus.',
  optional: { labShell: ILabShell },
  palette: IN_PALETTE,
  activate: ({ app, model, trans, labShell }) => {
    addCommands({
      commands: app.commands,
      model,
      trans,
      hit: () => cardAt(app),
      open: () => (labShell ?? app.shell).activateById(PANEL_ID)
    });
    followState(app.commands, model);
  }
});
