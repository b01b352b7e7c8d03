/**
 * What the tab of a cluster shows: views that follow the model.
 */
import { Clipboard, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { type ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';

import { useChanged, useRows } from '../hooks';
import type { LogWish } from './logNames';
import { LogsTab } from './logsTab';
import type { ICluster, IJob, IStewardModel, IWorker } from '../tokens';
import { useClock } from '../view/clock';
import { Details, type DetailsTab } from '../view/Details';
import { JobsTable } from '../view/JobsTable';
import { Spend } from '../view/Spend';
import { WorkersTable } from '../view/WorkersTable';

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

export interface IDetailsOfProps {
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
        <Workers widget={widget} model={model} trans={trans} looked={looked} cluster={cluster} />
      )}
      {cluster && tab === 'jobs' && (
        <Jobs widget={widget} model={model} trans={trans} looked={looked} cluster={cluster} />
      )}
      {cluster && tab === 'logs' && (
        <LogsTab widget={widget} model={model} trans={trans} connected={!lost} />
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
  looked,
  cluster
}: IDetailsOfProps & { looked: boolean; cluster: ICluster }): React.ReactElement {
  const { rows, ready } = useRows(model, widget.clusterId, 'workers', looked);
  return (
    <WorkersTable
      workers={rows as readonly IWorker[]}
      system={cluster.system}
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
      system={cluster.system}
      losses={cluster.losses}
      ready={ready}
      now={hour}
      trans={trans}
      onLog={job => widget.present('logs', { job })}
    />
  );
}
