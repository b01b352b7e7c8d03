/**
 * Small hooks that several views share.
 */
import * as React from 'react';

/** A function that stays the same and calls the latest one, so that rows need not be drawn again for it. */
export function useLatest<A extends unknown[], R>(callback: (...args: A) => R): (...args: A) => R {
  const latest = React.useRef(callback);
  React.useLayoutEffect(() => {
    latest.current = callback;
  });
  return React.useCallback((...args: A) => latest.current(...args), []);
}
