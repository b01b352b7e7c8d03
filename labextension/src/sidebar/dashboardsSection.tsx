/**
 * The section with the pages of Dask's dashboard of the cluster whose card is open.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Section } from './section';
import type { SidebarContext } from './sidebarContext';
import { SECTIONS } from './sidebarState';
import { CommandIDs, type ICluster, type IPlot, type IStewardModel } from '../tokens';
import { DashboardList, hasEnded } from '../view';

export class DashboardsSection extends Section {
  constructor(context: SidebarContext) {
    super(context, SECTIONS.dashboards, context.trans.__('Dashboards'));
    const { model } = context;
    this.follow(model.clustersChanged, model.currentChanged, model.connectionChanged);
  }

  protected draw(visible: boolean): JSX.Element {
    const { model, commands, trans } = this.context;
    const { current } = model;
    const cluster = current && !hasEnded(current.state) ? current : null;
    return (
      <Dashboards
        model={model}
        cluster={cluster}
        looked={visible && model.connection.state === 'ok'}
        onOpen={plot =>
          void commands.execute(CommandIDs.openDashboard, {
            id: cluster?.id,
            path: plot.path,
            title: plot.title
          })
        }
        onLayout={
          commands.hasCommand(CommandIDs.openLayout)
            ? () => void commands.execute(CommandIDs.openLayout, { id: cluster?.id })
            : undefined
        }
        onUrl={
          commands.hasCommand(CommandIDs.openDashboardUrl)
            ? () => void commands.execute(CommandIDs.openDashboardUrl)
            : undefined
        }
        trans={trans}
      />
    );
  }
}

interface IDashboardsProps {
  model: IStewardModel;
  cluster: ICluster | null;
  /** Whether somebody sees it. */
  looked: boolean;
  onOpen: (plot: IPlot) => void;
  onLayout?: () => void;
  onUrl?: () => void;
  trans: TranslationBundle;
}

/** Asks which plots a cluster has, once for each cluster that is looked at. */
function Dashboards(props: IDashboardsProps): JSX.Element {
  const { model, cluster, looked, trans } = props;
  const [known, setKnown] = React.useState<{ id: string; plots: IPlot[]; why: string | null }>();
  const id = cluster?.scheduler.dashboard ? cluster.id : null;
  React.useEffect(() => {
    if (id === null || !looked || known?.id === id) {
      return;
    }
    let current = true;
    model.plots(id).then(
      plots => current && setKnown({ id, plots, why: null }),
      (error: Error) => current && setKnown({ id, plots: [], why: error.message })
    );
    return () => {
      current = false;
    };
  }, [model, id, looked, known]);
  const here = known?.id === id ? known : undefined;
  const none = cluster !== null && !cluster.scheduler.dashboard;
  return (
    <DashboardList
      cluster={cluster?.name ?? null}
      plots={here?.plots ?? null}
      reason={
        none
          ? (cluster.scheduler.dashboard_reason ?? trans.__('Its dashboard is not there yet.'))
          : (here?.why ?? null)
      }
      onOpen={props.onOpen}
      onLayout={props.onLayout}
      onUrl={props.onUrl}
      trans={trans}
    />
  );
}
