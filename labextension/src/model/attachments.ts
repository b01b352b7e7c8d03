/**
 * Which cluster each notebook or console uses.
 *
 * The magics tell it by a comm, which does not wait until the kernel is idle; a kernel that was told
 * nothing of uses the cluster that it owns. What a kernel said is remembered over a reload of the
 * page, as long as the kernel lives.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { IStateDB } from '@jupyterlab/statedb';
import type { ReadonlyPartialJSONValue } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

import { ownedBy } from '../facts';
import type { IAttachments, ICluster, IStewardModel } from '../tokens';
import { hasEnded } from '../view/format';

/** The target of the comm that the magics open. */
export const COMM_TARGET = 'dask-steward';

/** Where what the kernels said is remembered. */
const STATE = 'dask-steward:attachments';

/** What a magic tells. */
interface IWord {
  action: 'attached' | 'detached';
  /** Of the cluster. */
  id: string;
}

function isWord(data: unknown): data is IWord {
  const word = data as Partial<IWord> | null | undefined;
  return (
    (word?.action === 'attached' || word?.action === 'detached') && typeof word.id === 'string'
  );
}

export class Attachments implements IAttachments, IDisposable {
  /** `state` keeps what the kernels said. */
  constructor(
    private readonly _model: Pick<IStewardModel, 'clusters' | 'cluster' | 'clustersChanged'>,
    private readonly _state: IStateDB | null = null
  ) {
    this._told = this._picture();
    _model.clustersChanged.connect(this._compare, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  of(kernelId: string | null | undefined): ICluster | null {
    if (!kernelId) {
      return null;
    }
    const id = this._said.get(kernelId);
    const attached = id === undefined ? null : this._model.cluster(id);
    if (attached && !hasEnded(attached.state)) {
      return attached;
    }
    // The end of the one it was attached to is worth showing, unless it has another one.
    return ownedBy(kernelId, this._model.clusters) ?? attached;
  }

  attach(kernelId: string, clusterId: string | null): void {
    if (clusterId === null ? !this._said.has(kernelId) : this._said.get(kernelId) === clusterId) {
      return;
    }
    if (clusterId === null) {
      this._said.delete(kernelId);
    } else {
      this._said.set(kernelId, clusterId);
    }
    this._save();
    this._compare();
  }

  /** Read what the kernels said before the page was loaded again; before that nothing is saved. */
  async restore(): Promise<void> {
    const saved = await this._state?.fetch(STATE).catch(() => undefined);
    this._restored = true;
    if (typeof saved === 'object' && saved !== null) {
      for (const [kernel, id] of Object.entries(saved)) {
        // A kernel that has spoken since knows better.
        if (typeof id === 'string' && !this._said.has(kernel)) {
          this._said.set(kernel, id);
        }
      }
    }
    this._save();
    this._compare();
  }

  /** Forget all kernels but those that are there. */
  keep(kernelIds: ReadonlySet<string>): void {
    const gone = [...this._said.keys()].filter(kernel => !kernelIds.has(kernel));
    if (gone.length > 0) {
      gone.forEach(kernel => this._said.delete(kernel));
      this._save();
      this._compare();
    }
  }

  /**
   * Listen to the kernel of a notebook or console, also to those that it gets later.
   *
   * A kernel that starts anew has no cluster until it says so again.
   */
  listen(context: ISessionContext): void {
    const hear = (kernel: Kernel.IKernelConnection | null | undefined): void => {
      kernel?.registerCommTarget(COMM_TARGET, (comm, message) => {
        const on = (data: unknown): void => this._hear(kernel.id, data);
        comm.onMsg = (later: KernelMessage.ICommMsgMsg) => on(later.content.data);
        on(message.content.data);
      });
    };
    hear(context.session?.kernel);
    context.kernelChanged.connect((_, { newValue }) => hear(newValue));
    context.statusChanged.connect((_, status) => {
      const kernel = context.session?.kernel;
      if (kernel && (status === 'restarting' || status === 'autorestarting')) {
        this.attach(kernel.id, null);
      }
    });
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this._model.clustersChanged.disconnect(this._compare, this);
      Signal.clearData(this);
    }
  }

  private _hear(kernelId: string, data: unknown): void {
    if (!isWord(data)) {
      return;
    }
    if (data.action === 'attached') {
      this.attach(kernelId, data.id);
    } else if (this._said.get(kernelId) === data.id) {
      this.attach(kernelId, null);
    }
  }

  /** Which kernel has which cluster, as text that can be compared. */
  private _picture(): string {
    const kernels = new Set(this._said.keys());
    for (const { owner } of this._model.clusters) {
      if (owner?.kernel_id) {
        kernels.add(owner.kernel_id);
      }
    }
    return [...kernels]
      .sort()
      .map(kernel => `${kernel} ${this.of(kernel)?.id ?? ''}`)
      .join();
  }

  private _compare(): void {
    const picture = this._picture();
    if (picture !== this._told) {
      this._told = picture;
      this._changed.emit();
    }
  }

  private _save(): void {
    if (!this._restored) {
      return;
    }
    const said: ReadonlyPartialJSONValue = Object.fromEntries(this._said);
    void this._state?.save(STATE, said).catch(() => undefined);
  }

  private readonly _changed = new Signal<this, void>(this);
  /** The cluster that each kernel said it uses, by ids. */
  private readonly _said = new Map<string, string>();
  private _disposed = false;
  private _restored = false;
  private _told: string;
}

/** A tracker of notebooks or consoles, as much of it as is needed here. */
interface ITracker {
  currentWidget: (Widget & { sessionContext: ISessionContext }) | null;
  currentChanged: ISignal<unknown, unknown>;
  widgetAdded: ISignal<unknown, Widget & { sessionContext: ISessionContext }>;
  forEach(each: (widget: Widget & { sessionContext: ISessionContext }) => void): void;
}

/** Listen to all kernels, and tell the model which one is in front. */
export function followTracker(
  tracker: ITracker,
  attachments: Attachments,
  model: Pick<IStewardModel, 'setKernel'>
): void {
  const front = (): void => {
    const { currentWidget } = tracker;
    if (currentWidget) {
      model.setKernel(currentWidget.sessionContext.session?.kernel?.id ?? null);
    }
  };
  const added = (widget: Widget & { sessionContext: ISessionContext }): void => {
    attachments.listen(widget.sessionContext);
    widget.sessionContext.kernelChanged.connect(() => {
      if (tracker.currentWidget === widget) {
        front();
      }
    });
  };
  tracker.forEach(added);
  tracker.widgetAdded.connect((_, widget) => added(widget));
  // The last notebook or console stays the current one while, say, a dashboard is in front.
  tracker.currentChanged.connect(front);
  front();
}
