/**
 * The left panel: clusters, profiles, dashboards and what is held, each a section of an accordion.
 */
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import { IMovableSectionRegistry } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';

import { PANEL_ID } from '../commands/commands';
import { clusterIcon } from '../icons';
import { Announcer } from './announcer';
import { Sidebar } from './sidebarPanel';
import { stewardPlugin } from '../plugin';
import { IAttachments } from '../tokens';

/** After Lab's own panels, in the range for extensions. */
const RANK = 510;

export const sidebarPlugin = stewardPlugin({
  id: 'dask-steward:sidebar',
  description: 'The panel with clusters, profiles, dashboards and what is held.',
  optional: {
    state: IStateDB,
    restorer: ILayoutRestorer,
    notebooks: INotebookTracker,
    attachments: IAttachments,
    movable: IMovableSectionRegistry,
    labShell: ILabShell
  },
  activate: ({
    app,
    model,
    trans,
    translator,
    state,
    restorer,
    notebooks,
    attachments,
    movable,
    labShell
  }) => {
    const sidebar = new Sidebar({
      model,
      commands: app.commands,
      translator,
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
});
