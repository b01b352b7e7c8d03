/**
 * Many changes, one redraw: what is asked for several times happens once in a frame.
 */
import type { IDisposable } from '@lumino/disposable';

/** A hidden page has no frames; its changes still have to be told (milliseconds). */
const WITHOUT_FRAME = 250;

export class Frame implements IDisposable {
  constructor(private readonly _run: () => void) {}

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** See to it that it runs soon. */
  request(): void {
    if (this._disposed || this._timer !== null) {
      return;
    }
    this._frame = requestAnimationFrame(() => this.flush());
    this._timer = setTimeout(() => this.flush(), WITHOUT_FRAME);
  }

  /** Run now what was asked for, if anything was. */
  flush(): void {
    if (this._timer !== null) {
      this._clear();
      this._run();
    }
  }

  dispose(): void {
    this._disposed = true;
    this._clear();
  }

  private _clear(): void {
    if (this._timer !== null) {
      clearTimeout(this._timer);
      cancelAnimationFrame(this._frame);
      this._timer = null;
    }
  }

  private _disposed = false;
  private _frame = 0;
  private _timer: ReturnType<typeof setTimeout> | null = null;
}
