/**
 * The progress of computations in a notebook's output.
 */
import * as React from 'react';
import type { IProgress } from '../progress';
import type { ICluster } from '../tokens';
import { Progress } from '../view/Progress';
import { useBridge } from './bridged';
import type { KernelSide } from './kernel';
import { words } from './words';

export interface IProgressWidgetProps {
  kernel: KernelSide;
}

export function ProgressWidget({ kernel }: IProgressWidgetProps): JSX.Element {
  const bridge = useBridge();
  const trans = bridge?.trans ?? words;
  React.useSyncExternalStore(kernel.subscribe, kernel.version);
  const said = kernel.progress;
  const id = said?.cluster ?? null;
  const cluster = React.useSyncExternalStore(
    React.useCallback(
      listener => {
        bridge?.model.clustersChanged.connect(listener);
        return () => {
          bridge?.model.clustersChanged.disconnect(listener);
        };
      },
      [bridge]
    ),
    () => (bridge && id !== null ? bridge.model.cluster(id) : null)
  );
  if (!said) {
    return <p className="dsk-Widget-note">{trans.__('Reading…')}</p>;
  }
  const shown = newest(said, cluster);
  const cut = (kernel.cut || !kernel.followed) && !shown.ended && shown === said;
  return (
    <Progress
      progress={
        cut
          ? {
              ...shown,
              stale: trans.__('the kernel has ended or was restarted; run the cell again')
            }
          : shown
      }
      trans={trans}
    />
  );
}

/** What the kernel said, with newer facts of the server's: a busy kernel may be silent for long. */
export function newest(said: IProgress, cluster: ICluster | null): IProgress {
  const known = cluster?.stale === null ? (cluster.computations ?? []) : [];
  let changed = false;
  const computations = said.computations.map(one => {
    const other = known.find(each => each.id === one.id);
    if (!other || one.ended !== null || (other.ended === null && other.done <= one.done)) {
      return one;
    }
    changed = true;
    return other;
  });
  return changed ? { ...said, computations, stale: null } : said;
}
