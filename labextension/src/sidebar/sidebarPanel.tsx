/**
 * The panel itself: sections that draw views from the model, and give what a person does to it and to the commands.
 */
import type { IMovableSectionSource, ISectionEntry } from '@jupyterlab/apputils';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import {
  addIcon,
  type LabIcon,
  refreshIcon,
  searchIcon,
  SidePanel,
  stopIcon,
  ReactWidget
} from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { type ISignal, Signal } from '@lumino/signaling';
import type { AccordionPanel, Widget } from '@lumino/widgets';
import * as React from 'react';

import { clusterOf } from '../facts';
import { swept } from '../commands/questions';
import { Section } from './section';
import {
  clusterActions,
  currentKernel,
  type IActionsOptions,
  profileActions
} from './sidebarActions';
import { applySections, fetchState, type ISidebarState, Keeper } from './sidebarState';
import {
  CommandIDs,
  type IAttachments,
  type ICluster,
  type IPlot,
  type IStewardModel
} from '../tokens';
import {
  Banner,
  clock,
  ClusterList,
  DashboardList,
  EmptyPanel,
  hasEnded,
  HeldList,
  type IClusterActions,
  type IProfileActions,
  type IStartable,
  NewButton,
  ProfileList
} from '../view';

const CLUSTERS = 'dask-steward-clusters';
const PROFILES = 'dask-steward-profiles';
const DASHBOARDS = 'dask-steward-dashboards';
const HELD = 'dask-steward-held';

/** How the panel looks before anybody has changed it. */
const AT_FIRST: ISidebarState = {
  sections: {
    [CLUSTERS]: { open: true, size: 6 },
    [PROFILES]: { open: true, size: 2 },
    [DASHBOARDS]: { open: true, size: 2 },
    [HELD]: { open: false, size: 2 }
  },
  profile: null
};

/** Milliseconds between two questions for what is held, while that is looked at. */
const HELD_EVERY = 2000;

export interface ISidebarOptions {
  model: IStewardModel;
  commands: CommandRegistry;
  translator: ITranslator;
  state: IStateDB | null;
  notebooks: INotebookTracker | null;
  attachments: IAttachments | null;
}

export class Sidebar extends SidePanel implements IMovableSectionSource {
  constructor(options: ISidebarOptions) {
    super({ translator: options.translator });
    const { model, state } = options;
    const trans = options.translator.load('dask_steward');
    this._steward = { ...options, trans };
    this._keeper = new Keeper(state);
    this._acts = clusterActions(this._steward);
    this._profileActs = profileActions(this._steward, this._start);
    this.addClass('dsk-Sidebar');
    const section = (id: string, label: string, draw: (visible: boolean) => JSX.Element): Section =>
      new Section({
        id,
        label,
        caption: label,
        toolbarLabel: trans.__('Actions on %1', label),
        draw
      });
    this._clusters = section(CLUSTERS, trans.__('Clusters'), () => this._drawClusters());
    this._profiles = section(PROFILES, trans.__('Profiles'), () => this._drawProfiles());
    this._dashboards = section(DASHBOARDS, trans.__('Dashboards'), visible =>
      this._drawDashboards(visible)
    );
    this._heldSection = section(HELD, trans.__('Held'), visible => this._drawHeld(visible));
    this._clusters.follow(
      model.clustersChanged,
      model.profilesChanged,
      model.currentChanged,
      model.connectionChanged
    );
    this._profiles.follow(model.profilesChanged, model.connectionChanged);
    this._dashboards.follow(model.clustersChanged, model.currentChanged, model.connectionChanged);
    this._heldSection.follow(model.heldChanged, model.clustersChanged, model.connectionChanged);
    this._followNotebooks();
    for (const one of this._sections) {
      this.addWidget(one);
    }
    // At once, so that nothing is asked for that nobody looks at; what is remembered comes later.
    applySections(this.accordionPanel, this._state);
    model.clustersChanged.connect(this._count, this);
    model.profilesChanged.connect(this._count, this);
    model.connectionChanged.connect(this._count, this);
    model.connectionChanged.connect(this._setClock, this);
    this._setClock();
    this._count();
    void this._remember();
  }

