/**
 * The details of a cluster below its card: the same tabs as in JupyterLab's main area.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { logOf, type LogWish } from '../details/logNames';
import type { ICluster, IJob, ILogs, IWorker, RowKind } from '../tokens';
import { useClock } from '../view/clock';
import { Details, type DetailsTab } from '../view/Details';
import { JobsTable } from '../view/JobsTable';
import { LogViewer } from '../view/LogViewer';
import { Spend } from '../view/Spend';
import { WorkersTable } from '../view/WorkersTable';
import type { ISource, Row } from './source';

export interface IWidgetDetailsProps {
  cluster: ICluster;
  tab: DetailsTab;
  source: ISource;
  connected: boolean;
  trans: TranslationBundle;
  onTab: (tab: DetailsTab) => void;
  onClose: () => void;
}

export function WidgetDetails(props: IWidgetDetailsProps): JSX.Element {
  const { cluster, tab, source, connected, trans, onTab, onClose } = props;
  const [wish, setWish] = React.useState<LogWish | null>(null);
  const openLog = (wanted: LogWish): void => {
    setWish(wanted);
    onTab('logs');
  };
  return (
    <>
      <Details
        cluster={cluster}
        reading={false}
        tab={tab}
        stale={null}
        bare
        trans={trans}
        onTab={onTab}
      >
        {tab === 'workers' && (
          <Workers source={source} trans={trans} onLog={openLog} cluster={cluster} />
        )}
        {tab === 'jobs' && <Jobs source={source} trans={trans} onLog={openLog} cluster={cluster} />}
        {tab === 'logs' && (
          <Logs
            source={source}
            system={cluster.system}
            trans={trans}
            connected={connected}
            wish={wish}
            onChoose={name => setWish({ name })}
          />
        )}
        {tab === 'spend' && <Spend cluster={cluster} trans={trans} onCopy={copy} />}
      </Details>
      <div className="dsk-Acts">
        <button type="button" className="dsk-Button" onClick={onClose}>
          {trans.__('Hide details')}
        </button>
      </div>
    </>
  );
}

function copy(text: string): void {
  void navigator.clipboard?.writeText(text);
}

function useRows(source: ISource, kind: RowKind): readonly Row[] | null {
  const [rows, setRows] = React.useState<readonly Row[] | null>(null);
  React.useEffect(() => source.watchRows(kind, setRows), [source, kind]);
  return rows;
}

interface ITabProps {
  cluster: ICluster;
  source: ISource;
  trans: TranslationBundle;
  onLog: (wish: LogWish) => void;
}

function Workers({ source, trans, onLog, cluster }: ITabProps): JSX.Element {
  const rows = useRows(source, 'workers');
  return (
    <WorkersTable
      workers={(rows ?? []) as readonly IWorker[]}
      system={cluster.system}
      ready={rows !== null}
      trans={trans}
      onLog={worker => onLog({ worker: worker.name, address: worker.address, job: worker.job })}
    />
  );
}

function Jobs({ source, trans, onLog, cluster }: ITabProps): JSX.Element {
  const rows = useRows(source, 'jobs');
  const hour = useClock(now => Math.floor(now / 3600) * 3600);
  return (
    <JobsTable
      jobs={(rows ?? []) as readonly IJob[]}
      system={cluster.system}
      losses={cluster.losses}
      ready={rows !== null}
      now={hour}
      trans={trans}
      onLog={job => onLog({ job })}
    />
  );
}

interface ILogsProps {
  source: ISource;
  system: string;
  trans: TranslationBundle;
  connected: boolean;
  wish: LogWish | null;
  onChoose: (name: string) => void;
}

function Logs({ source, system, trans, connected, wish, onChoose }: ILogsProps): JSX.Element {
  const [found, setFound] = React.useState<ILogs | null>(null);
  const [failure, setFailure] = React.useState<string | null>(null);
  const [turn, setTurn] = React.useState(0);
  React.useEffect(() => {
    let over = false;
    source.logs().then(
      answer => {
        if (!over) {
          setFound(answer);
          setFailure(null);
        }
      },
      (error: unknown) => {
        if (!over) {
          setFailure(error instanceof Error ? error.message : String(error));
        }
      }
    );
    return () => {
      over = true;
    };
  }, [source, turn]);
  if (failure !== null) {
    return (
      <div className="dsk-Message dsk-mod-error" role="alert">
        <span>{failure}</span>
        <button type="button" className="dsk-Button" onClick={() => setTurn(turn + 1)}>
          {trans.__('Try again')}
        </button>
      </div>
    );
  }
  return (
    <LogViewer
      logs={found?.logs ?? null}
      missing={found?.missing}
      name={logOf(found?.logs ?? null, wish)}
      system={system}
      trans={trans}
      connected={connected}
      onChoose={onChoose}
      onRefresh={() => setTurn(turn + 1)}
      read={source.readLog}
      follow={source.followLog}
      onCopy={copy}
      onDownload={name => void save(source, name)}
    />
  );
}

/** Bytes of a log that are asked for at once when all of it is saved. */
const PART = 1_000_000;

/** Read a whole log, and hand it to the browser as a file. */
async function save(source: ISource, name: string): Promise<void> {
  const parts: string[] = [];
  let offset = 0;
  let size = 1;
  while (offset < size) {
    const part = await source.readLog(name, offset, PART);
    parts.push(part.text);
    if (part.next <= offset) {
      break;
    }
    offset = part.next;
    size = part.size;
  }
  const url = URL.createObjectURL(new Blob(parts, { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${name.replace(/[^\w.-]+/g, '-')}.log`;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
