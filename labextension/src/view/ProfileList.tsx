import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IProfile } from '../tokens';
import { Glyph, Sign } from './Glyph';
import { MenuButton, type IMenuPart } from './Menu';
import { useAction } from './useAction';

export interface IProfileActions {
  start?: (name: string) => unknown;
  edit?: (name: string) => void;
  preview?: (name: string) => void;
  remove?: (name: string) => unknown;
  create?: () => void;
}

export interface IProfileListProps {
  profiles: readonly IProfile[];
  /** A system's title. */
  system: (name: string) => string;
  readOnly: boolean;
  actions: IProfileActions;
  trans: TranslationBundle;
}

/** What clusters are started from: whose each is, and what is wrong with it. */
export const ProfileList = React.memo(function ProfileList(props: IProfileListProps): JSX.Element {
  const { profiles, system, readOnly, actions, trans } = props;
  if (profiles.length === 0) {
    return (
      <div className="dsk-Empty">
        <p>
          {trans.__('A profile says where a cluster runs and how large it is. There is none yet.')}
        </p>
        {!readOnly && actions.create && (
          <button type="button" className="dsk-Button" onClick={actions.create}>
            {trans.__('New profile…')}
          </button>
        )}
      </div>
    );
  }
  return (
    <ul className="dsk-Items" aria-label={trans.__('Profiles')}>
      {profiles.map(profile => (
        <ProfileRow
          key={profile.name}
          profile={profile}
          system={profile.system ? system(profile.system) : ''}
          readOnly={readOnly}
          actions={actions}
          trans={trans}
        />
      ))}
    </ul>
  );
});

interface IProfileRowProps {
  profile: IProfile;
  system: string;
  readOnly: boolean;
  actions: IProfileActions;
  trans: TranslationBundle;
}

const ProfileRow = React.memo(function ProfileRow(props: IProfileRowProps): JSX.Element {
  const { profile, system, readOnly, actions, trans } = props;
  const { name, title, problems } = profile;
  const { busy, problem, run } = useAction();
  const broken = problems.length > 0;
  const parts = (): IMenuPart[] => [
    {
      id: 'all',
      items: [
        ...(actions.edit
          ? [
              {
                id: 'edit',
                label: profile.editable && !readOnly ? trans.__('Edit') : trans.__('Look at it'),
                onSelect: () => actions.edit?.(name)
              }
            ]
          : []),
        ...(actions.preview && !broken && !readOnly
          ? [
              {
                id: 'preview',
                label: trans.__('Preview: job script and expected start'),
                onSelect: () => actions.preview?.(name)
              }
            ]
          : []),
        ...(actions.remove && profile.editable && !readOnly
          ? [
              {
                id: 'remove',
                label: trans.__('Delete…'),
                onSelect: () => void run('remove', () => actions.remove?.(name))
              }
            ]
          : [])
      ]
    }
  ];
  const details = [system, profile.description, profile.source].filter(Boolean).join('\n');
  return (
    <li className={`dsk-Item${broken ? ' dsk-mod-broken' : ''}`}>
      <div className="dsk-Item-line">
        <button
          type="button"
          className="dsk-Item-name"
          title={details || title}
          disabled={!actions.edit}
          onClick={() => actions.edit?.(name)}
        >
          {broken && <Glyph look="failed" />}
          <span className="dsk-Item-title">{title}</span>
        </button>
        <span className="dsk-Item-meta">
          {profile.locked.length > 0 && <Sign name="lock" />}
          {whose(profile, trans)}
        </span>
        {!readOnly && actions.start && (
          <button
            type="button"
            className="dsk-Button dsk-mod-icon"
            aria-label={trans.__('Start a cluster from %1', title)}
            title={trans.__('Start a cluster from %1', title)}
            disabled={broken || busy === 'start'}
            onClick={() => void run('start', () => actions.start?.(name))}
          >
            <Sign name="play" />
          </button>
        )}
        <MenuButton label={trans.__('More actions for the profile %1', title)} parts={parts}>
          <Sign name="more" />
        </MenuButton>
      </div>
      {broken && (
        <div className="dsk-Item-problem" title={problems.map(one => one.message).join('\n')}>
          {problems[0].field ? `${problems[0].field}: ` : ''}
          {problems[0].message}
          {problems.length > 1 && (
            <span className="dsk-Item-meta">
              {' '}
              {trans._n('and %1 more', 'and %1 more', problems.length - 1)}
            </span>
          )}
        </div>
      )}
      {problem && (
        <div className="dsk-Problem" role="alert">
          {problem}
        </div>
      )}
    </li>
  );
});

/** Whose a profile is, and whether it is locked. */
function whose(profile: IProfile, trans: TranslationBundle): string {
  const locked = profile.locked.length > 0;
  switch (profile.level) {
    case 'user':
      return locked ? trans.__('yours, partly locked') : trans.__('yours');
    case 'environment':
      return locked ? trans.__('environment, locked') : trans.__('environment');
    case 'system':
      return locked ? trans.__('site, locked') : trans.__('site');
    case 'builtin':
      return trans.__('built in');
  }
}
