/**
 * The details of a cluster as a tab: workers, jobs, logs, what it costs.
 */
import { ILayoutRestorer } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { shared } from '../commands/args';
import { cardAt } from '../commands/commandTools';
import { DetailsWidget } from './detailsWidget';
import { clusterIcon } from '../icons';
import type { LogWish } from './logNames';
import { stewardPlugin } from '../plugin';
import { CommandIDs } from '../tokens';
import { type DetailsTab, TABS } from '../view/Details';

function isTab(value: unknown): value is DetailsTab {
  return TABS.includes(value as DetailsTab);
}

export const detailsPlugin = stewardPlugin({
  id: 'dask-steward:details',
  description: 'Workers, jobs, logs and spend of a Dask cluster as a tab.',
  optional: { restorer: ILayoutRestorer },
  palette: [CommandIDs.openDetails, CommandIDs.openLog],
  activate: ({ app, model, trans, restorer }) => {
    const about = shared(trans);
    const { commands } = app;
    const tracker = new WidgetTracker<MainAreaWidget<DetailsWidget>>({
      namespace: 'dask-steward-details'
    });
    void restorer?.restore(tracker, {
      command: CommandIDs.openDetails,
      args: ({ content }) => ({ id: content.clusterId, tab: content.tab }),
      name: ({ content }) => content.clusterId
    });

    const idOf = (args: ReadonlyPartialJSONObject): string | null => {
      const hit = args.context === true ? cardAt(app) : undefined;
      return (typeof args.id === 'string' && args.id ? args.id : hit) ?? model.current?.id ?? null;
    };

    /** The tab of a cluster; made where there is none. */
    const open = (id: string, tab: DetailsTab | null, wish?: LogWish): MainAreaWidget => {
      let widget = tracker.find(each => each.content.clusterId === id);
      if (!widget) {
        widget = make(id, tab ?? 'workers');
      }
      if (tab || wish) {
        widget.content.present(tab ?? 'logs', wish);
      }
      app.shell.activateById(widget.id);
      return widget;
    };

    const make = (id: string, tab: DetailsTab): MainAreaWidget<DetailsWidget> => {
      const content = new DetailsWidget(model, id, trans, tab);
      const widget = new MainAreaWidget({ content });
      widget.id = `dask-steward-details-${id}`;
      widget.title.icon = clusterIcon;
      widget.title.closable = true;
      const name = (): void => {
        // The name stays when the cluster is not known any more.
        const cluster = model.cluster(id);
        widget.title.label = cluster?.name ?? (widget.title.label || trans.__('Dask cluster'));
        widget.title.caption = trans.__('Details of the Dask cluster %1', widget.title.label);
      };
      name();
      model.clustersChanged.connect(name);
      content.changed.connect(() => void tracker.save(widget));
      content.disposed.connect(() => {
        model.clustersChanged.disconnect(name);
      });
      app.shell.add(widget, 'main');
      void tracker.add(widget);
      return widget;
    };

    commands.addCommand(CommandIDs.openDetails, {
      label: trans.__('Show Details of Dask Cluster'),
      caption: trans.__('Open workers, jobs, logs and spend of a cluster as a tab'),
      icon: clusterIcon,
      describedBy: about.cluster({
        tab: about.choice(trans.__('What to show first.'), [
          ['workers', trans.__('Workers')],
          ['jobs', trans.__('Jobs')],
          ['logs', trans.__('Logs')],
          ['spend', trans.__('Spend and facts')]
        ])
      }),
      isEnabled: args => idOf(args) !== null,
      execute: args => {
        const id = idOf(args);
        return id === null ? undefined : open(id, isTab(args.tab) ? args.tab : null);
      }
    });

    commands.addCommand(CommandIDs.openLog, {
      label: trans.__('Show Logs of Dask Cluster'),
      caption: trans.__('Open the logs of a cluster, its jobs and its workers'),
      describedBy: about.cluster({
        name: about.text(trans.__('The name of the log; without it, that of the cluster.')),
        job: about.text(trans.__('The id of a job, whose log is shown.'))
      }),
      isEnabled: args => idOf(args) !== null,
      execute: args => {
        const id = idOf(args);
        if (id === null) {
          return undefined;
        }
        const wish: LogWish | undefined =
          typeof args.name === 'string'
            ? { name: args.name }
            : typeof args.job === 'string'
              ? { job: args.job }
              : undefined;
        return open(id, 'logs', wish);
      }
    });
  }
});
