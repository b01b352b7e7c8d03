/**
 * The notebook's widget, as anywidget takes it: a module that renders a kernel's model into an element.
 */
import * as React from 'react';
import { createRoot } from 'react-dom/client';

import { ClusterWidget } from './ClusterWidget';
import { Fallback } from './Fallback';
import { type IWidgetModel, KernelSide } from './kernel';
import { ProgressWidget } from './ProgressWidget';
import { dress } from './style';

interface IRenderProps {
  model: IWidgetModel;
  el: HTMLElement;
}

/** Draw; returns what takes it off the page again. */
function render({ model, el }: IRenderProps): () => void {
  const place = document.createElement('div');
  place.className = 'dsk-Widget';
  // Keys typed here are for the widget, not for the notebook's shortcuts.
  place.dataset.lmSuppressShortcuts = 'true';
  el.append(place);
  dress(place);
  // A theme can change while it is shown.
  const watch = new MutationObserver(() => dress(place));
  watch.observe(document.body, { attributes: true });
  watch.observe(document.documentElement, { attributes: true });
  const kernel = new KernelSide(model);
  const root = createRoot(place);
  root.render(
    <Fallback>
      {model.get('kind') === 'progress' ? (
        <ProgressWidget kernel={kernel} />
      ) : (
        <ClusterWidget kernel={kernel} />
      )}
    </Fallback>
  );
  return () => {
    watch.disconnect();
    kernel.dispose();
    root.unmount();
    place.remove();
  };
}

export default { render };
