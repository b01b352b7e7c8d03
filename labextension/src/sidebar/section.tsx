/**
 * A section of the left panel: React that is drawn while it can be seen, and not otherwise.
 */
import { ReactWidget, Toolbar } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';

export class Section extends ReactWidget implements Toolbar.IWidgetToolbar {
  constructor(options: Section.IOptions) {
    super();
    this.id = options.id;
    this.title.label = options.label;
    this.title.caption = options.caption;
    this.addClass('dsk-Section');
    this._draw = options.draw;
    this.toolbar = new Toolbar();
    this.toolbar.node.setAttribute('aria-label', options.toolbarLabel);
  }

  readonly toolbar: Toolbar;

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    for (const off of this._off) {
      off();
    }
    this.toolbar.dispose();
    super.dispose();
  }

  /** Draw again when a signal says that something is another thing. */
  follow<S>(...signals: ISignal<S, unknown>[]): void {
    for (const signal of signals) {
      const slot = (): void => this.changed();
      signal.connect(slot);
      this._off.push(() => signal.disconnect(slot));
    }
  }

  /** Draw again: now, or when it is seen next. */
  changed(): void {
    if (this.isVisible) {
      this.update();
    } else {
      this._old = true;
    }
  }

  /** A number that its title shows after its name. */
  set count(text: string) {
    if (this.title.dataset.dskCount !== text) {
      this.title.dataset = { ...this.title.dataset, dskCount: text };
    }
  }

  render(): JSX.Element {
    this._old = false;
    return this._draw(this.isVisible);
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    if (this._old) {
      this.update();
    }
  }

  private readonly _draw: (visible: boolean) => JSX.Element;
  private readonly _off: (() => void)[] = [];
  private _old = false;
}

export namespace Section {
  export interface IOptions {
    id: string;
    label: string;
    caption: string;
    toolbarLabel: string;
    draw: (visible: boolean) => JSX.Element;
  }
}
