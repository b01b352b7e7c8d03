/**
 * The section with the saved profiles.
 */
import { addIcon, searchIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Section } from './section';
import type { SidebarContext } from './sidebarContext';
import { SECTIONS } from './sidebarState';
import { CommandIDs } from '../tokens';
import { ProfileList } from '../view';

export class ProfilesSection extends Section {
  constructor(context: SidebarContext) {
    super(context, SECTIONS.profiles, context.trans.__('Profiles'));
    this.follow(context.model.profilesChanged, context.model.connectionChanged);
  }

  ready(): void {
    const { model, trans } = this.context;
    this.addButton({
      command: CommandIDs.discover,
      icon: searchIcon,
      label: trans.__('Make profiles of what is found here'),
      // Discovery needs a system: the one that was found, or the command's own question.
      args: () => {
        const found = model.status?.found ?? [];
        return found.length === 1 ? { system: found[0].system } : {};
      }
    });
    this.addButton({
      command: CommandIDs.newProfile,
      icon: addIcon,
      label: trans.__('New profile…')
    });
    super.ready();
  }

  protected count(): number {
    return this.context.model.profiles.length;
  }

  protected draw(): JSX.Element {
    const { model, mayChange, profileActions, systemTitle, trans } = this.context;
    return (
      <ProfileList
        profiles={model.profiles}
        system={systemTitle}
        readOnly={!mayChange}
        actions={profileActions}
        trans={trans}
      />
    );
  }
}
