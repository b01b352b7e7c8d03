/**
 * The plugin that knows which cluster each notebook or console uses.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IConsoleTracker } from '@jupyterlab/console';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';

import { Attachments, followTracker } from '../model/attachments';
import { IAttachments, IStewardModel } from '../tokens';

export const attachmentsPlugin: JupyterFrontEndPlugin<IAttachments> = {
  id: 'dask-steward:attachments',
  description: 'Knows which Dask cluster each notebook or console uses.',
  autoStart: true,
  provides: IAttachments,
  requires: [IStewardModel],
  optional: [INotebookTracker, IConsoleTracker, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    model: IStewardModel,
    notebooks: INotebookTracker | null,
    consoles: IConsoleTracker | null,
    state: IStateDB | null
  ): IAttachments => {
    const attachments = new Attachments(model, state);
    for (const tracker of [consoles, notebooks]) {
      if (tracker) {
        followTracker(tracker, attachments, model);
      }
    }
    const { kernels } = app.serviceManager;
    void attachments.restore().then(async () => {
      await kernels.ready;
      const prune = (): void => {
        attachments.keep(new Set(Array.from(kernels.running(), kernel => kernel.id)));
      };
      prune();
      kernels.runningChanged.connect(prune);
    });
    model.useAttachments(attachments);
    return attachments;
  }
};
