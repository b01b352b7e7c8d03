/**
 * What can be done to one cluster, as commands.
 */
import { Clipboard, Notification } from '@jupyterlab/apputils';
import { copyIcon, editIcon, refreshIcon, saveIcon, stopIcon } from '@jupyterlab/ui-components';

import { shared } from './args';
import { number, text, type Tools } from './commandTools';
import { isOurs, works } from '../facts';
import * as questions from './questions';
import { CommandIDs, type IAdapt, type IScale, type Tenure } from '../tokens';

/** Add the commands on one cluster. */
export function addClusterCommands(tools: Tools): void {
  const { model, trans } = tools.options;
  const about = shared(trans);

  tools.onCluster(CommandIDs.scale, {
    label: trans.__('Scale Dask Cluster…'),
    caption: trans.__('Set how many workers or jobs a cluster has'),
    describedBy: about.cluster({
      workers: about.count(trans.__('How many workers. Without a size, a dialog asks.')),
      jobs: about.count(trans.__('How many jobs, in place of workers.')),
      cores: about.count(trans.__('How many cores, in place of workers.')),
      group: about.text(trans.__('The group of workers; without it, the default one.'))
    }),
    failed: trans.__('The size was not changed.'),
    enabled: isOurs,
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

  tools.onCluster(CommandIDs.adapt, {
    label: trans.__('Adapt Dask Cluster…'),
    caption: trans.__('Let a cluster grow and shrink with its work'),
    describedBy: about.cluster({
      minimum: about.count(trans.__('The least number of jobs. Without limits, a dialog asks.')),
      maximum: about.count(trans.__('The greatest number of jobs.')),
      active: { type: 'boolean', description: trans.__('False: keep the size that it has now.') },
      group: about.text(trans.__('The group of workers; without it, the default one.'))
    }),
    failed: trans.__('The limits were not changed.'),
    enabled: isOurs,
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

  tools.onCluster(CommandIDs.stop, {
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

  tools.onCluster(CommandIDs.rename, {
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

  tools.onCluster(CommandIDs.restartWorkers, {
    label: trans.__('Restart Workers of Dask Cluster'),
    caption: trans.__('Start the processes of all workers again; the jobs stay'),
    icon: refreshIcon,
    describedBy: about.cluster(),
    failed: trans.__('The workers were not restarted.'),
    enabled: cluster => isOurs(cluster) && cluster.workers.running > 0,
    execute: async cluster => {
      if (!works(cluster) || (await questions.restart(cluster, trans))) {
        await model.restartWorkers(cluster.id);
      }
    }
  });

  tools.onCluster(CommandIDs.setTenure, {
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

  tools.onCluster(CommandIDs.saveAsProfile, {
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

  tools.onCluster(CommandIDs.copyAddress, {
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
}
