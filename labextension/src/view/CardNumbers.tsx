import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { Bar, Legend } from './Bar';
import { useClock } from './clock';
import { coreHours, held, stateWord, workersText } from './format';

interface INumbersProps {
  cluster: ICluster;
  trans: TranslationBundle;
}

/** How much there is of what was asked, and what it costs so far. */
export function CardNumbers({ cluster, trans }: INumbersProps): JSX.Element {
  return (
    <>
      <Bar cluster={cluster} trans={trans} />
      <Legend cluster={cluster} trans={trans}>
        {(cluster.spend.held > 0 || cluster.spend.cores > 0) && (
          <Spend cluster={cluster} trans={trans} />
        )}
      </Legend>
    </>
  );
}

/** What was known before nothing more was heard of it. */
export function LastKnown({ cluster, trans }: INumbersProps): JSX.Element {
  return (
    <div className="dsk-Card-last">
      {cluster.state === 'running'
        ? trans.__('Last known: %1', workersText(cluster, trans))
        : trans.__(
            'Last known: %1, %2',
            stateWord(cluster.state, trans),
            workersText(cluster, trans)
          )}
    </div>
  );
}

/** What was held so far; it grows by itself. */
function Spend({ cluster, trans }: INumbersProps): JSX.Element {
  const text = useClock(now => coreHours(held(cluster, now), trans));
  return (
    <span
      className="dsk-Spend"
      title={trans.__(
        'Held so far: %1. Held now: %2 cores.',
        text,
        Math.round(cluster.spend.cores)
      )}
    >
      {text}
    </span>
  );
}
