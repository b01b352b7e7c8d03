/**
 * The plugins. A site can switch each of them off by its id.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { attachmentsPlugin } from './attachments';
import { commandsPlugin } from './commands';
import { dashboardsPlugin } from './dashboards';
import { detailsPlugin } from './details';
import { profilesPlugin } from './editor';
import { launcherPlugin } from './launcher';
import { modelPlugin } from './model/plugin';
import { notebookPlugin } from './notebook';
import { notificationsPlugin } from './notifications';
import { runningPlugin } from './running';
import { sidebarPlugin } from './sidebar';
import { statusbarPlugin } from './statusbar';

export { IAttachments, IStewardModel } from './tokens';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  modelPlugin,
  attachmentsPlugin,
  commandsPlugin,
  sidebarPlugin,
  detailsPlugin,
  profilesPlugin,
  dashboardsPlugin,
  notebookPlugin,
  notificationsPlugin,
  runningPlugin,
  statusbarPlugin,
  launcherPlugin
];

export default plugins;
