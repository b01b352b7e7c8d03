/**
 * The plugin that lets widgets in notebooks use the sidebar's model and commands.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { clusterActions } from '../sidebar/sidebarActions';
import { IStewardModel } from '../tokens';
import { BRIDGE_VERSION, layBridge } from './bridge';
import { watchOutputs } from './reopened';

export const widgetPlugin: JupyterFrontEndPlugin<void> = {
  id: 'dask-steward:widget',
  description: 'Lets the widgets of Dask clusters in notebooks work while their kernels are busy.',
  autoStart: true,
  requires: [IStewardModel],
  optional: [INotebookTracker, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IStewardModel,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('dask_steward');
    const { commands } = app;
    const systemTitle = (system: string): string =>
      model.status?.systems.find(one => one.system === system)?.title ?? system;
    notebooks?.widgetAdded.connect((_, panel) => {
      // After JupyterLab's manager of widgets has done the same.
      queueMicrotask(() => watchOutputs(panel.content.rendermime, model));
    });
    // The commands of the other plugins are there when all have begun.
    void app.started.then(() => {
      layBridge({
        version: BRIDGE_VERSION,
        model,
        actions: clusterActions({ model, commands, notebooks, trans }),
        trans,
        place: cluster => cluster.profile_title ?? cluster.profile ?? systemTitle(cluster.system)
      });
    });
  }
};
