import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

export interface IAskProps {
  question: string;
  /** What is done after a yes. */
  yes: string;
  no: string;
  onAnswer: (yes: boolean) => void;
}

/** A question in its place; Escape is no, and the harmless answer has the focus. */
export function Ask({ question, yes, no, onAnswer }: IAskProps): JSX.Element {
  const id = React.useId();
  const harmless = React.useRef<HTMLButtonElement>(null);
  React.useEffect(() => harmless.current?.focus(), []);
  return (
    <div
      className="dsk-Ask"
      role="alertdialog"
      aria-labelledby={id}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          onAnswer(false);
        }
      }}
    >
      <div id={id} className="dsk-Ask-question">
        {question}
      </div>
      <div className="dsk-Acts">
        <button type="button" className="dsk-Button dsk-mod-danger" onClick={() => onAnswer(true)}>
          {yes}
        </button>
        <button ref={harmless} type="button" className="dsk-Button" onClick={() => onAnswer(false)}>
          {no}
        </button>
      </div>
    </div>
  );
}

export interface ITextEntryProps {
  label: string;
  value: string;
  yes: string;
  /** Rejects with what is wrong with the text. */
  onDone: (text: string | null) => unknown;
  trans: TranslationBundle;
}

/** One line of text in its place: Enter takes it, Escape leaves it as it was. */
export function TextEntry({ label, value, yes, onDone, trans }: ITextEntryProps): JSX.Element {
  const [text, setText] = React.useState(value);
  const field = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => field.current?.select(), []);
  return (
    <form
      className="dsk-Entry"
      onSubmit={event => {
        event.preventDefault();
        if (text.trim()) {
          void onDone(text.trim());
        }
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          void onDone(null);
        }
      }}
    >
      <input
        ref={field}
        className="dsk-Input"
        aria-label={label}
        placeholder={label}
        value={text}
        spellCheck={false}
        autoFocus
        onChange={event => setText(event.target.value)}
      />
      <button type="submit" className="dsk-Button dsk-mod-primary" disabled={!text.trim()}>
        {yes}
      </button>
      <button type="button" className="dsk-Button" onClick={() => void onDone(null)}>
        {trans.__('Cancel')}
      </button>
    </form>
  );
}
