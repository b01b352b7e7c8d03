/**
 * A card that is pulled into a notebook becomes a cell with the code of a client.
 */
import { MimeData } from '@lumino/coreutils';
import { Drag } from '@lumino/dragdrop';

/** What notebooks take as cells. */
const CELLS = 'application/vnd.jupyter.cells';

export interface IDragOptions {
  /** What is seen under the pointer. */
  name: string;
  /** The code, which the server is asked for while the pointer moves. */
  code: Promise<string>;
  clientX: number;
  clientY: number;
}

/** Begin a drag; resolves when it is over, or when the pointer was let go before there was any code. */
export async function dragCode(options: IDragOptions): Promise<void> {
  const pointer = { x: options.clientX, y: options.clientY, held: true };
  const moved = (event: PointerEvent): void => {
    pointer.x = event.clientX;
    pointer.y = event.clientY;
  };
  const released = (): void => {
    pointer.held = false;
  };
  document.addEventListener('pointermove', moved, true);
  document.addEventListener('pointerup', released, true);
  document.addEventListener('pointercancel', released, true);
  let code: string;
  try {
    code = await options.code;
  } finally {
    document.removeEventListener('pointermove', moved, true);
    document.removeEventListener('pointerup', released, true);
    document.removeEventListener('pointercancel', released, true);
  }
  if (!pointer.held) {
    return;
  }
  const dragImage = document.createElement('div');
  dragImage.className = 'dsk-DragImage';
  dragImage.textContent = options.name;
  const drag = new Drag({
    mimeData: mimeOf(code),
    dragImage,
    supportedActions: 'copy',
    proposedAction: 'copy'
  });
  await drag.start(pointer.x, pointer.y);
  drag.dispose();
}

/** Code as a cell, and as text for editors. */
export function mimeOf(code: string): MimeData {
  const data = new MimeData();
  data.setData(CELLS, [
    { cell_type: 'code', source: code, metadata: {}, execution_count: null, outputs: [] }
  ]);
  data.setData('text/plain', code);
  return data;
}
