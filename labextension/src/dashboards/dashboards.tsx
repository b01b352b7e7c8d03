/**
 * Pages of Dask's dashboards as tabs.
 */
import { ILabShell, ILayoutRestorer, type JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, Notification, WidgetTracker } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';
import { launchIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { DockLayout } from '@lumino/widgets';

import { shared, takes } from '../commands/args';
import { ClusterPage, type Page, UrlPage } from './dashboardPages';
import { cardAt } from '../commands/commandTools';
import { ask } from '../commands/dialogs';
import { tell } from '../commands/failures';
import { dashboardIcon } from '../icons';
import { readUrl, resolveLayout, type UrlFault } from './layout';
import { pageState, readTarget, targetOf } from './pages';
import { Settings } from '../settings';
import { stewardPlugin } from '../plugin';
import { CommandIDs, IAttachments, type ICluster, type IStewardModel } from '../tokens';

/** The page that `openDashboard` opens when it was not told which. */
const FIRST_PAGE = 'status';

/** Which cluster a command means that was found in the palette for the notebook in front. */
const OF_NOTEBOOK = { of: 'notebook' };

type Tab = MainAreaWidget<Page>;

/** Where to put a tab. */
interface IPlace {
  mode?: DockLayout.InsertMode;
  ref?: string;
  activate?: boolean;
}

/** Opens tabs, finds them again, and keeps them for a reload. */
class Tabs {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _model: IStewardModel,
    private readonly _settings: Settings,
    private readonly _trans: TranslationBundle,
    /** Without JupyterLab's shell (Notebook 7) there is no room for tabs: the browser's serve. */
    private readonly _inside: boolean
  ) {
    this.clusters.widgetAdded.connect((_, tab) => this._follow(tab));
    this.urls.widgetAdded.connect((_, tab) => this._follow(tab));
    _settings.changed.connect(() => {
      this.clusters.forEach(tab => this._dress(tab));
      this.urls.forEach(tab => this._dress(tab));
    });
  }

  readonly clusters = new WidgetTracker<MainAreaWidget<ClusterPage>>({
    namespace: 'dask-steward-dashboards'
  });
  readonly urls = new WidgetTracker<MainAreaWidget<UrlPage>>({ namespace: 'dask-steward-pages' });

  /** Open a page of a cluster, or show the tab that has it. */
  async openCluster(
    target: ReturnType<typeof targetOf>,
    place: IPlace,
    key?: string
  ): Promise<Tab | null> {
    if (!this._inside) {
      window.open(this._model.dashboardUrl(target.id, target.path), '_blank', 'noopener');
      return null;
    }
    const same = this.clusters.find(
      tab => tab.content.target.id === target.id && tab.content.target.path === target.path
    );
    // A tab of a cluster that is gone is better used again than left.
    const open =
      same ??
      this.clusters.find(
        tab =>
          tab.content.target.path === target.path &&
          pageState(this._model, tab.content.target).kind === 'ended'
      );
    if (open && !key) {
      open.content.bind(target);
      if (place.activate !== false) {
        this._app.shell.activateById(open.id);
      }
      return open;
    }
    const page = new ClusterPage(this._model, target, this._trans, key);
    const tab = new MainAreaWidget({ content: page });
    this._add(tab, place);
    await this.clusters.add(tab);
    return tab;
  }

  /** Open any page. */
  async openUrl(url: URL, place: IPlace, key?: string): Promise<Tab | null> {
    if (!this._inside) {
      window.open(url.href, '_blank', 'noopener');
      return null;
    }
    const open = this.urls.find(tab => tab.content.url.href === url.href);
    if (open && !key) {
      this._app.shell.activateById(open.id);
      return open;
    }
    const tab = new MainAreaWidget({ content: new UrlPage(url, this._trans, key) });
    this._add(tab, place);
    await this.urls.add(tab);
    return tab;
  }

  private _add(tab: Tab, place: IPlace): void {
    tab.id = `dask-steward-page-${tab.content.key}`;
    tab.title.closable = true;
    tab.title.icon = dashboardIcon;
    tab.addClass('dsk-PageTab');
    // It is empty, and a plot needs the room.
    tab.toolbar.hide();
    this._app.shell.add(tab, 'main', place);
  }

  private _follow(tab: Tab): void {
    this._dress(tab);
    tab.content.rebound.connect(() => {
      if (tab.content instanceof ClusterPage) {
        void this.clusters.save(tab as MainAreaWidget<ClusterPage>);
      }
    });
  }

  private _dress(tab: Tab): void {
    tab.content.toggleClass('dsk-mod-darkened', this._settings.get('darkDashboards'));
  }
}

