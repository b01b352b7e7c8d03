import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import type { IClusterActions } from './clusterActions';
import { stateWord, type Look } from './format';

/** Pixels that a pointer moves before a press is a drag. */
const DRAG = 5;

interface ICardHeadProps {
  cluster: ICluster;
  open: boolean;
  place: string;
  body: string;
  look: Look;
  actions: IClusterActions;
  onClose: () => void;
  trans: TranslationBundle;
}

/** Which cluster: a press opens the card, a pull takes its code along. */
export function CardHead({
  cluster,
  open,
  place,
  body,
  look,
  actions,
  onClose,
  trans
}: ICardHeadProps): JSX.Element {
  const pressed = React.useRef<{ x: number; y: number } | null>(null);
  const dragged = React.useRef(false);
  return (
    <div
      className="dsk-Card-head"
      onPointerDown={event => {
        dragged.current = false;
        pressed.current =
          event.button === 0 && actions.drag ? { x: event.clientX, y: event.clientY } : null;
      }}
      onPointerUp={() => {
        pressed.current = null;
      }}
      onPointerMove={event => {
        const from = pressed.current;
        if (
          from &&
          event.buttons & 1 &&
          Math.hypot(event.clientX - from.x, event.clientY - from.y) >= DRAG
        ) {
          pressed.current = null;
          dragged.current = true;
          actions.drag?.(cluster.id, event.clientX, event.clientY);
        }
      }}
    >
      <h4 className="dsk-Card-title">
        <button
          type="button"
          className="dsk-Card-name"
          aria-expanded={open}
          aria-controls={body}
          title={cluster.name}
          onClick={() => {
            if (!dragged.current) {
              if (open) {
                onClose();
              } else {
                actions.select?.(cluster.id);
              }
            }
            dragged.current = false;
          }}
        >
          {cluster.name}
          <span className="dsk-offscreen">{`, ${stateWord(look, trans)}`}</span>
        </button>
      </h4>
      <span className="dsk-Card-place" title={place}>
        {place}
      </span>
    </div>
  );
}
