/**
 * Cells that the tables of workers and jobs share.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { shortId } from './unitWords';

/** How a state is told: a glyph, a colour, a word. */
export type StatusLook = [
  glyph: string,
  look: 'ok' | 'warn' | 'wait' | 'muted' | 'error',
  word: string
];

interface IStatusProps {
  status: string;
  known: Record<string, StatusLook>;
}

/** Glyph and word: never colour alone. One that is not known yet is told as the server calls it. */
export function Status({ status, known }: IStatusProps): React.ReactElement {
  const [glyph, look, word] = known[status] ?? ['○', 'muted', status];
  return (
    <span className={`dsk-Status dsk-mod-${look}`}>
      <span aria-hidden="true">{glyph} </span>
      {word}
    </span>
  );
}

interface ILogButtonProps {
  /** Whose log it is, for who does not see the row. */
  label: string;
  tabIndex?: number;
  trans: TranslationBundle;
  onClick: () => void;
}

export function LogButton({
  label,
  tabIndex,
  trans,
  onClick
}: ILogButtonProps): React.ReactElement {
  return (
    <button
      type="button"
      className="dsk-Button dsk-mod-small"
      tabIndex={tabIndex}
      aria-label={label}
      onClick={onClick}
    >
      {trans.__('Log')}
    </button>
  );
}

interface IManagerLinkProps {
  id: string;
  link: string;
  tabIndex?: number;
  trans: TranslationBundle;
}

/** An application by its id, as a link to the resource manager's page of it. */
export function ManagerLink({ id, link, tabIndex, trans }: IManagerLinkProps): React.ReactElement {
  const title = trans.__("%1: the resource manager's page, in a new tab of the browser", id);
  return (
    <a
      className="dsk-Link"
      href={link}
      target="_blank"
      rel="noopener noreferrer"
      tabIndex={tabIndex}
      title={title}
      aria-label={title}
    >
      {shortId(id)}
    </a>
  );
}
