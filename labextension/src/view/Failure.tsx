import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

interface IFailureProps {
  message: string;
  onAgain: () => void;
  trans: TranslationBundle;
}

/** What could not be had, and a button that asks for it again. */
export function Failure({ message, onAgain, trans }: IFailureProps): React.ReactElement {
  return (
    <div className="dsk-Message dsk-mod-error" role="alert">
      <span>{message}</span>
      <button type="button" className="dsk-Button" onClick={onAgain}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}