  get accordionPanel(): AccordionPanel {
    return this.content as AccordionPanel;
  }

  get sectionAdded(): ISignal<this, ISectionEntry> {
    return this._sectionAdded;
  }

  /** The commands of the other plugins are there. */
  ready(): void {
    this._acts = clusterActions(this._steward);
    this._profileActs = profileActions(this._steward, this._start);
    const { trans } = this._steward;
    this._addButton(this._clusters, CommandIDs.stopAll, stopIcon, trans.__('Stop all clusters…'));
    this._addDiscover();
    this._addButton(this._profiles, CommandIDs.newProfile, addIcon, trans.__('New profile…'));
    this._addButton(
      this._heldSection,
      CommandIDs.refresh,
      refreshIcon,
      trans.__('Ask again what is held')
    );
    for (const one of this._sections) {
      one.changed();
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      window.clearTimeout(this._asking);
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
    const entry = this.getSections().find(one => one.widget === widget);
    if (entry) {
      this._sectionAdded.emit(entry);
    }
  }

  // What is drawn.

  private get _sections(): Section[] {
    return [this._clusters, this._profiles, this._dashboards, this._heldSection];
  }

  private _drawClusters(): JSX.Element {
    const { model, trans } = this._steward;
    const { connection, readOnly, status, clusters } = model;
    const unheard = connection.state === 'lost' ? connection.since : null;
    const button = this._drawNew();
    const mayStart = connection.state === 'ok' && !readOnly;
    return (
      <>
        <Banner connection={connection} readOnly={readOnly} onRetry={this._refresh} trans={trans} />
        {clusters.length === 0 && connection.state === 'ok' ? (
          <EmptyPanel
            found={(status?.found ?? []).map(one => ({
              ...one,
              title: this._systemTitle(one.system)
            }))}
            readOnly={readOnly}
            onDiscover={this._discover}
            trans={trans}
          >
            {mayStart && button}
          </EmptyPanel>
        ) : (
          mayStart && button
        )}
        {clusters.length > 0 && (
          <ClusterList
            clusters={clusters}
            current={model.current?.id ?? null}
            here={this._here()}
            place={this._place}
            readOnly={readOnly}
            unheard={unheard}
            host={status?.host ?? null}
            notebook={Boolean(this._steward.notebooks?.currentWidget)}
            actions={this._acts}
            trans={trans}
          />
        )}
      </>
    );
  }

  private _drawNew(): JSX.Element | null {
    const { model, trans } = this._steward;
    const usable: IStartable[] = model.profiles
      .filter(profile => profile.problems.length === 0)
      .map(profile => ({
        name: profile.name,
        title: profile.title,
        system: this._systemTitle(profile.system ?? '')
      }));
    const wanted = [this._state.profile, model.status?.default_profile];
    const first =
      wanted.map(name => usable.find(one => one.name === name)).find(Boolean) ?? usable[0];
    return first ? (
      <NewButton
        first={first}
        profiles={usable}
        onStart={this._start}
        onNewProfile={this._profileActs.create}
        trans={trans}
      />
    ) : null;
  }

  private _drawProfiles(): JSX.Element {
    const { model, trans } = this._steward;
    return (
      <ProfileList
        profiles={model.profiles}
        system={this._systemTitle}
        readOnly={model.readOnly || model.connection.state !== 'ok'}
        actions={this._profileActs}
        trans={trans}
      />
    );
  }

  private _drawDashboards(visible: boolean): JSX.Element {
    const { model, commands, trans } = this._steward;
    const { current } = model;
    const cluster = current && !hasEnded(current.state) ? current : null;
    return (
      <Dashboards
        model={model}
        cluster={cluster}
        looked={visible && model.connection.state === 'ok'}
        onOpen={plot =>
          void commands.execute(CommandIDs.openDashboard, {
            id: cluster?.id,
            path: plot.path,
            title: plot.title
          })
        }
        onLayout={
          commands.hasCommand(CommandIDs.openLayout)
            ? () => void commands.execute(CommandIDs.openLayout, { id: cluster?.id })
            : undefined
        }
        onUrl={
          commands.hasCommand(CommandIDs.openDashboardUrl)
            ? () => void commands.execute(CommandIDs.openDashboardUrl)
            : undefined
        }
        trans={trans}
      />
    );
  }

  private _drawHeld(visible: boolean): JSX.Element {
    const { model, trans } = this._steward;
    if (visible && model.connection.state === 'ok') {
      this._askHeld();
    }
    return (
      <HeldList
        held={model.held}
        readOnly={model.readOnly || model.connection.state !== 'ok'}
        onSweep={this._sweep}
        onOpen={this._acts.openDetails && this._openHeld}
        trans={trans}
      />
    );
  }

  // What it is drawn from.

  /** The id of the cluster that the notebook in front uses. */
  private _here(): string | null {
    const { model, notebooks, attachments } = this._steward;
    const kernel = currentKernel(notebooks) ?? undefined;
    return clusterOf(kernel, model.clusters, attachments)?.id ?? null;
  }

  private _systemTitle = (system: string): string =>
    this._steward.model.status?.systems.find(one => one.system === system)?.title ?? system;

  private _place = (cluster: ICluster): string =>
    cluster.profile_title ?? cluster.profile ?? this._systemTitle(cluster.system);

  /** What is held changes with the clusters: asked for while somebody looks, and not with each number. */
  private _askHeld(): void {
    const { model } = this._steward;
    const now = model.clusters
      .map(one => [one.id, one.state, one.jobs.total, one.jobs.queued, one.jobs.running].join(':'))
      .join();
    if (this._askedFor === now && model.held !== null) {
      return;
    }
    const wait = Math.max(0, HELD_EVERY - (Date.now() - this._askedAt));
    window.clearTimeout(this._asking);
    this._asking = window.setTimeout(() => {
      this._askedFor = now;
      this._askedAt = Date.now();
      // Its own problems are in its answer; without one the section still says that it asks.
      void model.refreshHeld().catch(() => undefined);
    }, wait);
  }

  private _count(): void {
    const { model } = this._steward;
    for (const tool of this._changing) {
      tool.setHidden(model.readOnly);
    }
    const { length } = model.clusters;
    this._clusters.count = length ? String(length) : '';
    this._profiles.count = model.profiles.length ? String(model.profiles.length) : '';
  }

  private _setClock(): void {
    clock.ahead = this._steward.model.now() - Date.now() / 1000;
  }

  private _followNotebooks(): void {
    const { notebooks, attachments } = this._steward;
    if (attachments) {
      this._clusters.follow(attachments.changed);
    }
    if (notebooks) {
      this._clusters.follow(notebooks.currentChanged);
      notebooks.widgetAdded.connect((_, panel) => {
        const redraw = (): void => this._clusters.changed();
        panel.sessionContext.kernelChanged.connect(redraw);
        panel.disposed.connect(() => panel.sessionContext.kernelChanged.disconnect(redraw));
      });
    }
  }

  // What a person does.

  private _refresh = (): void => {
    void this._steward.model.refresh().catch(() => undefined);
  };

  private _start = async (profile: string): Promise<void> => {
    const { model, notebooks } = this._steward;
    const spec = notebooks?.currentWidget?.sessionContext.session?.kernel?.name;
    const known = model.kernelspecs.find(one => one.name === spec && one.why_not === null);
    this._state.profile = profile;
    this._keeper.save(this._state);
    // In the environment of the notebook in front, so that its versions match.
    const cluster = await model.start({ profile, ...(known ? { environment: known.name } : {}) });
    model.select(cluster.id);
  };

  private _discover = (system: string): void => {
    const { commands } = this._steward;
    if (commands.hasCommand(CommandIDs.discover)) {
      void commands.execute(CommandIDs.discover, { system });
    }
  };

  private _sweep = async (): Promise<string> => {
    const { model, trans } = this._steward;
    return swept(await model.sweep(), trans);
  };

  private _openHeld = (id: string): void => {
    const { model } = this._steward;
    if (model.cluster(id)) {
      model.select(id);
    }
    this._acts.openDetails?.(id);
  };

  private _addButton(section: Section, command: string, icon: LabIcon, tooltip: string): void {
    const { commands } = this._steward;
    this._addTool(section, command, icon, tooltip, () => void commands.execute(command));
  }

  /** Discovery needs a system: the one that was found, or the command's own question. */
  private _addDiscover(): void {
    const { model, commands, trans } = this._steward;
    const label = trans.__('Make profiles of what is found here');
    this._addTool(this._profiles, CommandIDs.discover, searchIcon, label, () => {
      const found = model.status?.found ?? [];
      const args = found.length === 1 ? { system: found[0].system } : {};
      void commands.execute(CommandIDs.discover, args);
    });
  }

  private _addTool(
    section: Section,
    command: string,
    icon: LabIcon,
    label: string,
    onClick: () => void
  ): void {
    if (!this._steward.commands.hasCommand(command)) {
      return;
    }
    const tool = sectionButton(icon, label, onClick);
    section.toolbar.addItem(command, tool);
    if (command !== CommandIDs.refresh) {
      this._changing.push(tool);
      tool.setHidden(this._steward.model.readOnly);
    }
  }

  // What is remembered.

  private async _remember(): Promise<void> {
    const panel = this.accordionPanel;
    this._state = await fetchState(this._steward.state, this._state);
    if (this.isDisposed) {
      return;
    }
    applySections(panel, this._state);
    this._clusters.changed();
    const keep = (): void => {
      const sizes = panel.relativeSizes();
      panel.widgets.forEach((widget, index) => {
        const known = this._state.sections[widget.id];
        if (known) {
          // A closed section has no size; it comes back with the one that it had.
          const size = widget.isHidden ? known.size : sizes[index];
          this._state.sections[widget.id] = { open: !widget.isHidden, size };
        }
      });
      this._keeper.save(this._state);
    };
    panel.expansionToggled.connect(keep);
    panel.handleMoved.connect(keep);
  }

  private readonly _steward: ISidebarOptions & IActionsOptions & { trans: TranslationBundle };
  private readonly _clusters: Section;
  private readonly _profiles: Section;
  private readonly _dashboards: Section;
  private readonly _heldSection: Section;
  private readonly _sectionAdded = new Signal<this, ISectionEntry>(this);
  private readonly _keeper: Keeper;
  /** Buttons of sections that change something: not for who may only look. */
  private readonly _changing: Widget[] = [];
  private _acts: IClusterActions;
  private _profileActs: IProfileActions;
  private _state: ISidebarState = { ...AT_FIRST, sections: { ...AT_FIRST.sections } };
  private _asking = 0;
  private _askedAt = 0;
  private _askedFor = '';
}

interface IDashboardsProps {
  model: IStewardModel;
  cluster: ICluster | null;
  /** Whether somebody sees it. */
  looked: boolean;
  onOpen: (plot: IPlot) => void;
  onLayout?: () => void;
  onUrl?: () => void;
  trans: TranslationBundle;
}

/** Asks which plots a cluster has, once for each cluster that is looked at. */
function Dashboards(props: IDashboardsProps): JSX.Element {
  const { model, cluster, looked, trans } = props;
  const [known, setKnown] = React.useState<{ id: string; plots: IPlot[]; why: string | null }>();
  const id = cluster?.scheduler.dashboard ? cluster.id : null;
  React.useEffect(() => {
    if (id === null || !looked || known?.id === id) {
      return;
    }
    let current = true;
    model.plots(id).then(
      plots => current && setKnown({ id, plots, why: null }),
      (error: Error) => current && setKnown({ id, plots: [], why: error.message })
    );
    return () => {
      current = false;
    };
  }, [model, id, looked, known]);
  const here = known?.id === id ? known : undefined;
  const none = cluster !== null && !cluster.scheduler.dashboard;
  return (
    <DashboardList
      cluster={cluster?.name ?? null}
      plots={here?.plots ?? null}
      reason={
        none
          ? (cluster.scheduler.dashboard_reason ?? trans.__('Its dashboard is not there yet.'))
          : (here?.why ?? null)
      }
      onOpen={props.onOpen}
      onLayout={props.onLayout}
      onUrl={props.onUrl}
      trans={trans}
    />
  );
}

/**
 * A button in the title of a section.
 *
 * Not JupyterLab's ToolbarButton: it always has `aria-pressed`, on an element without a role that may have it (4.6).
 */
function sectionButton(icon: LabIcon, label: string, onClick: () => void): ReactWidget {
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
