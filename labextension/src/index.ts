/**
 * The plugins. A site can switch each of them off by its id.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { widgetPlugin } from './bridge/plugin';
import { attachmentsPlugin } from './notebook/attachments';
import { commandsPlugin } from './commands/commands';
import { dashboardsPlugin } from './dashboards/dashboards';
import { detailsPlugin } from './details/details';
import { profilesPlugin } from './profiles/editor';
import { launcherPlugin } from './shell/launcher';
import { modelPlugin } from './model/plugin';
import { notebookPlugin } from './notebook/notebook';
import { notificationsPlugin } from './shell/notifications';
import { runningPlugin } from './shell/running';
import { sidebarPlugin } from './sidebar/sidebar';
import { statusbarPlugin } from './shell/statusbar';

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
  launcherPlugin,
  widgetPlugin
];

export default plugins;
