/**
 * What discovery of a site found: the profiles that it would write, and their files.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IDiscovery } from '../tokens';

export interface IDiscoverPaneProps {
  /** What is looked at, as a person calls it. */
  system: string;
  found: IDiscovery | null;
  asking: boolean;
  error: string | null;
  /** Why nothing can be written; null where it can. */
  blocked: string | null;
  trans: TranslationBundle;
  onAsk: () => void;
  onWrite: () => void;
  onEdit: (name: string) => void;
}

export function DiscoverPane(props: IDiscoverPaneProps): React.ReactElement {
  const { system, found, asking, error, blocked, trans } = props;
  const words: Record<string, string> = {
    new: trans.__('new'),
    changed: trans.__('changed'),
    same: trans.__('as it is'),
    yours: trans.__('yours, kept')
  };
  const written = new Set(found?.written ?? []);
  const done = written.size > 0;
  return (
    <div className="dsk-Editor">
      <div className="dsk-Editor-head">
        <div className="dsk-Editor-title">
          <h1>{trans.__('Profiles of %1', system)}</h1>
          <span className="dsk-Quiet">
            {trans.__('One for each partition or queue that you may use')}
          </span>
        </div>
        <div className="dsk-Editor-actions">
          <button
            type="button"
            className="dsk-Button dsk-mod-primary"
            disabled={asking || blocked !== null || done || !found?.profiles.length}
            onClick={props.onWrite}
          >
            {trans.__('Write the profiles')}
          </button>
          <button type="button" className="dsk-Button" disabled={asking} onClick={props.onAsk}>
            {trans.__('Look again')}
          </button>
        </div>
      </div>
      <p className="dsk-Preview-news" role="status">
        {asking
          ? trans.__('Looking at the site…')
          : done
            ? trans._n('%1 profile was written.', '%1 profiles were written.', written.size)
            : (blocked ?? '')}
      </p>
      {error !== null && (
        <div className="dsk-Message dsk-mod-error" role="alert">
          {error}
        </div>
      )}
      {found && found.notes.length > 0 && (
        <ul className="dsk-Facts-warnings">
          {found.notes.map(note => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      {found && found.profiles.length === 0 && (
        <p>{trans.__('Nothing was found that profiles could be made of.')}</p>
      )}
      <ul className="dsk-Discover">
        {found?.profiles.map(profile => (
          <li key={profile.path || profile.name}>
            <details>
              <summary>
                <b>{profile.name}</b>{' '}
                <span className="dsk-Quiet">
                  {written.has(profile.name) || written.has(profile.path)
                    ? trans.__('written')
                    : (words[profile.status] ?? profile.status)}
                </span>
              </summary>
              <p className="dsk-Quiet">{profile.path}</p>
              <pre
                className="dsk-Code"
                tabIndex={0}
                role="region"
                aria-label={trans.__('File of %1', profile.name)}
              >
                {profile.text}
              </pre>
            </details>
            {done && (
              <button
                type="button"
                className="dsk-Button"
                aria-label={trans.__('Edit %1', profile.name)}
                onClick={() => props.onEdit(profile.name)}
              >
                {trans.__('Edit')}
              </button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
