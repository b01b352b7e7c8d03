/**
 * The panel itself: an accordion of sections, which a person opens, sizes and moves, and which come back as they were.
 */
import type { IMovableSectionSource, ISectionEntry } from '@jupyterlab/apputils';
import type { IStateDB } from '@jupyterlab/statedb';
import { SidePanel } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';
import type { AccordionPanel, Widget } from '@lumino/widgets';

import { ClustersSection } from './clustersSection';
import { DashboardsSection } from './dashboardsSection';
import { HeldSection } from './heldSection';
import { ProfilesSection } from './profilesSection';
import type { Section } from './section';
import { type ISidebarOptions, SidebarContext } from './sidebarContext';
import { applySections, fetchState } from './sidebarState';
import { clock } from '../view';

export class Sidebar extends SidePanel implements IMovableSectionSource {
  constructor(options: ISidebarOptions) {
    super({ translator: options.translator });
    const { model, state } = options;
    this._context = new SidebarContext(options);
    this.addClass('dsk-Sidebar');
    this._sections = [
      new ClustersSection(this._context),
      new ProfilesSection(this._context),
      new DashboardsSection(this._context),
      new HeldSection(this._context)
    ];
    for (const one of this._sections) {
      this.addWidget(one);
      one.changed();
    }
    // At once, so that nothing is asked for that nobody looks at; what is remembered comes later.
    applySections(this.accordionPanel, this._context.state);
    model.connectionChanged.connect(this._setClock, this);
    this._setClock();
    void this._remember(state);
  }

  get accordionPanel(): AccordionPanel {
    return this.content as AccordionPanel;
  }

  get sectionAdded(): ISignal<this, ISectionEntry> {
    return this._sectionAdded;
  }

  /** The commands of the other plugins are there. */
  ready(): void {
    this._context.ready();
    for (const one of this._sections) {
      one.ready();
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      Signal.clearData(this);
      super.dispose();
    }
  }

  // Sections that a person moves to another panel.

  getSections(): ISectionEntry[] {
    const panel = this.accordionPanel;
    return panel.widgets.map((widget, index) => ({
      id: widget.id,
      titleNode: panel.titles[index],
      widget
    }));
  }

  removeSectionById(id: string): Widget | null {
    const found = this._sections.find(one => one.id === id && one.parent === this.content);
    if (!found) {
      return null;
    }
    found.parent = null;
    return found;
  }

  reinsertSection(widget: Widget): void {
    // Back where it was: before the first of those that came after it.
    const order = this._sections.indexOf(widget as Section);
    const at = this.widgets.findIndex(one => this._sections.indexOf(one as Section) > order);
    this.insertWidget(at < 0 ? this.widgets.length : at, widget as Section);
    // Lumino puts what is new at the end of the page, whatever its place; the Tab key goes by the page.
    const panel = this.accordionPanel;
    panel.widgets.forEach((one, index) =>
      panel.node.append(panel.titles[index], one.node, panel.handles[index])
    );
    const entry = this.getSections().find(one => one.widget === widget);
    if (entry) {
      this._sectionAdded.emit(entry);
    }
  }

  private _setClock(): void {
    clock.ahead = this._context.model.now() - Date.now() / 1000;
  }

  private async _remember(state: IStateDB | null): Promise<void> {
    const context = this._context;
    const panel = this.accordionPanel;
    context.state = await fetchState(state, context.state);
    if (this.isDisposed) {
      return;
    }
    applySections(panel, context.state);
    // The profile that was started last is the first to be offered.
    this._sections[0].changed();
    const keep = (): void => {
      const sizes = panel.relativeSizes();
      panel.widgets.forEach((widget, index) => {
        const known = context.state.sections[widget.id];
        if (known) {
          // A closed section has no size; it comes back with the one that it had.
          const size = widget.isHidden ? known.size : sizes[index];
          context.state.sections[widget.id] = { open: !widget.isHidden, size };
        }
      });
      context.keep();
    };
    panel.expansionToggled.connect(keep);
    panel.handleMoved.connect(keep);
  }

  private readonly _context: SidebarContext;
  /** In their order. */
  private readonly _sections: readonly Section[];
  private readonly _sectionAdded = new Signal<this, ISectionEntry>(this);
}
