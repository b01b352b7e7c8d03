/**
 * What a person has chosen in the settings, typed, with the defaults of the schema.
 *
 * One page of settings serves all plugins, whichever of them are switched off.
 */
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { JSONValue } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';

import type { ILayoutItem } from './dashboards/layout';

/** The id of the schema, `schema/plugin.json`. */
export const SETTINGS_ID = 'dask-steward:plugin';

/** How a notebook is attached: the cell is always there to be read. */
export type AttachBy = 'cell' | 'insert';

/** Which cluster a new notebook gets. */
export type AutoAttach = 'none' | 'current' | 'name';

/** The names are those of the schema. */
export interface IChoices {
  attachBy: AttachBy;
  autoAttach: AutoAttach;
  autoAttachName: string;
  darkDashboards: boolean;
  defaultLayout: ILayoutItem[];
  idleWarningMinutes: number;
  statusBar: boolean;
}

/** The same as in the schema; a test compares them. */
export const DEFAULTS: Readonly<IChoices> = {
  attachBy: 'cell',
  autoAttach: 'none',
  autoAttachName: '',
  darkDashboards: false,
  defaultLayout: [
    { plot: 'Task Stream', mode: 'split-right' },
    { plot: 'Progress', mode: 'split-bottom', ref: 'Task Stream' },
    { plot: 'Workers', mode: 'tab-after', ref: 'Progress' }
  ],
  idleWarningMinutes: 15,
  statusBar: true
};

/** The settings, also where there is no registry of settings: then they are the defaults. */
export class Settings {
  constructor(registry: ISettingRegistry | null) {
    this.ready = registry ? this._load(registry) : Promise.resolve();
  }

  /** Fulfilled when what a person has chosen is known. */
  readonly ready: Promise<void>;

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get<K extends keyof IChoices>(key: K): IChoices[K] {
    // The registry has checked it against the schema.
    const value = this._loaded?.composite[key] as IChoices[K] | undefined;
    return value ?? DEFAULTS[key];
  }

  async set<K extends keyof IChoices>(key: K, value: IChoices[K]): Promise<void> {
    await this.ready;
    await this._loaded?.set(key, value as unknown as JSONValue);
  }

  private async _load(registry: ISettingRegistry): Promise<void> {
    try {
      this._loaded = await registry.load(SETTINGS_ID);
    } catch {
      // Settings that cannot be read (Lab says so itself) must not stop what they are for.
      return;
    }
    this._loaded.changed.connect(() => this._changed.emit());
    this._changed.emit();
  }

  private _loaded: ISettingRegistry.ISettings | null = null;
  private readonly _changed = new Signal<this, void>(this);
}
