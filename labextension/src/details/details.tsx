/**
 * The details of a cluster as a tab: workers, jobs, logs, what it costs.
 */
import { ILayoutRestorer } from '@jupyterlab/application';
import {
  Clipboard,
  MainAreaWidget,
  Notification,
  ReactWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { type ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';

import { shared } from '../commands/args';
import { cardAt } from '../commands/commandTools';
import { sentence, tell } from '../commands/failures';
import { useChanged, useRows } from '../hooks';
import { clusterIcon } from '../icons';
import { type LogWish, logOf } from './logNames';
import { stewardPlugin } from '../plugin';
import {
  CommandIDs,
  type ICluster,
  type IJob,
  type ILog,
  type IStewardModel,
  type IWorker
} from '../tokens';
import { Details, type DetailsTab, TABS } from '../view/Details';
import { useClock } from '../view/clock';
import { JobsTable } from '../view/JobsTable';
import { LogViewer } from '../view/LogViewer';
import { Spend } from '../view/Spend';
import { WorkersTable } from '../view/WorkersTable';

/** Bytes of a log that are asked for at once when all of it is saved: the most that the server gives. */
const PART = 1_000_000;

/** What one tab shows. */
export class DetailsWidget extends ReactWidget {
  constructor(
    private readonly _model: IStewardModel,
    readonly clusterId: string,
    private readonly _trans: TranslationBundle,
    tab: DetailsTab
  ) {
    super();
    this._tab = tab;
    this.addClass('dsk-DetailsWidget');
  }

  get tab(): DetailsTab {
    return this._tab;
  }

  /** Something that is drawn has changed: the tab, the wanted log, whether it is in sight. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether somebody can see it; rows are followed only then. */
  get looked(): boolean {
    return this._looked;
  }

  /** The log that somebody asked for. */
  get wish(): LogWish | null {
    return this._wish;
  }

  present(tab: DetailsTab, wish?: LogWish | null): void {
    this._tab = tab;
    if (wish !== undefined) {
      this._wish = wish;
    }
    this._changed.emit();
  }

  dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._setLooked(true);
  }

  protected onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._setLooked(false);
  }

  protected onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this.node.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus();
  }

  protected render(): React.ReactElement {
    return <DetailsOf widget={this} model={this._model} trans={this._trans} />;
  }

  private _setLooked(looked: boolean): void {
    this._looked = looked;
    this._changed.emit();
  }

  private _tab: DetailsTab;
  private _wish: LogWish | null = null;
  private _looked = true;
  private _changed = new Signal<this, void>(this);
}

interface IDetailsOfProps {
  widget: DetailsWidget;
  model: IStewardModel;
  trans: TranslationBundle;
}

function DetailsOf({ widget, model, trans }: IDetailsOfProps): React.ReactElement {
  const id = widget.clusterId;
  const cluster = useChanged(model.clustersChanged, () => model.cluster(id));
  const connection = useChanged(model.connectionChanged, () => model.connection);
  const tab = useChanged(widget.changed, () => widget.tab);
  const looked = useChanged(widget.changed, () => widget.looked);
  const lost = connection.state === 'lost' || connection.state === 'missing';
  const stale = lost ? (connection.message ?? trans.__('The server does not answer.')) : null;
  return (
    <Details
      cluster={cluster}
      reading={connection.state === 'connecting'}
      tab={tab}
      stale={stale}
      trans={trans}
      onTab={next => widget.present(next)}
    >
      {cluster && tab === 'workers' && (
        <Workers widget={widget} model={model} trans={trans} looked={looked} />
      )}
      {cluster && tab === 'jobs' && (
        <Jobs widget={widget} model={model} trans={trans} looked={looked} cluster={cluster} />
      )}
      {cluster && tab === 'logs' && (
        <Logs widget={widget} model={model} trans={trans} connected={!lost} />
      )}
      {cluster && tab === 'spend' && <Spend cluster={cluster} trans={trans} onCopy={copy} />}
    </Details>
  );
}

function copy(text: string): void {
  Clipboard.copyToSystem(text);
}

function Workers({
  widget,
  model,
  trans,
  looked
}: IDetailsOfProps & { looked: boolean }): React.ReactElement {
  const { rows, ready } = useRows(model, widget.clusterId, 'workers', looked);
  return (
    <WorkersTable
      workers={rows as readonly IWorker[]}
      ready={ready}
      trans={trans}
      onLog={worker =>
        widget.present('logs', { worker: worker.name, address: worker.address, job: worker.job })
      }
    />
  );
}

function Jobs({
  widget,
  model,
  trans,
  looked,
  cluster
}: IDetailsOfProps & { looked: boolean; cluster: ICluster }): React.ReactElement {
  const { rows, ready } = useRows(model, widget.clusterId, 'jobs', looked);
  const hour = useClock(now => Math.floor(now / 3600) * 3600);
  return (
    <JobsTable
      jobs={rows as readonly IJob[]}
      losses={cluster.losses}
      ready={ready}
      now={hour}
      trans={trans}
      onLog={job => widget.present('logs', { job })}
    />
  );
}

function Logs({
  widget,
  model,
  trans,
  connected
}: IDetailsOfProps & { connected: boolean }): React.ReactElement {
  const id = widget.clusterId;
  const wish = useChanged(widget.changed, () => widget.wish);
  const [logs, setLogs] = React.useState<readonly ILog[] | null>(null);
  const [failure, setFailure] = React.useState<string | null>(null);
  const [turn, setTurn] = React.useState(0);

  React.useEffect(() => {
    if (!connected) {
      return;
    }
    let over = false;
    model.logs(id).then(
      found => {
        if (!over) {
          setLogs(found);
          setFailure(null);
        }
      },
      (error: unknown) => {
        if (!over) {
          setFailure(sentence(error));
        }
      }
    );
    return () => {
      over = true;
    };
  }, [model, id, connected, turn]);

  const refresh = (): void => setTurn(turn + 1);
  if (failure !== null) {
    return (
      <div className="dsk-Message dsk-mod-error" role="alert">
        <span>{failure}</span>
        <button type="button" className="dsk-Button" onClick={refresh}>
          {trans.__('Try again')}
        </button>
      </div>
    );
  }
  return (
    <LogViewer
      logs={logs}
      name={logOf(logs, wish)}
      trans={trans}
      connected={connected}
      onChoose={name => widget.present('logs', { name })}
      onRefresh={refresh}
      read={(name, offset, limit) => model.readLog(id, name, offset, limit)}
      follow={(name, offset, signal) => model.followLog(id, name, offset, signal)}
      onCopy={text => {
        copy(text);
        Notification.info(trans.__('The log was copied.'), { autoClose: 2000 });
      }}
      onDownload={name => {
        download(model, id, name).catch((error: unknown) =>
          tell(trans.__('The log was not saved.'), error, trans)
        );
      }}
    />
  );
}

/** Read a whole log, and hand it to the browser as a file. */
async function download(model: IStewardModel, id: string, name: string): Promise<void> {
  const parts: string[] = [];
  let part = await model.readLog(id, name, 0, PART);
  parts.push(part.text);
  // The log may grow meanwhile: what it was at first is enough.
  const { size } = part;
  while (part.next < size && part.next > part.offset) {
    part = await model.readLog(id, name, part.next, PART);
    parts.push(part.text);
  }
  const url = URL.createObjectURL(new Blob(parts, { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${id}-${name.replace(/[^\w.-]+/g, '-')}.log`;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

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
