/**
 * The section with what is held: jobs, processes and whatever else has not been given back.
 */
import { refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { swept } from '../commands/questions';
import { Section } from './section';
import type { SidebarContext } from './sidebarContext';
import { SECTIONS } from './sidebarState';
import { CommandIDs } from '../tokens';
import { HeldList } from '../view';

/** Milliseconds between two questions for what is held, while that is looked at. */
const EVERY = 2000;

export class HeldSection extends Section {
  constructor(context: SidebarContext) {
    super(context, SECTIONS.held, context.trans.__('Held'));
    const { model } = context;
    this.follow(model.heldChanged, model.clustersChanged, model.connectionChanged);
  }

  ready(): void {
    this.addButton({
      command: CommandIDs.refresh,
      icon: refreshIcon,
      label: this.context.trans.__('Ask again what is held'),
      looks: true
    });
    super.ready();
  }

  dispose(): void {
    window.clearTimeout(this._asking);
    super.dispose();
  }

  protected draw(visible: boolean): JSX.Element {
    const { model, mayChange, clusterActions, trans } = this.context;
    if (visible && model.connection.state === 'ok') {
      this._ask();
    }
    return (
      <HeldList
        held={model.held}
        readOnly={!mayChange}
        onSweep={this._sweep}
        onOpen={clusterActions.openDetails && this._open}
        trans={trans}
      />
    );
  }

  /** What is held changes with the clusters: asked for while somebody looks, and not with each number. */
  private _ask(): void {
    const { model } = this.context;
    const now = model.clusters
      .map(one => [one.id, one.state, one.jobs.total, one.jobs.queued, one.jobs.running].join(':'))
      .join();
    if (this._askedFor === now && model.held !== null) {
      return;
    }
    const wait = Math.max(0, EVERY - (Date.now() - this._askedAt));
    window.clearTimeout(this._asking);
    this._asking = window.setTimeout(() => {
      this._askedFor = now;
      this._askedAt = Date.now();
      // Its own problems are in its answer; without one the section still says that it asks.
      void model.refreshHeld().catch(() => undefined);
    }, wait);
  }

  private _sweep = async (): Promise<string> => {
    const { model, trans } = this.context;
    return swept(await model.sweep(), trans);
  };

  private _open = (id: string): void => {
    const { model } = this.context;
    if (model.cluster(id)) {
      model.select(id);
    }
    this.context.clusterActions.openDetails?.(id);
  };

  private _asking = 0;
  private _askedAt = 0;
  private _askedFor = '';
}
