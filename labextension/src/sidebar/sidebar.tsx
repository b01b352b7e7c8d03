/**
 * The left panel: clusters, profiles, dashboards and what is held, each a section of an accordion.
 */
import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { IMovableSectionRegistry } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { PANEL_ID } from '../commands/commands';
import { clusterIcon } from '../icons';
import { Announcer } from './announcer';
import { Sidebar } from './sidebarPanel';
import { IAttachments, IStewardModel } from '../tokens';

/** After Lab's own panels, in the range for extensions. */
const RANK = 510;

export const sidebarPlugin: JupyterFrontEndPlugin<void> = {
  id: 'dask-steward:sidebar',
  description: 'The panel with clusters, profiles, dashboards and what is held.',
  autoStart: true,
  requires: [IStewardModel],
  optional: [
    ITranslator,
    IStateDB,
    ILayoutRestorer,
    INotebookTracker,
    IAttachments,
    IMovableSectionRegistry,
    ILabShell
  ],
  activate: (
    app: JupyterFrontEnd,
    model: IStewardModel,
    translator: ITranslator | null,
    state: IStateDB | null,
    restorer: ILayoutRestorer | null,
    notebooks: INotebookTracker | null,
    attachments: IAttachments | null,
    movable: IMovableSectionRegistry | null,
    labShell: ILabShell | null
  ): void => {
    const bundle = translator ?? nullTranslator;
    const trans = bundle.load('dask_steward');
    const sidebar = new Sidebar({
      model,
      commands: app.commands,
      translator: bundle,
      state,
      notebooks,
      attachments
    });
    sidebar.id = PANEL_ID;
    sidebar.title.icon = clusterIcon;
    sidebar.title.caption = trans.__('Dask clusters');
    app.shell.add(sidebar, 'left', { rank: RANK, type: 'Dask' });
    restorer?.add(sidebar, PANEL_ID);
    if (labShell) {
      movable?.registerSource('dask-steward:sidebar', trans.__('Dask'), sidebar);
    }
    const announcer = new Announcer(model, trans);
    announcer.attach();
    // What the other plugins add is there by then.
    void app.restored.then(() => sidebar.ready());
  }
};
