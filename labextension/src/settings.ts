/**
 * What a person has chosen in the settings, typed, with the defaults of the schema.
 *
 * One page of settings serves all plugins, whichever of them are switched off.
 */
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { JSONValue } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';

import type { ILayoutItem } from './layout';

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
  defaultLayout: ILayoutItem[];
  idleWarningMinutes: number;
  statusBar: boolean;
}

/** The same as in the schema; a test compares them. */
export const DEFAULTS: Readonly<IChoices> = {
  attachBy: 'cell',
  autoAttach: 'none',
  autoAttachName: '',
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
  /**
   * Load the settings.
   *
   * Settings that cannot be read (a broken file) must not stop the plugins that use them.
   */
  static async load(registry: ISettingRegistry | null): Promise<Settings> {
    if (!registry) {
      return new Settings(null);
    }
    try {
      return new Settings(await registry.load(SETTINGS_ID));
    } catch {
      return new Settings(null);
    }
  }

  constructor(private readonly _loaded: ISettingRegistry.ISettings | null) {
    _loaded?.changed.connect(() => this._changed.emit());
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get<K extends keyof IChoices>(key: K): IChoices[K] {
    // The registry has checked it against the schema.
    const value = this._loaded?.composite[key] as IChoices[K] | undefined;
    return value ?? DEFAULTS[key];
  }

  async set<K extends keyof IChoices>(key: K, value: IChoices[K]): Promise<void> {
    await this._loaded?.set(key, value as unknown as JSONValue);
  }

  private readonly _changed = new Signal<this, void>(this);
}
