import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Sign } from './Glyph';
import { MenuButton, type IMenuPart } from './Menu';
import { useAction } from './useAction';

/** A profile as far as a start needs to know it. */
export interface IStartable {
  name: string;
  title: string;
  /** Its system's title, to tell profiles of one title apart. */
  system: string;
}

export interface INewButtonProps {
  /** What the button starts. */
  first: IStartable;
  profiles: readonly IStartable[];
  onStart: (profile: string) => unknown;
  onNewProfile?: () => void;
  trans: TranslationBundle;
}

/** One press starts a cluster; the other half chooses from what. */
export const NewButton = React.memo(function NewButton(props: INewButtonProps): JSX.Element {
  const { first, profiles, onStart, onNewProfile, trans } = props;
  const { busy, problem, run, clear } = useAction();
  const start = (name: string): void => void run(name, () => onStart(name));
  const parts = (): IMenuPart[] => [
    {
      id: 'profiles',
      title: trans.__('Start from'),
      items: profiles.map(one => ({
        id: one.name,
        label: one.title,
        detail: one.system === one.title ? undefined : one.system,
        onSelect: () => start(one.name)
      }))
    },
    {
      id: 'new',
      items: onNewProfile
        ? [{ id: 'new', label: trans.__('New profile…'), onSelect: onNewProfile }]
        : []
    }
  ];
  return (
    <div className="dsk-New">
      <div className="dsk-New-buttons">
        <button
          type="button"
          className="dsk-Button dsk-mod-primary dsk-New-first"
          disabled={busy !== null}
          title={trans.__('Start a cluster from the profile %1', first.title)}
          onClick={() => start(first.name)}
        >
          <Sign name="add" />
          <span className="dsk-New-label">
            {busy === null
              ? first.name === 'local'
                ? trans.__('New on this machine')
                : trans.__('New from “%1”', first.title)
              : trans.__('Asking…')}
          </span>
        </button>
        <MenuButton
          label={trans.__('Choose a profile')}
          className="dsk-Button dsk-mod-primary dsk-New-choose"
          disabled={busy !== null}
          parts={parts}
        >
          <Sign name="down" />
        </MenuButton>
      </div>
      {problem && (
        <div className="dsk-Problem" role="alert">
          <span>{problem}</span>
          <button
            type="button"
            className="dsk-Button dsk-mod-icon"
            aria-label={trans.__('Close this message')}
            onClick={clear}
          >
            <Sign name="close" />
          </button>
        </div>
      )}
    </div>
  );
});
