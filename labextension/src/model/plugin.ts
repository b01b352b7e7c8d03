/**
 * The plugin that gives the model to all others.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator } from '@jupyterlab/translation';

import { StewardApi } from '../api';
import { StewardModel } from '../model';
import { wordsOf } from '../plugin';
import { IStewardModel } from '../tokens';

/** Where the card that was open is remembered over a reload of the page. */
const SELECTED = 'dask-steward:selected';

export const modelPlugin: JupyterFrontEndPlugin<IStewardModel> = {
  id: 'dask-steward:model',
  description: 'Knows all Dask clusters and saved profiles, and asks the server to change them.',
  autoStart: true,
  provides: IStewardModel,
  optional: [IStateDB, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    state: IStateDB | null,
    translator: ITranslator | null
  ): IStewardModel => {
    const trans = wordsOf(translator);
    const { serverSettings, events, connectionFailure } = app.serviceManager;
    const model = new StewardModel({
      api: new StewardApi({ serverSettings, trans }),
      events: events.stream,
      failures: connectionFailure,
      trans
    });
    if (state) {
      void remember(model, state);
    }
    model.open();
    return model;
  }
};

/** Open the card that was open before the page was loaded again, and keep track of it. */
async function remember(model: StewardModel, state: IStateDB): Promise<void> {
  const before = await state.fetch(SELECTED).catch(() => undefined);
  if (typeof before === 'string' && before && model.selected === null) {
    model.select(before);
  }
  let saved = model.selected;
  model.currentChanged.connect(() => {
    if (model.selected !== saved) {
      saved = model.selected;
      void state.save(SELECTED, saved ?? '').catch(() => undefined);
    }
  });
}
