import * as React from 'react';
import type { Look } from './format';

/**
 * Small drawings in the text's colour; no font is asked for them, and they stay in forced colours.
 */
const SHAPES: Record<Look, React.ReactNode> = {
  starting: <circle cx="6" cy="6" r="4.25" className="dsk-Glyph-turning" />,
  pending: (
    <>
      <circle cx="6" cy="6" r="4.6" fill="none" stroke="currentColor" strokeWidth="1.3" />
      <path d="M6 6V1.4A4.6 4.6 0 0 1 10.6 6Z" fill="currentColor" />
    </>
  ),
  running: <circle cx="6" cy="6" r="4.6" fill="currentColor" />,
  degraded: <path d="M6 .6 11.4 6 6 11.4.6 6Z" fill="currentColor" />,
  stopping: <circle cx="6" cy="6" r="4.25" className="dsk-Glyph-turning" />,
  stopped: <rect x="1.8" y="1.8" width="8.4" height="8.4" rx="1" fill="currentColor" />,
  failed: <path d="M6 .8 11.8 11H.2Z" fill="currentColor" />,
  lost: <path d="m2 2 8 8M10 2 2 10" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  stale: (
    <circle
      cx="6"
      cy="6"
      r="4.4"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.3"
      strokeDasharray="2.2 1.6"
    />
  )
};

export function Glyph({ look }: { look: Look }): JSX.Element {
  return (
    <svg
      className={`dsk-Glyph dsk-mod-${look}`}
      viewBox="0 0 12 12"
      aria-hidden="true"
      focusable="false"
    >
      {SHAPES[look]}
    </svg>
  );
}

const SIGNS = {
  add: 'M8 3v10M3 8h10',
  down: 'm4 6 4 4 4-4',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  close: 'm4 4 8 8M12 4l-8 8',
  check: 'm3 8.5 3.2 3.2L13 5',
  dot: 'M8 8h.01'
};

const SOLID = {
  play: 'M4.5 2.8v10.4L13 8Z',
  stop: 'M4 4h8v8H4Z',
  lock: 'M5 7V5.5a3 3 0 0 1 6 0V7h.5a1 1 0 0 1 1 1v4.5a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1Zm1.3 0h3.4V5.5a1.7 1.7 0 0 0-3.4 0Z'
};

export type SignName = keyof typeof SIGNS | keyof typeof SOLID;

/** A sign on a button. */
export function Sign({ name }: { name: SignName }): JSX.Element {
  return (
    <svg className="dsk-Sign" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {name in SOLID ? (
        <path d={SOLID[name as keyof typeof SOLID]} fill="currentColor" fillRule="evenodd" />
      ) : (
        <path
          d={SIGNS[name as keyof typeof SIGNS]}
          fill="none"
          stroke="currentColor"
          strokeWidth={name === 'more' ? 2.6 : name === 'dot' ? 5 : 1.6}
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      )}
    </svg>
  );
}
