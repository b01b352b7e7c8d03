import { useSyncExternalStore } from 'react';

/**
 * The present, to the second: one timer for all texts such as "for 18 min".
 *
 * Each text says what it reads now, and is drawn again only where that is another text.
 */
class Clock {
  /** Seconds since the epoch. */
  get now(): number {
    // Between two ticks all readers must see the same second, else React draws a text twice.
    return this._timer === null ? this._read() : this._now;
  }

  /**
   * Seconds by which the clock that the facts' times are of is ahead of this browser's.
   */
  set ahead(seconds: number) {
    this._ahead = seconds;
  }

  subscribe = (listener: () => void): (() => void) => {
    this._listeners.add(listener);
    if (this._timer === null) {
      this._now = this._read();
      this._timer = window.setInterval(() => this._tick(), 1000);
    }
    return () => {
      this._listeners.delete(listener);
      if (this._listeners.size === 0 && this._timer !== null) {
        window.clearInterval(this._timer);
        this._timer = null;
      }
    };
  };

  private _tick(): void {
    if (document.hidden) {
      return;
    }
    this._now = this._read();
    for (const listener of this._listeners) {
      listener();
    }
  }

  private _read(): number {
    return Math.floor(Date.now() / 1000 + this._ahead);
  }

  private _listeners = new Set<() => void>();
  private _now = 0;
  private _ahead = 0;
  private _timer: number | null = null;
}

export const clock = new Clock();

/**
 * What `read` makes of the present; the component is drawn again only when that changes.
 *
 * @param read - a text, number or boolean of the present (seconds since the epoch)
 */
export function useClock<T extends string | number | boolean | null>(read: (now: number) => T): T {
  const snapshot = (): T => read(clock.now);
  return useSyncExternalStore(clock.subscribe, snapshot, snapshot);
}