export const dashboardsPlugin = stewardPlugin({
  id: 'dask-steward:dashboards',
  description: 'Pages of Dask’s dashboards as tabs, alone and as a layout.',
  optional: {
    labShell: ILabShell,
    restorer: ILayoutRestorer,
    registry: ISettingRegistry,
    notebooks: INotebookTracker,
    attachments: IAttachments
  },
  palette: [
    CommandIDs.openDashboard,
    CommandIDs.openLayout,
    { command: CommandIDs.openDashboard, args: OF_NOTEBOOK },
    { command: CommandIDs.openLayout, args: OF_NOTEBOOK },
    CommandIDs.openDashboardUrl
  ],
  activate: ({ app, model, trans, labShell, restorer, registry, notebooks, attachments }) => {
    const about = shared(trans);
    const settings = new Settings(registry);
    const tabs = new Tabs(app, model, settings, trans, labShell !== null);
    const { commands } = app;

    const ofNotebook = (): ICluster | null =>
      attachments?.of(notebooks?.currentWidget?.sessionContext.session?.kernel?.id) ?? null;
    const chosen = (args: ReadonlyPartialJSONObject): ICluster | null => {
      if (args.of === 'notebook') {
        return ofNotebook();
      }
      const hit = args.context === true ? cardAt(app) : undefined;
      const id = typeof args.id === 'string' ? args.id : hit;
      return id === undefined ? model.current : model.cluster(id);
    };
    const place = (args: ReadonlyPartialJSONObject): IPlace => ({
      ...(typeof args.mode === 'string' ? { mode: args.mode as DockLayout.InsertMode } : {}),
      ...(typeof args.ref === 'string' ? { ref: args.ref } : {}),
      activate: args.activate !== false
    });
    const of = about.choice(trans.__('Which cluster, where there is no id.'), [
      ['current', trans.__('The one whose card is open')],
      ['notebook', trans.__('The one of the current notebook')]
    ]);
    const placing = {
      mode: about.choice(trans.__('Where the tab goes.'), [
        ['tab-after', trans.__('Behind the other tab')],
        ['split-right', trans.__('Right of it')],
        ['split-bottom', trans.__('Below it')],
        ['split-left', trans.__('Left of it')],
        ['split-top', trans.__('Above it')]
      ]),
      ref: about.text(trans.__('The id of the tab that `mode` is about.')),
      activate: { type: 'boolean', description: trans.__('Show it at once.') } as const
    };

    commands.addCommand(CommandIDs.openDashboard, {
      label: args =>
        args.of === 'notebook'
          ? trans.__('Open Dask Dashboard of Current Notebook')
          : trans.__('Open Dask Dashboard'),
      caption: trans.__('Open a page of a cluster’s dashboard as a tab'),
      icon: dashboardIcon,
      describedBy: about.cluster({
        of,
        path: about.text(trans.__('The page, such as `individual-task-stream`.')),
        title: about.text(trans.__('What the tab is called.')),
        name: about.text(trans.__('The cluster’s name, for a tab that is restored.')),
        kernel: about.text(trans.__('The cluster’s kernel, for a tab that is restored.')),
        key: about.text(trans.__('The key of a tab that is restored.')),
        ...placing
      }),
      isEnabled: args => chosen(args)?.scheduler.dashboard ?? false,
      execute: async args => {
        const key = typeof args.key === 'string' ? args.key : undefined;
        const stored = key === undefined ? null : readTarget(args);
        if (stored) {
          return tabs.openCluster(stored, place(args), key);
        }
        const cluster = chosen(args);
        if (!cluster) {
          tell(
            trans.__('No dashboard was opened.'),
            args.of === 'notebook'
              ? trans.__('The current notebook uses no cluster of Dask Steward.')
              : trans.__('There is no such cluster.'),
            trans
          );
          return null;
        }
        const path = typeof args.path === 'string' ? args.path : FIRST_PAGE;
        const title = typeof args.title === 'string' ? args.title : trans.__('Status');
        return tabs.openCluster(targetOf(cluster, path, title), place(args));
      }
    });

    commands.addCommand(CommandIDs.openLayout, {
      label: args =>
        args.of === 'notebook'
          ? trans.__('Open Dask Dashboard Layout of Current Notebook')
          : trans.__('Open Dask Dashboard Layout'),
      caption: trans.__('Open the plots of your layout (see the settings) for a cluster'),
      icon: dashboardIcon,
      describedBy: about.cluster({ of }),
      isEnabled: args => chosen(args)?.scheduler.dashboard ?? false,
      execute: async args => {
        const cluster = chosen(args);
        if (!cluster) {
          return;
        }
        try {
          const plots = await model.plots(cluster.id);
          const layout = resolveLayout(settings.get('defaultLayout'), plots);
          const opened = new Map<string, string>();
          for (const item of layout.items) {
            const tab = await tabs.openCluster(targetOf(cluster, item.plot.path, item.plot.title), {
              mode: item.mode,
              ref: item.ref ? opened.get(item.ref.path) : undefined
            });
            if (tab) {
              opened.set(item.plot.path, tab.id);
            }
          }
          if (layout.unknown.length) {
            Notification.warning(
              trans._n(
                'This dashboard has no plot %2. See the setting “Dashboard layout”.',
                'This dashboard has no plots %2. See the setting “Dashboard layout”.',
                layout.unknown.length,
                layout.unknown.map(name => `“${name}”`).join(', ')
              )
            );
          }
        } catch (error) {
          tell(trans.__('The layout was not opened.'), error, trans);
        }
      }
    });

    commands.addCommand(CommandIDs.openDashboardUrl, {
      label: trans.__('Open Dask Dashboard by URL…'),
      caption: trans.__('Open the dashboard of any Dask scheduler as a tab'),
      icon: launchIcon,
      describedBy: takes({
        url: about.text(
          trans.__('An http(s) address, or a path of this server such as `proxy/8787/status`.')
        ),
        key: about.text(trans.__('The key of a tab that is restored.')),
        ...placing
      }),
      execute: async args => {
        const read = (text: string): ReturnType<typeof readUrl> =>
          readUrl(text, window.location.href, app.serviceManager.serverSettings.baseUrl);
        let typed = typeof args.url === 'string' ? args.url : undefined;
        if (typed === undefined) {
          const answers = await ask(
            {
              title: trans.__('Open a Dask dashboard'),
              accept: trans.__('Open'),
              fields: [
                {
                  name: 'url',
                  label: trans.__('Address of the page'),
                  kind: 'text',
                  // eslint-disable-next-line jupyter/no-untranslated-string -- a path
                  placeholder: 'proxy/8787/status',
                  note: trans.__(
                    'http:// or https://, or a path of this server: proxy/PORT/status shows what listens on its port.'
                  )
                }
              ],
              check: given => {
                const { fault } = read(given.url);
                return fault && fault !== 'empty' ? ['url', faultSentence(fault, trans)] : null;
              }
            },
            trans
          );
          if (!answers?.url) {
            return null;
          }
          typed = answers.url;
        }
        const { url, fault } = read(typed);
        if (!url) {
          tell(trans.__('The page was not opened.'), faultSentence(fault, trans), trans);
          return null;
        }
        return tabs.openUrl(url, place(args), typeof args.key === 'string' ? args.key : undefined);
      }
    });

    notebooks?.currentChanged.connect(() => {
      commands.notifyCommandChanged(CommandIDs.openDashboard);
      commands.notifyCommandChanged(CommandIDs.openLayout);
    });

    if (restorer) {
      void restorer.restore(tabs.clusters, {
        command: CommandIDs.openDashboard,
        args: tab => ({ ...tab.content.target, key: tab.content.key, activate: false }),
        name: tab => tab.content.key
      });
      void restorer.restore(tabs.urls, {
        command: CommandIDs.openDashboardUrl,
        args: tab => ({ url: tab.content.url.href, key: tab.content.key, activate: false }),
        name: tab => tab.content.key
      });
    }
  }
});

/** What is wrong with a URL, and the way out. */
function faultSentence(fault: UrlFault, trans: TranslationBundle): string {
  switch (fault) {
    case 'empty':
      return trans.__('There is no address.');
    case 'malformed':
      return trans.__('This is no address. Write it like http://host:8787/status.');
    case 'scheme':
      return trans.__('Only addresses with http:// or https:// can be opened.');
    case 'credentials':
      return trans.__('Leave out the name and password: they would be stored with the tab.');
    case 'mixed':
      return trans.__(
        'JupyterLab came by https, so browsers refuse pages by http in it. Use proxy/PORT/status, or https.'
      );
  }
}
