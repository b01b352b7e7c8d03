/**
 * Whether the server can be heard, and when everything has to be read again.
 *
 * While its beats come there is nothing to do: each change comes as an event. What was read before
 * the stream was heard, or before a missed event, cannot be trusted and is read once more. JupyterLab
 * does not tell that the stream was closed, so the server is asked once as soon as a beat is late, and
 * when the browser's network comes or goes. Only while the stream is silent is it asked again and
 * again; the stream's own attempts to come back are JupyterLab's, and may take half a minute.
 */
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { StewardError, UnreachableError } from '../api/errors';
import type { IConnection } from '../tokens';

/** The server's beats come each 5 s; one that has not come by then is asked after (milliseconds). */
const LATE = 6_500;

/** When the stream counts as closed though the server answers: two beats have not come (milliseconds). */
const SILENCE = 12_000;

/** What a browser says of its network; a server of this host may well be there without one. */
const NETWORK = ['online', 'offline'] as const;

/** How often to look while nothing is heard, and at most how rarely when that fails (milliseconds). */
const LOOK = { interval: 2_000, backoff: 1.3, max: 8_000 };

export class Connection implements IDisposable {
  /**
   * `read` gets all facts from the server; `whole` asks it to believe nothing that it has, since the
   * server may be another one.
   */
  constructor(private readonly _read: (whole: boolean) => Promise<void>) {
    this._poll = new Poll<void, unknown>({
      auto: false,
      factory: () => this._look(),
      frequency: LOOK,
      name: 'dask-steward:connection',
      standby: 'when-hidden'
    });
    // The constructor does not take a `max` below 30 s.
    this._poll.frequency = LOOK;
    this._state = { state: 'connecting', since: seconds(), message: null };
  }

  get state(): IConnection {
    return this._state;
  }

  get changed(): ISignal<this, IConnection> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Whether events come: then nothing has to be asked for. */
  get hearing(): boolean {
    return this._hears === true;
  }

  /** By how many seconds the server's clock is ahead. */
  get ahead(): number {
    return this._ahead;
  }

  /** Begin. */
  open(): void {
    for (const event of NETWORK) {
      window.addEventListener(event, this._onNetwork);
    }
    void this._poll.start();
  }

  /** Something failed, or a person asks: look now. */
  suspect(): void {
    if (this._looking) {
      this._again = true;
    } else {
      void this._poll.refresh();
    }
  }

  /** Look now, and wait for what comes of it. */
  async look(): Promise<void> {
    this.suspect();
    await new Promise<void>(resolve => this._waiting.push(resolve));
  }

  /** An event has come; `seq` is its number. */
  heard(seq: number): void {
    this._contact = seconds();
    const gap = this._seq !== null && seq !== this._seq + 1;
    this._seq = seq;
    const first = !this.hearing;
    this._hears = true;
    this._listen();
    if (first || gap || this._state.state !== 'ok') {
      this.suspect();
    }
  }

  /** A beat has come: which server it is, and its clock. */
  beat(server: string, at: number): void {
    this._ahead = at - seconds();
    if (this._server !== null && this._server !== server) {
      this._whole = true;
      this.suspect();
    }
    this._server = server;
  }

  /** Which server the facts are of. */
  knows(server: string): void {
    this._server = server;
  }

  dispose(): void {
    for (const event of NETWORK) {
      window.removeEventListener(event, this._onNetwork);
    }
    this._wait(null);
    this._poll.dispose();
    this._settle();
    Signal.clearData(this);
  }

  /** One look: read, and say how it is. A rejection makes the next one later. */
  private async _look(): Promise<void> {
    this._looking = true;
    this._again = false;
    const whole = this._whole;
    this._whole = false;
    try {
      await this._read(whole);
    } catch (error) {
      this._whole = true;
      this._failed(error);
      if (this._state.state === 'missing' && this._contact === null) {
        // It was never there. Only a restart of the server can change that, which is noticed.
        void this._poll.stop();
      }
      throw error;
    } finally {
      this._looking = false;
      this._settle();
    }
    this._contact = seconds();
    this._set('ok', null);
    if (this._again) {
      // Not `refresh`, which takes the look that just ended for the next one.
      void this._poll.schedule({ interval: Poll.IMMEDIATE, phase: 'refreshed' });
    } else if (this._hears !== false) {
      void this._poll.stop();
      if (this._silence === null) {
        this._listen();
      }
    }
    // Else nothing is heard, and the poll goes on.
  }

  private _failed(error: unknown): void {
    if (this.isDisposed) {
      return;
    }
    const message = error instanceof Error ? error.message : String(error);
    const missing = error instanceof StewardError && error.status === 404;
    if (error instanceof UnreachableError) {
      // The stream is as dead as the rest; what it says next is the first of a new one.
      this._deaf();
    }
    this._set(missing ? 'missing' : 'lost', message);
  }

  /** From now on, silence is a sign. */
  private _listen(): void {
    this._wait(() => {
      // A server that died does not answer; one that is only busy does, and its beat may still come.
      this._wait(() => {
        this._deaf();
        this.suspect();
      }, SILENCE - LATE);
      this.suspect();
    }, LATE);
  }

  /** Nothing is heard, so that the server is asked until something is. */
  private _deaf(): void {
    this._hears = false;
    this._seq = null;
    this._wait(null);
  }

  /** Do something after so many milliseconds in which nothing is heard. */
  private _wait(then: (() => void) | null, milliseconds = 0): void {
    if (this._silence !== null) {
      clearTimeout(this._silence);
    }
    this._silence = then && setTimeout(then, milliseconds);
  }

  private _set(state: IConnection['state'], message: string | null): void {
    if (this.isDisposed || (state === this._state.state && message === this._state.message)) {
      return;
    }
    let since = seconds() + this._ahead;
    if (state === this._state.state) {
      since = this._state.since;
    } else if (state === 'lost' && this._contact !== null) {
      // The facts are as old as the last word of the server.
      since = this._contact + this._ahead;
    }
    this._state = { state, since, message };
    this._changed.emit(this._state);
  }

  private _onNetwork = (): void => this.suspect();

  private _settle(): void {
    for (const resolve of this._waiting.splice(0)) {
      resolve();
    }
  }

  private readonly _changed = new Signal<this, IConnection>(this);
  private readonly _poll: Poll<void, unknown>;
  private _state: IConnection;
  private _waiting: (() => void)[] = [];
  private _looking = false;
  private _again = false;
  private _whole = true;
  /** Null until it is known. */
  private _hears: boolean | null = null;
  private _ahead = 0;
  private _contact: number | null = null;
  private _seq: number | null = null;
  private _server: string | null = null;
  private _silence: ReturnType<typeof setTimeout> | null = null;
}

function seconds(): number {
  return Date.now() / 1000;
}
