/**
 * Code that goes into a person's notebook or console: always to be seen there, never run in secret.
 */
import type { ConsolePanel } from '@jupyterlab/console';
import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import type { AttachBy } from '../settings';

/** Where code goes. */
export type CodePlace =
  { kind: 'notebook'; panel: NotebookPanel } | { kind: 'console'; panel: ConsolePanel };

/** Whether the kernel there speaks Python; false where there is no kernel. */
export async function speaksPython(place: CodePlace): Promise<boolean> {
  await place.panel.sessionContext.ready;
  const kernel = place.panel.sessionContext.session?.kernel;
  return kernel ? (await kernel.info).language_info.name === 'python' : false;
}

/** Put code below the active cell, or in it if nothing is written there; in a console into its prompt. */
export function insert(place: CodePlace, code: string): void {
  if (place.kind === 'console') {
    const prompt = place.panel.console.promptCell?.model.sharedModel;
    if (prompt) {
      // What somebody is about to run stays: the code goes below it.
      const written = prompt.getSource();
      prompt.setSource(written.trim() ? `${written.replace(/\s+$/, '')}\n${code}` : code);
    }
    return;
  }
  const notebook = place.panel.content;
  const active = notebook.activeCell?.model;
  if (active?.type !== 'code' || active.sharedModel.getSource().trim()) {
    NotebookActions.insertBelow(notebook);
  }
  const cell = notebook.activeCell?.model;
  if (cell?.type === 'code') {
    cell.sharedModel.setSource(code);
  }
}

/**
 * Put the code that attaches into a notebook or a console, and run it unless it is only to be put
 * there.
 *
 * A cell that holds just this code is run again rather than written a second time.
 */
export async function insertAndRun(place: CodePlace, code: string, by: AttachBy): Promise<void> {
  if (place.kind === 'console') {
    if (by === 'cell') {
      await place.panel.console.inject(code);
    } else {
      insert(place, code);
    }
    return;
  }
  const { content, sessionContext } = place.panel;
  const there = content.widgets.findIndex(
    cell => cell.model.type === 'code' && cell.model.sharedModel.getSource().trim() === code
  );
  if (there >= 0) {
    if (by === 'cell') {
      await NotebookActions.runCells(content, [content.widgets[there]], sessionContext);
    }
    return;
  }
  content.deselectAll();
  insert(place, code);
  if (by === 'cell') {
    await NotebookActions.runAndAdvance(content, sessionContext);
  }
}

/** Whether nothing has been written into a notebook yet. */
export function isBlank(panel: NotebookPanel): boolean {
  const cells = panel.content.widgets;
  return cells.every(cell => cell.model.sharedModel.getSource().trim() === '');
}
