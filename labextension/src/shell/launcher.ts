/**
 * A card in the launcher for each profile that asks for one.
 */
import { ILauncher } from '@jupyterlab/launcher';
import { DisposableSet } from '@lumino/disposable';

import { stewardPlugin } from '../plugin';
import { CommandIDs, type IProfile } from '../tokens';

/** The profiles that have a card: those that ask for one and can be started. */
export function carded(profiles: readonly IProfile[]): readonly IProfile[] {
  return profiles.filter(profile => profile.launcher && profile.problems.length === 0);
}

export const launcherPlugin = stewardPlugin({
  id: 'dask-steward:launcher',
  description: 'Cards in the launcher that start a Dask cluster from a profile.',
  optional: { launcher: ILauncher },
  activate: ({ model, trans, launcher }) => {
    if (!launcher) {
      return;
    }
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
});
