/**
 * A cluster's output whose widget cannot be had: the notebook was opened again, its kernel was restarted, or is busy.
 *
 * JupyterLab's renderer of widgets then says that it found no model, or waits. Here the sidebar's model shows the cluster
 * instead, where it knows it, else the HTML that was saved with the output.
 */
import type { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IDisposable } from '@lumino/disposable';
import { Panel, type Widget } from '@lumino/widgets';
import * as React from 'react';
import { createRoot, type Root } from 'react-dom/client';

import type { IStewardModel } from '../tokens';
import { ClusterWidget } from '../widget/ClusterWidget';
import { type IWidgetModel, KernelSide } from '../widget/kernel';

const VIEW = 'application/vnd.jupyter.widget-view+json';
const HTML = 'text/html';

/** In the metadata of our outputs: which cluster they show. */
const ABOUT = 'dask_steward';

/** See to outputs of ours in one notebook; nothing where it has no renderer of widgets. */
export function watchOutputs(rendermime: IRenderMimeRegistry, model: IStewardModel): void {
  const factory = rendermime.getFactory(VIEW);
  if (!factory) {
    return;
  }
  rendermime.addFactory(
    {
      safe: factory.safe,
      mimeTypes: [VIEW],
      createRenderer: options =>
        new Output(factory.createRenderer(options), () => rendermime.createRenderer(HTML), model)
    },
    // Before that of the widget manager, which is at -10.
    -11
  );
}

/** One output: the widget's own view, and what stands in for it while there is none. */
class Output extends Panel implements IRenderMime.IRenderer {
  constructor(
    private readonly _view: IRenderMime.IRenderer,
    private readonly _html: () => IRenderMime.IRenderer,
    private readonly _model: IStewardModel
  ) {
    super();
    this.addWidget(_view as Widget);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const about = model.metadata[ABOUT];
    if (isAbout(about)) {
      this._about = about.cluster;
      this._saved = model;
      this._observer.observe(this._view.node, { childList: true, subtree: true });
      this._model.clustersChanged.connect(this._choose, this);
    }
    await this._view.renderModel(model);
    this._choose();
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._observer.disconnect();
    this._model.clustersChanged.disconnect(this._choose, this);
    this._standIn?.dispose();
    super.dispose();
  }

  /** Show the one that says most. */
  private _choose(): void {
    if (this._about === null || this._saved === null || this.isDisposed) {
      return;
    }
    const there = this._view.node.querySelector('.dsk-Widget') !== null;
    const wanted = there ? 'view' : this._model.cluster(this._about) ? 'cluster' : 'html';
    // How a cluster ended stays, also when the model has forgotten it.
    if (wanted === this._shown || (wanted === 'html' && this._shown === 'cluster')) {
      return;
    }
    this._shown = wanted;
    this._standIn?.dispose();
    this._standIn = null;
    (this._view as Widget).setHidden(!there);
    if (wanted === 'cluster') {
      this._standIn = new Live(this, this._about);
    } else if (wanted === 'html' && this._saved.data[HTML] !== undefined) {
      const saved = this._html();
      this.addWidget(saved as Widget);
      this._standIn = saved as Widget;
      void saved.renderModel(this._saved);
    }
  }

  private readonly _observer = new MutationObserver(() => this._choose());
  private _about: string | null = null;
  private _saved: IRenderMime.IMimeModel | null = null;
  private _shown: 'view' | 'cluster' | 'html' | null = null;
  private _standIn: IDisposable | null = null;
}

/** A cluster's card that no kernel stands behind. */
class Live implements IDisposable {
  constructor(output: Panel, cluster: string) {
    this._node.className = 'dsk-Widget';
    this._node.dataset.lmSuppressShortcuts = 'true';
    output.node.append(this._node);
    this._root = createRoot(this._node);
    this._root.render(<ClusterWidget kernel={new KernelSide(noKernel(cluster))} />);
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this._root.unmount();
      this._node.remove();
    }
  }

  private readonly _node = document.createElement('div');
  private readonly _root: Root;
  private _disposed = false;
}

function noKernel(cluster: string): IWidgetModel {
  return {
    get: name => (name === 'cluster_id' ? cluster : name === 'followed' ? false : null),
    on: () => undefined,
    off: () => undefined,
    send: () => undefined
  };
}

function isAbout(value: unknown): value is { cluster: string } {
  return typeof (value as { cluster?: unknown } | null | undefined)?.cluster === 'string';
}
