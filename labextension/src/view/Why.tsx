import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import { useClock } from './clock';
import { hasEnded, lastLoss, logTail, splitReason, timeOfDay } from './format';
import { unitWords } from './unitWords';

export interface IWhyProps {
  cluster: ICluster;
  /** Whether the card is open: a closed one tells the reason alone. */
  open: boolean;
  trans: TranslationBundle;
}

/** Why there is not more: words first, who says so in grey; what was lost, with the end of its log. */
export const Why = React.memo(function Why({
  cluster,
  open,
  trans
}: IWhyProps): JSX.Element | null {
  const { reason } = cluster;
  const told = open || cluster.state !== 'running';
  const showLoss = useClock(now => lastLoss(cluster, now) !== null);
  const loss = showLoss ? cluster.losses[cluster.losses.length - 1] : null;
  const lossTold = loss !== null && (cluster.state !== 'running' || open);
  const log = lossTold && loss.log ? logTail(loss.log, open ? 3 : 1) : '';
  if (!(told && reason) && !lossTold && !(open && cluster.warnings.length)) {
    return null;
  }
  return (
    <div className="dsk-Why">
      {told && reason && <Reason cluster={cluster} reason={reason} trans={trans} />}
      {lossTold && !(reason ?? '').includes(loss.reason) && (
        <div className="dsk-Why-loss">
          {lossText(loss, unitWords(cluster.system, trans).named, trans)}
        </div>
      )}
      {log && <pre className="dsk-Log">{log}</pre>}
      {open &&
        cluster.warnings.map(warning => (
          <div key={warning} className="dsk-Why-warning">
            <b>{trans.__('Note:')}</b> {warning}
          </div>
        ))}
    </div>
  );
});

function Reason({
  cluster,
  reason,
  trans
}: {
  cluster: ICluster;
  reason: string;
  trans: TranslationBundle;
}): JSX.Element {
  const { lead, words, source, expected } = React.useMemo(() => splitReason(reason), [reason]);
  const waits = (source !== null || cluster.state === 'pending') && !hasEnded(cluster.state);
  // The reason is written once, the expected start with each answer of the manager.
  const start = useClock(now =>
    waits && cluster.jobs.expected_start !== null && cluster.jobs.expected_start > now
      ? timeOfDay(cluster.jobs.expected_start, now)
      : expected
  );
  const facts = [source, start ? trans.__('start about %1', start) : null]
    .filter(Boolean)
    .join(', ');
  return (
    <div className="dsk-Why-reason" title={reason}>
      {lead && `${lead}: `}
      {words}
      {facts && <span className="dsk-Why-source"> · {facts}</span>}
    </div>
  );
}

function lossText(
  loss: ICluster['losses'][number],
  named: (id: string) => string,
  trans: TranslationBundle
): string {
  if (loss.id && loss.node) {
    return trans.__('%1 on %2: %3', named(loss.id), loss.node, loss.reason);
  }
  return loss.id ? trans.__('%1: %2', named(loss.id), loss.reason) : loss.reason;
}
