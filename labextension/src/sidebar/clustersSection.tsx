/**
 * The section with the clusters: whether the server is heard, the button that starts one, and a card for each.
 */
import { stopIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { clusterOf } from '../facts';
import { Section } from './section';
import { currentKernel } from './sidebarActions';
import type { SidebarContext } from './sidebarContext';
import { SECTIONS } from './sidebarState';
import { CommandIDs, type ICluster } from '../tokens';
import { Banner, ClusterList, EmptyPanel, type IStartable, NewButton } from '../view';

export class ClustersSection extends Section {
  constructor(context: SidebarContext) {
    super(context, SECTIONS.clusters, context.trans.__('Clusters'));
    const { model } = context;
    this.follow(
      model.clustersChanged,
      model.profilesChanged,
      model.currentChanged,
      model.connectionChanged
    );
    this._followNotebooks();
  }

  ready(): void {
    this.addButton({
      command: CommandIDs.stopAll,
      icon: stopIcon,
      label: this.context.trans.__('Stop all clusters…')
    });
    super.ready();
  }

  protected count(): number {
    return this.context.model.clusters.length;
  }

  protected draw(): JSX.Element {
    const { model, notebooks, trans } = this.context;
    const { connection, readOnly, status, clusters } = model;
    const unheard = connection.state === 'lost' ? connection.since : null;
    const button = this._drawNew();
    const mayStart = this.context.mayChange;
    return (
      <>
        <Banner connection={connection} readOnly={readOnly} onRetry={this._refresh} trans={trans} />
        {clusters.length === 0 && connection.state === 'ok' ? (
          <EmptyPanel
            found={(status?.found ?? []).map(one => ({
              ...one,
              title: this.context.systemTitle(one.system)
            }))}
            readOnly={readOnly}
            onDiscover={this._discover}
            trans={trans}
          >
            {mayStart && button}
          </EmptyPanel>
        ) : (
          mayStart && button
        )}
        {clusters.length > 0 && (
          <ClusterList
            clusters={clusters}
            current={model.current?.id ?? null}
            here={this._here()}
            place={this._place}
            readOnly={readOnly}
            unheard={unheard}
            host={status?.host ?? null}
            notebook={Boolean(notebooks?.currentWidget)}
            actions={this.context.clusterActions}
            trans={trans}
          />
        )}
      </>
    );
  }

  private _drawNew(): JSX.Element | null {
    const { model, state, trans } = this.context;
    const usable: IStartable[] = model.profiles
      .filter(profile => profile.problems.length === 0)
      .map(profile => ({
        name: profile.name,
        title: profile.title,
        system: this.context.systemTitle(profile.system ?? '')
      }));
    const wanted = [state.profile, model.status?.default_profile];
    const first =
      wanted.map(name => usable.find(one => one.name === name)).find(Boolean) ?? usable[0];
    return first ? (
      <NewButton
        first={first}
        profiles={usable}
        onStart={this.context.start}
        onNewProfile={this.context.profileActions.create}
        trans={trans}
      />
    ) : null;
  }

  /** The id of the cluster that the notebook in front uses. */
  private _here(): string | null {
    const { model, notebooks, attachments } = this.context;
    const kernel = currentKernel(notebooks) ?? undefined;
    return clusterOf(kernel, model.clusters, attachments)?.id ?? null;
  }

  private _place = (cluster: ICluster): string =>
    cluster.profile_title ?? cluster.profile ?? this.context.systemTitle(cluster.system);

  private _followNotebooks(): void {
    const { notebooks, attachments } = this.context;
    if (attachments) {
      this.follow(attachments.changed);
    }
    if (notebooks) {
      this.follow(notebooks.currentChanged);
      notebooks.widgetAdded.connect((_, panel) => {
        const redraw = (): void => this.changed();
        panel.sessionContext.kernelChanged.connect(redraw);
        panel.disposed.connect(() => panel.sessionContext.kernelChanged.disconnect(redraw));
      });
    }
  }

  private _refresh = (): void => {
    void this.context.model.refresh().catch(() => undefined);
  };

  private _discover = (system: string): void => {
    const { commands } = this.context;
    if (commands.hasCommand(CommandIDs.discover)) {
      void commands.execute(CommandIDs.discover, { system });
    }
  };
}
