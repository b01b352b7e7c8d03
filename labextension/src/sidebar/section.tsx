/**
 * A section of the left panel: React that is drawn while it can be seen, and not otherwise.
 */
import { type LabIcon, ReactWidget, Toolbar } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { AccordionPanel } from '@lumino/widgets';
import * as React from 'react';

import type { SidebarContext } from './sidebarContext';

export abstract class Section extends ReactWidget implements Toolbar.IWidgetToolbar {
  constructor(
    protected readonly context: SidebarContext,
    id: string,
    label: string
  ) {
    super();
    this.id = id;
    this.title.label = label;
    this.title.caption = label;
    this.addClass('dsk-Section');
    this.toolbar = new Toolbar();
    this.toolbar.node.setAttribute('aria-label', context.trans.__('Actions on %1', label));
  }

  readonly toolbar: Toolbar;

  /** What it shows; `visible` says whether somebody sees it. */
  protected abstract draw(visible: boolean): JSX.Element;

  /** The number that its title shows after its name; zero shows nothing. */
  protected count(): number {
    return 0;
  }

  /** The commands of the other plugins are there. */
  ready(): void {
    this.changed();
  }

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

  /** Draw again: now, or when it is seen next. */
  changed(): void {
    this._dressTitle();
    if (this.isVisible) {
      this.update();
    } else {
      this._old = true;
    }
  }

  render(): JSX.Element {
    this._old = false;
    return this.draw(this.isVisible);
  }

  /** Draw again when a signal says that something is another thing. */
  protected follow<S>(...signals: ISignal<S, unknown>[]): void {
    for (const signal of signals) {
      const slot = (): void => this.changed();
      signal.connect(slot);
      this._off.push(() => signal.disconnect(slot));
    }
  }

  /** A button in its title, where there is such a command. */
  protected addButton(options: Section.IButton): void {
    const { command, icon, label, args, looks } = options;
    const { commands } = this.context;
    if (!commands.hasCommand(command)) {
      return;
    }
    const button = titleButton(icon, label, () => void commands.execute(command, args?.()));
    this.toolbar.addItem(command, button);
    if (!looks) {
      this._changing.push(button);
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    // Moved to another panel, it has another title.
    this._dressTitle();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    if (this._old) {
      this.update();
    }
  }

  private _dressTitle(): void {
    for (const button of this._changing) {
      button.setHidden(this.context.model.readOnly);
    }
    if (this.parent instanceof AccordionPanel) {
      // Not by `this.title`: its element would be made anew, and lose the focus and JupyterLab's way to move the section.
      const title = this.parent.titles[this.parent.widgets.indexOf(this)];
      const count = this.count();
      title.dataset.dskCount = count ? String(count) : '';
    }
  }

  private readonly _off: (() => void)[] = [];
  /** Buttons that change something: not for who may only look. */
  private readonly _changing: ReactWidget[] = [];
  private _old = false;
}

export namespace Section {
  export interface IButton {
    command: string;
    icon: LabIcon;
    label: string;
    args?: () => ReadonlyPartialJSONObject;
    /** Whether it changes nothing, so that everybody has it. */
    looks?: boolean;
  }
}

/**
 * A button in the title of a section.
 *
 * Not JupyterLab's ToolbarButton: it always has `aria-pressed`, on an element without a role that may have it (4.6).
 */
function titleButton(icon: LabIcon, label: string, onClick: () => void): ReactWidget {
  return ReactWidget.create(
    <button
      type="button"
      className="dsk-Button dsk-mod-icon"
      aria-label={label}
      title={label}
      // The title around it folds the section by click and by key.
      onKeyDown={event => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.stopPropagation();
        }
      }}
      onClick={event => {
        event.stopPropagation();
        onClick();
      }}
    >
      <icon.react tag="span" aria-hidden="true" />
    </button>
  );
}
