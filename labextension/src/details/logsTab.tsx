/**
 * The logs of a cluster in its tab, and saving one of them as a file.
 */
import { Clipboard, Notification } from '@jupyterlab/apputils';
import * as React from 'react';

import { sentence, tell } from '../commands/failures';
import type { IDetailsOfProps } from './detailsWidget';
import { useChanged } from '../hooks';
import { logOf } from './logNames';
import type { ILogs, IStewardModel } from '../tokens';
import { Failure } from '../view/Failure';
import { LogViewer } from '../view/LogViewer';

/** Bytes of a log that are asked for at once when all of it is saved: the most that the server gives. */
const PART = 1_000_000;

export function LogsTab({
  widget,
  model,
  trans,
  connected
}: IDetailsOfProps & { connected: boolean }): React.ReactElement {
  const id = widget.clusterId;
  const wish = useChanged(widget.changed, () => widget.wish);
  const [found, setFound] = React.useState<ILogs | null>(null);
  const [failure, setFailure] = React.useState<string | null>(null);
  const [turn, setTurn] = React.useState(0);

  React.useEffect(() => {
    if (!connected) {
      return;
    }
    let over = false;
    model.logs(id).then(
      answer => {
        if (!over) {
          setFound(answer);
          setFailure(null);
        }
      },
      (error: unknown) => {
        if (!over) {
          setFailure(sentence(error));
        }
      }
    );
    return () => {
      over = true;
    };
  }, [model, id, connected, turn]);

  const refresh = (): void => setTurn(turn + 1);
  if (failure !== null) {
    return <Failure message={failure} onAgain={refresh} trans={trans} />;
  }
  return (
    <LogViewer
      logs={found?.logs ?? null}
      missing={found?.missing}
      name={logOf(found?.logs ?? null, wish)}
      system={model.cluster(id)?.system}
      trans={trans}
      connected={connected}
      onChoose={name => widget.present('logs', { name })}
      onRefresh={refresh}
      read={(name, offset, limit) => model.readLog(id, name, offset, limit)}
      follow={(name, offset, signal) => model.followLog(id, name, offset, signal)}
      onCopy={text => {
        Clipboard.copyToSystem(text);
        Notification.info(trans.__('The log was copied.'), { autoClose: 2000 });
      }}
      onDownload={name => {
        download(model, id, name).catch((error: unknown) =>
          tell(trans.__('The log was not saved.'), error, trans)
        );
      }}
    />
  );
}

/** Read a whole log, and hand it to the browser as a file. */
async function download(model: IStewardModel, id: string, name: string): Promise<void> {
  const parts: string[] = [];
  let part = await model.readLog(id, name, 0, PART);
  parts.push(part.text);
  // The log may grow meanwhile: what it was at first is enough.
  const { size } = part;
  while (part.next < size && part.next > part.offset) {
    part = await model.readLog(id, name, part.next, PART);
    parts.push(part.text);
  }
  const url = URL.createObjectURL(new Blob(parts, { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${id}-${name.replace(/[^\w.-]+/g, '-')}.log`;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
