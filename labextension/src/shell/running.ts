/**
 * Clusters in JupyterLab's panel of what runs, with their jobs.
 */
import { type IRunningSessions, IRunningSessionManagers } from '@jupyterlab/running';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type LabIcon, stopIcon, tableRowsIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { detail } from '../facts';
import { tell } from '../commands/failures';
import { clusterIcon } from '../icons';
import { stewardPlugin } from '../plugin';
import {
  CommandIDs,
  type ICluster,
  type IJob,
  type IRowsWatch,
  type IStewardModel
} from '../tokens';
import { hasEnded, isActive } from '../view/format';

/** As many jobs of a cluster are listed; the rest is counted. */
const MOST_JOBS = 50;

/** How often to see whether somebody still looks, in milliseconds; only while jobs are followed. */
const LOOK = 5000;

/** What runs, as Lab's panel asks for it. */
export class RunningClusters implements IRunningSessions.IManager, IDisposable {
  constructor(options: RunningClusters.IOptions) {
    this._model = options.model;
    this._commands = options.commands;
    this._trans = options.trans;
    this._looking = options.looking;
    this.name = this._trans.__('Dask Clusters');
    this.shutdownLabel = this._trans.__('Stop');
    this.shutdownAllLabel = this._trans.__('Stop All');
    this._model.clustersChanged.connect(this._changedThere, this);
    this._model.connectionChanged.connect(this._changedThere, this);
  }

  readonly name: string;
  readonly shutdownLabel: string;
  readonly shutdownAllLabel: string;
  readonly shutdownItemIcon = stopIcon;
  readonly supportsMultipleViews = false;

  readonly shutdownAllConfirmationText = (): string => {
    const living = this._model.clusters.filter(isActive);
    return this._trans._n(
      'Stop %1 cluster and give back everything that it holds?',
      'Stop %1 clusters and give back everything that they hold?',
      living.length
    );
  };

  get runningChanged(): ISignal<this, void> {
    return this._runningChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** The oldest first: Lab knows items by their places, and a new one must not come under another's mouse or focus. */
  running(): IRunningSessions.IRunningItem[] {
    this._follow();
    return this._model.clusters
      .filter(cluster => !hasEnded(cluster.state))
      .sort((a, b) => a.created - b.created || a.id.localeCompare(b.id))
      .map(cluster => this._item(cluster));
  }

  shutdownAll(): void {
    // Lab has asked already.
    for (const cluster of this._model.clusters.filter(isActive)) {
      this._model.stop(cluster.id).catch(error => {
        tell(this._trans.__('“%1” was not stopped.', cluster.name), error, this._trans);
      });
    }
  }

  refreshRunning(): void {
    this._runningChanged.emit();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._leave();
      Signal.clearData(this);
    }
  }

  private _item(cluster: ICluster): IRunningSessions.IRunningItem {
    const children = this._children(cluster);
    const mayStop =
      isActive(cluster) && !this._model.readOnly && this._model.connection.state === 'ok';
    return {
      className: 'dsk-RunningCluster',
      context: 'dask-cluster',
      icon: (): LabIcon => clusterIcon,
      label: () => cluster.name,
      labelTitle: () =>
        this._trans.__('%1 (%2)', cluster.name, cluster.profile_title ?? cluster.system),
      detail: () => detail(cluster, this._trans),
      open: () => void this._commands.execute(CommandIDs.openDetails, { id: cluster.id }),
      ...(mayStop
        ? { shutdown: () => void this._commands.execute(CommandIDs.stop, { id: cluster.id }) }
        : {}),
      ...(children.length ? { children } : {})
    };
  }

  private _children(cluster: ICluster): IRunningSessions.IRunningItem[] {
    const rows = (this._watches.get(cluster.id)?.rows ?? []) as readonly IJob[];
    const open = (): void =>
      void this._commands.execute(CommandIDs.openDetails, { id: cluster.id, tab: 'jobs' });
    const items = rows.slice(0, MOST_JOBS).map(job => ({
      className: 'dsk-RunningJob',
      context: 'dask-job',
      icon: (): LabIcon => tableRowsIcon,
      label: () => job.id ?? this._trans.__('not submitted yet'),
      detail: () => this._job(job),
      open
    }));
    const more = rows.length - items.length;
    if (more > 0) {
      items.push({
        className: 'dsk-RunningJob',
        context: 'dask-job',
        icon: (): LabIcon => tableRowsIcon,
        label: () => this._trans._n('%1 more', '%1 more', more),
        detail: () => '',
        open
      });
    }
    return items;
  }

  /** How a job is and where, or why not. */
  private _job(job: IJob): string {
    const facts = [job.state, job.node ?? job.reason].filter(Boolean);
    return facts.join(', ');
  }

  /** Emit a change only when something that is listed differs. */
  private _changedThere(): void {
    const seen = JSON.stringify([
      this._model.readOnly,
      this._model.connection.state,
      this._model.clusters.map(cluster => [
        cluster.id,
        cluster.name,
        cluster.state,
        detail(cluster, this._trans)
      ])
    ]);
    if (seen !== this._seen) {
      this._seen = seen;
      this._runningChanged.emit();
    }
  }

  /** Follow the jobs of living clusters while somebody looks at the panel, and no longer. */
  private _follow(): void {
    if (this._isDisposed || !this._looking()) {
      this._leave();
      return;
    }
    const living = new Set(
      this._model.clusters
        .filter(cluster => isActive(cluster) && cluster.jobs.total > 0)
        .map(cluster => cluster.id)
    );
    for (const [id, watch] of this._watches) {
      if (!living.has(id)) {
        watch.dispose();
        this._watches.delete(id);
      }
    }
    for (const id of living) {
      if (!this._watches.has(id)) {
        const watch = this._model.watchRows(id, 'jobs');
        watch.changed.connect(() => this._runningChanged.emit());
        this._watches.set(id, watch);
      }
    }
    if (this._watches.size && this._timer === null) {
      this._timer = window.setInterval(() => {
        if (!this._looking()) {
          this._leave();
        }
      }, LOOK);
    }
  }

  private _leave(): void {
    if (this._timer !== null) {
      window.clearInterval(this._timer);
      this._timer = null;
    }
    for (const watch of this._watches.values()) {
      watch.dispose();
    }
    this._watches.clear();
  }

  private readonly _model: IStewardModel;
  private readonly _commands: CommandRegistry;
  private readonly _trans: TranslationBundle;
  private readonly _looking: () => boolean;
  private readonly _watches = new Map<string, IRowsWatch>();
  private readonly _runningChanged = new Signal<this, void>(this);
  private _timer: number | null = null;
  private _seen = '';
  private _isDisposed = false;
}

export namespace RunningClusters {
  export interface IOptions {
    model: IStewardModel;
    commands: CommandRegistry;
    trans: TranslationBundle;
    /** Whether the panel is on screen. */
    looking: () => boolean;
  }
}

/** Lab's panel of what runs, by the id that it gives it. */
const RUNNING_PANEL = 'jp-running-sessions';

export const runningPlugin = stewardPlugin({
  id: 'dask-steward:running',
  description: 'Dask clusters among what runs.',
  optional: { managers: IRunningSessionManagers },
  activate: ({ app, model, trans, managers }) => {
    managers?.add(
      new RunningClusters({
        model,
        commands: app.commands,
        trans,
        looking: () => {
          const node = document.getElementById(RUNNING_PANEL);
          return node !== null && node.getClientRects().length > 0;
        }
      })
    );
  }
});
