/**
 * What the sections of the panel share: the parts of JupyterLab that they use, what can be done, and what is remembered.
 */
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { IStateDB } from '@jupyterlab/statedb';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import { clusterActions, type IActionsOptions, profileActions } from './sidebarActions';
import { type ISidebarState, Keeper, stateAtFirst } from './sidebarState';
import type { IAttachments, IStewardModel } from '../tokens';
import type { IClusterActions, IProfileActions } from '../view';

export interface ISidebarOptions {
  model: IStewardModel;
  commands: CommandRegistry;
  translator: ITranslator;
  state: IStateDB | null;
  notebooks: INotebookTracker | null;
  attachments: IAttachments | null;
}

export class SidebarContext implements IActionsOptions {
  constructor(options: ISidebarOptions) {
    this.model = options.model;
    this.commands = options.commands;
    this.notebooks = options.notebooks;
    this.attachments = options.attachments;
    this.trans = options.translator.load('dask_steward');
    this._keeper = new Keeper(options.state);
    this._clusterActions = clusterActions(this);
    this._profileActions = profileActions(this, this.start);
  }

  readonly model: IStewardModel;
  readonly commands: CommandRegistry;
  readonly notebooks: INotebookTracker | null;
  readonly attachments: IAttachments | null;
  readonly trans: TranslationBundle;

  /** What is remembered over a reload of the page; `keep` it after a change. */
  state: ISidebarState = stateAtFirst();

  get clusterActions(): IClusterActions {
    return this._clusterActions;
  }

  get profileActions(): IProfileActions {
    return this._profileActions;
  }

  /** The commands of the other plugins are there: what they do is offered from now on. */
  ready(): void {
    this._clusterActions = clusterActions(this);
    this._profileActions = profileActions(this, this.start);
  }

  keep(): void {
    this._keeper.save(this.state);
  }

  /** Whether something can be changed now: this person may, and the server is heard. */
  get mayChange(): boolean {
    return this.model.connection.state === 'ok' && !this.model.readOnly;
  }

  systemTitle = (system: string): string =>
    this.model.status?.systems.find(one => one.system === system)?.title ?? system;

  start = async (profile: string): Promise<void> => {
    const spec = this.notebooks?.currentWidget?.sessionContext.session?.kernel?.name;
    const known = this.model.kernelspecs.find(one => one.name === spec && one.why_not === null);
    this.state.profile = profile;
    this.keep();
    // In the environment of the notebook in front, so that its versions match.
    const cluster = await this.model.start({
      profile,
      ...(known ? { environment: known.name } : {})
    });
    this.model.select(cluster.id);
  };

  private readonly _keeper: Keeper;
  private _clusterActions: IClusterActions;
  private _profileActions: IProfileActions;
}
