/**
 * How the plugins of this extension begin: each asks the model, speaks the person's language, and does
 * without whatever else is not there.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject, Token } from '@lumino/coreutils';

import { IStewardModel } from './tokens';

/** The words of this extension. */
const DOMAIN = 'dask_steward';

/** What a plugin uses where it is there, by the names that it knows it by. */
type Optional = Record<string, Token<unknown>>;

/** What was found of it. */
type Found<O extends Optional> = {
  [name in keyof O]: O[name] extends Token<infer T> ? T | null : never;
};

/** What every plugin gets. */
export interface IPluginParts {
  app: JupyterFrontEnd;
  model: IStewardModel;
  translator: ITranslator;
  trans: TranslationBundle;
}

export interface IPaletteItem {
  command: string;
  args: ReadonlyJSONObject;
}

export interface IStewardPlugin<O extends Optional> {
  id: string;
  description: string;
  optional: O;
  /** Those of its commands that the palette offers, with what they are called with. */
  palette?: readonly (string | IPaletteItem)[];
  activate: (parts: IPluginParts & Found<O>) => void;
}

/** The language of the person; English where nobody knows it. */
export function wordsOf(translator: ITranslator | null): TranslationBundle {
  return (translator ?? nullTranslator).load(DOMAIN);
}

export function stewardPlugin<O extends Optional>(
  plugin: IStewardPlugin<O>
): JupyterFrontEndPlugin<void> {
  const { id, description, optional, palette: offered = [] } = plugin;
  const names = Object.keys(optional);
  return {
    id,
    description,
    autoStart: true,
    requires: [IStewardModel],
    optional: [ITranslator, ICommandPalette, ...Object.values(optional)],
    activate: (
      app: JupyterFrontEnd,
      model: IStewardModel,
      translator: ITranslator | null,
      palette: ICommandPalette | null,
      ...found: unknown[]
    ): void => {
      const trans = wordsOf(translator);
      const parts = { app, model, translator: translator ?? nullTranslator, trans };
      const others = Object.fromEntries(names.map((name, index) => [name, found[index]]));
      plugin.activate({ ...parts, ...(others as Found<O>) });
      for (const each of offered) {
        const item = typeof each === 'string' ? { command: each } : each;
        if (app.commands.hasCommand(item.command)) {
          palette?.addItem({ ...item, category: trans.__('Dask') });
        }
      }
    }
  };
}
