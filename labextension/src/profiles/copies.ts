/**
 * What a new profile begins with that is made from another one.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IProfile } from '../tokens';
import { type JsonObject, set } from '../view/profileFields';

/** What a copy of a profile says at first. */
export function copyOf(profile: IProfile, trans: TranslationBundle): JsonObject {
  const written = set(profile.written, ['lock'], undefined);
  const system = written.system ?? profile.system;
  return {
    ...written,
    title: trans.__('%1 (copy)', profile.title),
    ...(system && !written.extends ? { system } : {})
  };
}

/** A name that no profile has. */
export function freeName(wanted: string, profiles: readonly IProfile[]): string {
  const taken = new Set(profiles.map(profile => profile.name));
  let name = wanted;
  for (let count = 2; taken.has(name); count++) {
    name = `${wanted}-${count}`;
  }
  return name;
}
