/**
 * What stands in place of a view that cannot be drawn: a sentence, since an empty output says nothing.
 */
import * as React from 'react';
import { words } from './words';

interface IFallbackState {
  problem: string | null;
}

export class Fallback extends React.Component<React.PropsWithChildren, IFallbackState> {
  static getDerivedStateFromError(error: unknown): IFallbackState {
    return { problem: error instanceof Error ? error.message : String(error) };
  }

  state: IFallbackState = { problem: null };

  render(): React.ReactNode {
    const { problem } = this.state;
    return problem === null ? (
      this.props.children
    ) : (
      <p className="dsk-Widget-note" role="alert">
        {words.__('This view cannot be drawn (%1). Run the cell again.', problem)}
      </p>
    );
  }
}
