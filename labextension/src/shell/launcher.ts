/**
 * A card in the launcher for each profile that asks for one.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { DisposableSet } from '@lumino/disposable';

import { CommandIDs, type IProfile, IStewardModel } from '../tokens';

/** The profiles that have a card: those that ask for one and can be started. */
export function carded(profiles: readonly IProfile[]): readonly IProfile[] {
  return profiles.filter(profile => profile.launcher && profile.problems.length === 0);
}

export const launcherPlugin: JupyterFrontEndPlugin<void> = {
  id: 'dask-steward:launcher',
  description: 'Cards in the launcher that start a Dask cluster from a profile.',
  autoStart: true,
  requires: [IStewardModel],
  optional: [ILauncher, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IStewardModel,
    launcher: ILauncher | null,
    translator: ITranslator | null
  ) => {
    if (!launcher) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('dask_steward');
    let cards = new DisposableSet();
    let shown = '';
    const update = (): void => {
      const profiles = carded(model.profiles);
      const now = JSON.stringify(
        profiles.map(profile => [profile.name, profile.title, profile.description])
      );
      if (now === shown) {
        return;
      }
      shown = now;
      cards.dispose();
      cards = new DisposableSet();
      profiles.forEach((profile, rank) => {
        cards.add(
          launcher.add({
            command: CommandIDs.newCluster,
            args: { profile: profile.name },
            category: trans.__('Dask'),
            rank
          })
        );
      });
    };
    model.profilesChanged.connect(update);
    update();
  }
};
