import * as React from 'react';

export interface ILiveRegionProps {
  /** What is said, oldest first; each with a number of its own. */
  sentences: readonly { key: number; text: string }[];
}

/** What a screen reader says when it is done with what it says now. Nothing of it is seen. */
export function LiveRegion({ sentences }: ILiveRegionProps): JSX.Element {
  return (
    <div className="dsk-offscreen" role="status" aria-live="polite" aria-atomic="false">
      {sentences.map(({ key, text }) => (
        <div key={key}>{text}</div>
      ))}
    </div>
  );
}
