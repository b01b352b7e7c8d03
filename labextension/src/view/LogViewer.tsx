/**
 * The logs of a cluster as text: read in ranges from the end, followed, searched, copied.
 *
 * What a log says is shown as text nodes, never as HTML.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ILog } from '../tokens';
import { bytes } from './format';
import { LogReader } from './LogReader';
import { unitWords } from './unitWords';
import type { ILogSource } from './useLog';

export interface ILogViewerProps extends ILogSource {
  logs: readonly ILog[] | null;
  /** Why some are not there, in a sentence. */
  missing?: string | null;
  /** The log that is shown; null while there is none. */
  name: string | null;
  /** What the cluster runs on: it says what its units are called. */
  system?: string;
  trans: TranslationBundle;
  onChoose: (name: string) => void;
  /** Ask for the list of logs again. */
  onRefresh: () => void;
  onCopy: (text: string) => void;
  /** Save the whole log as a file. */
  onDownload: (name: string) => void;
  /** Whether the server can be heard; a log is read again once it is. */
  connected: boolean;
}

export function LogViewer(props: ILogViewerProps): React.ReactElement {
  const { logs, name, trans } = props;
  const label = React.useId();
  if (logs !== null && logs.length === 0) {
    return (
      <div className="dsk-Nothing" role="status">
        <p>{props.missing ?? trans.__('There is no log yet.')}</p>
        <button type="button" className="dsk-Button" onClick={props.onRefresh}>
          {trans.__('Look again')}
        </button>
      </div>
    );
  }
  const chosen = logs?.find(log => log.name === name) ?? null;
  return (
    <div className="dsk-LogViewer">
      <div className="dsk-LogViewer-choice">
        <label htmlFor={label}>{trans.__('Log')}</label>
        <select
          id={label}
          className="dsk-Select"
          value={name ?? ''}
          onChange={event => props.onChoose(event.target.value)}
        >
          {chosen === null && (
            <option value={name ?? ''}>{name ?? trans.__('Reading the list…')}</option>
          )}
          <Choices logs={logs ?? []} system={props.system} trans={trans} />
        </select>
        <button
          type="button"
          className="dsk-Button"
          title={trans.__('Look for new logs')}
          onClick={props.onRefresh}
        >
          {trans.__('Refresh')}
        </button>
      </div>
      {props.missing && (
        <p className="dsk-LogViewer-missing" role="status">
          {props.missing}
        </p>
      )}
      {name !== null && logs !== null && (
        <LogReader
          key={name}
          name={name}
          ranged={chosen?.size !== null}
          connected={props.connected}
          read={props.read}
          follow={props.follow}
          onCopy={props.onCopy}
          onDownload={() => props.onDownload(name)}
          trans={trans}
        />
      )}
    </div>
  );
}

interface IChoicesProps {
  logs: readonly ILog[];
  system: string | undefined;
  trans: TranslationBundle;
}

function Choices({ logs, system, trans }: IChoicesProps): React.ReactElement {
  const kinds: [ILog['kind'], string][] = [
    ['keeper', trans.__('Cluster')],
    ['job', unitWords(system, trans).title],
    ['worker', trans.__('Workers')]
  ];
  return (
    <>
      {kinds
        .map(([kind, title]) => ({ title, of: logs.filter(log => log.kind === kind) }))
        .filter(group => group.of.length > 0)
        .map(group => (
          <optgroup key={group.title} label={group.title}>
            {group.of.map(log => (
              <option key={log.name} value={log.name}>
                {log.size === null ? log.name : `${log.name} · ${bytes(log.size)}`}
              </option>
            ))}
          </optgroup>
        ))}
    </>
  );
}
