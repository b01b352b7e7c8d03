/**
 * The status bar's one line of all clusters, and the warning that something is held for nothing.
 */
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';

import { clusterIcon } from '../icons';
import { Settings } from '../settings';
import { stewardPlugin } from '../plugin';
import { CommandIDs, type ICluster, type IStewardModel } from '../tokens';
import { duration, isActive } from '../view/format';

/** What the line says. */
export interface ISummary {
  clusters: number;
  running: number;
  asked: number;
  /** Clusters that hold something and have had nothing to do for long enough. */
  idle: ICluster[];
  /** When (seconds since the epoch) the next one will have; null when none will. */
  next: number | null;
}

/**
 * Sum the clusters up.
 *
 * @param patience After so many seconds a cluster with nothing to do is worth a warning; zero: never.
 */
export function summary(clusters: readonly ICluster[], patience: number, now: number): ISummary {
  const living = clusters.filter(isActive);
  const holding = patience
    ? living.filter(cluster => cluster.idle_since !== null && cluster.spend.cores > 0)
    : [];
  const since = (cluster: ICluster): number => (cluster.idle_since ?? now) + patience;
  const later = holding.map(since).filter(at => at > now);
  return {
    clusters: living.length,
    running: living.reduce((sum, cluster) => sum + cluster.workers.running, 0),
    asked: living.reduce((sum, cluster) => sum + cluster.workers.asked, 0),
    idle: holding.filter(cluster => since(cluster) <= now),
    next: later.length ? Math.min(...later) : null
  };
}

/** The line itself: a button that opens the panel. */
export class StatusItem extends ReactWidget {
  constructor(
    private readonly _model: IStewardModel,
    private readonly _settings: Settings,
    private readonly _open: () => void,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('dsk-StatusItem');
    this._summary = summary([], 0, 0);
    _model.clustersChanged.connect(this._look, this);
    _model.connectionChanged.connect(this._look, this);
    _settings.changed.connect(this._look, this);
    this._look();
  }

  /** Whether there is something to say. */
  get active(): boolean {
    return this._settings.get('statusBar') && this._summary.clusters > 0;
  }

  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  dispose(): void {
    if (!this.isDisposed) {
      window.clearTimeout(this._timer);
      Signal.clearData(this);
      super.dispose();
    }
  }

  protected render(): JSX.Element | null {
    if (!this.active) {
      // Lab hides the item; there should be nothing to reach by keyboard or search either.
      return null;
    }
    const { clusters, running, asked, idle } = this._summary;
    const trans = this._trans;
    const silent = this._model.connection.state !== 'ok';
    const words = trans.__(
      '%1 · %2',
      trans._n('%1 cluster', '%1 clusters', clusters),
      trans._n('%2/%1 worker', '%2/%1 workers', asked, running)
    );
    const now = this._model.now();
    const warning = idle.length
      ? idle.length === 1
        ? trans.__(
            '“%1” has had nothing to do for %2 and still holds %3 cores.',
            idle[0].name,
            duration(now - (idle[0].idle_since ?? now), trans),
            idle[0].spend.cores
          )
        : trans.__('%1 clusters hold cores and have nothing to do.', idle.length)
      : null;
    const title = silent
      ? trans.__('The Jupyter server does not answer: this is what was known last.')
      : (warning ?? trans.__('Show the Dask clusters'));
    const look = silent ? 'dsk-mod-stale' : warning ? 'dsk-mod-warning' : '';
    return (
      <button
        type="button"
        className={`dsk-StatusItem-button ${look}`}
        title={title}
        // The words and the title: what is only drawn is said, too.
        aria-label={`Dask: ${words}. ${title}`}
        onClick={this._open}
      >
        <clusterIcon.react tag="span" className="dsk-StatusItem-icon" aria-hidden="true" />
        <span>{silent ? trans.__('last known: %1', words) : words}</span>
        {warning && !silent ? (
          <span className="dsk-StatusItem-idle">{trans.__('idle')}</span>
        ) : null}
      </button>
    );
  }

  private _look(): void {
    window.clearTimeout(this._timer);
    const now = this._model.now();
    const patience = this._settings.get('idleWarningMinutes') * 60;
    const was = this.active;
    this._summary = summary(this._model.clusters, patience, now);
    const { clusters, running, asked, idle, next } = this._summary;
    if (next !== null) {
      // Nothing changes on the server when a cluster has been idle for long enough.
      this._timer = window.setTimeout(() => this._look(), (next - now) * 1000 + 50);
    }
    const seen = JSON.stringify([
      this.active,
      clusters,
      running,
      asked,
      idle.map(cluster => [cluster.name, cluster.spend.cores]),
      this._model.connection.state
    ]);
    if (seen !== this._seen) {
      this._seen = seen;
      this.update();
    }
    if (was !== this.active || !this._told) {
      this._told = true;
      this._activeChanged.emit();
    }
  }

  private readonly _activeChanged = new Signal<this, void>(this);
  private _summary: ISummary;
  private _seen = '';
  private _told = false;
  private _timer = 0;
}

export const statusbarPlugin = stewardPlugin({
  id: 'dask-steward:statusbar',
  description: 'How many Dask clusters and workers there are, in the status bar.',
  optional: { statusBar: IStatusBar, registry: ISettingRegistry },
  activate: ({ app, model, trans, statusBar, registry }) => {
    if (!statusBar) {
      return;
    }
    const item = new StatusItem(
      model,
      new Settings(registry),
      () => void app.commands.execute(CommandIDs.openPanel),
      trans
    );
    statusBar.registerStatusItem('dask-steward:status', {
      item,
      align: 'left',
      rank: 10,
      isActive: () => item.active,
      activeStateChanged: item.activeChanged
    });
  }
});
