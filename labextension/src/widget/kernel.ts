/**
 * The kernel's half of a widget, as a page sees it: what it says, and what it can be asked.
 */
import type { IProgress } from '../progress';
import type { ICluster } from '../tokens';

/** What is used of anywidget's model. */
export interface IWidgetModel {
  get: (name: string) => unknown;
  on: (event: string, callback: (...args: never[]) => void) => void;
  off: (event: string, callback: (...args: never[]) => void) => void;
  send: (content: unknown) => void;
}

/** Seconds after which a kernel that has not answered is taken for a busy one. */
const PATIENCE = 90;

interface IAnswer {
  kind?: unknown;
  id?: unknown;
  value?: unknown;
  error?: unknown;
}

/** What the kernel says of one widget; what is read is plain data, another object for each change. */
export class KernelSide {
  constructor(private readonly _model: IWidgetModel) {
    for (const name of WATCHED) {
      _model.on(`change:${name}`, this._onChange);
    }
    _model.on('msg:custom', this._onMessage);
    _model.on('comm_live_update', this._onLine);
    this._say(true);
  }

  get cluster(): ICluster | null {
    return this._model.get('card') as ICluster | null;
  }

  get progress(): IProgress | null {
    return this._model.get('progress') as IProgress | null;
  }

  get clusterId(): string | null {
    return this._model.get('cluster_id') as string | null;
  }

  /** Whether the kernel is gone: it was restarted, or has ended. */
  get cut(): boolean {
    return this._cut;
  }

  /** Whether the kernel still sends news of it. */
  get followed(): boolean {
    return this._model.get('followed') === true;
  }

  subscribe = (listener: () => void): (() => void) => {
    this._listeners.add(listener);
    return () => {
      this._listeners.delete(listener);
    };
  };

  /** Rises with each change. */
  version = (): number => this._version;

  /** Ask for something to be done; the answer's value, or its error as a rejection. */
  ask<T>(what: string, args: object = {}, late: string): Promise<T> {
    const id = String(++this._asked);
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this._waiting.delete(id);
        reject(new Error(late));
      }, PATIENCE * 1000);
      this._waiting.set(id, answer => {
        clearTimeout(timer);
        this._waiting.delete(id);
        if (typeof answer.error === 'string') {
          reject(new Error(answer.error));
        } else {
          resolve(answer.value as T);
        }
      });
      this._model.send({ kind: 'ask', id: `${this._view}:${id}`, what, args });
    });
  }

  /** The view is taken off the page. */
  dispose(): void {
    this._say(false);
    for (const name of WATCHED) {
      this._model.off(`change:${name}`, this._onChange);
    }
    this._model.off('msg:custom', this._onMessage);
    this._model.off('comm_live_update', this._onLine);
    this._listeners.clear();
  }

  private _say(open: boolean): void {
    // What is not followed any more has nobody who would listen.
    if (this.followed && !this._cut) {
      this._model.send({ kind: 'view', view: this._view, open });
    }
  }

  private _tell(): void {
    this._version += 1;
    for (const listener of [...this._listeners]) {
      listener();
    }
  }

  private _onChange = (): void => {
    this._cut = false;
    this._tell();
  };

  private _onMessage = (content: IAnswer): void => {
    if (content.kind === 'answer' && typeof content.id === 'string') {
      const [view, id] = content.id.split(':');
      if (view === this._view) {
        this._waiting.get(id)?.(content);
      }
    }
  };

  /** The line to the kernel was cut, or is there again: it says which by turns. */
  private _onLine = (): void => {
    this._cut = !this._cut;
    this._tell();
  };

  private readonly _view = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  private readonly _listeners = new Set<() => void>();
  private readonly _waiting = new Map<string, (answer: IAnswer) => void>();
  private _asked = 0;
  private _version = 0;
  private _cut = false;
}

const WATCHED = ['card', 'progress', 'followed'] as const;
