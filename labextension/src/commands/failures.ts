/**
 * Telling a person that something did not work.
 */
import { Notification, showErrorMessage } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

/** As many characters as a notification shows. */
const ROOM = 140;

/** The sentence of an error, with its way out where it has one. */
export function sentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const hint = (error as { hint?: unknown } | null)?.hint;
  return typeof hint === 'string' && hint && !message.includes(hint)
    ? `${message} ${hint}`
    : message;
}

/** Show that `what` did not work; a long reason can be opened. */
export function tell(what: string, error: unknown, trans: TranslationBundle): void {
  const whole = sentence(error);
  const line = `${what} ${whole}`;
  if (line.length <= ROOM) {
    Notification.error(line);
    return;
  }
  Notification.error(`${line.slice(0, ROOM - 1)}…`, {
    actions: [
      {
        label: trans.__('Show all'),
        callback: () => void showErrorMessage(what, whole)
      }
    ]
  });
}
