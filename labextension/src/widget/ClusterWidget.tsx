/**
 * A cluster in a notebook's output: the sidebar's card, and its details below it.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IBridge } from '../bridge/bridge';
import type { ICluster } from '../tokens';
import { type IClusterActions } from '../view/ClusterCard';
import { ClusterList } from '../view/ClusterList';
import { clock } from '../view/clock';
import type { DetailsTab } from '../view/Details';
import { hasEnded } from '../view/format';
import { useBridge } from './bridged';
import type { KernelSide } from './kernel';
import { bridgedSource, type ISource, kernelSource, lastKnown, noSource } from './source';
import { WidgetDetails } from './WidgetDetails';
import { words } from './words';

interface IKnown {
  cluster: ICluster | null;
  /** Whether the page's own model knows it. */
  bridged: boolean;
}

/** The cluster as the page's model has it, else as the kernel said last. */
function useCluster(kernel: KernelSide, bridge: IBridge | null, trans: TranslationBundle): IKnown {
  React.useSyncExternalStore(kernel.subscribe, kernel.version);
  const id = kernel.clusterId;
  const listen = React.useCallback(
    (listener: () => void) => {
      bridge?.model.clustersChanged.connect(listener);
      return () => {
        bridge?.model.clustersChanged.disconnect(listener);
      };
    },
    [bridge]
  );
  const found = React.useSyncExternalStore(listen, () =>
    bridge && id !== null ? bridge.model.cluster(id) : null
  );
  // One that has ended leaves the model's list after a while; how it ended stays here.
  const last = React.useRef<ICluster | null>(null);
  if (found) {
    last.current = found;
    return { cluster: found, bridged: true };
  }
  const said = kernel.cluster;
  if (last.current && hasEnded(last.current.state)) {
    return { cluster: last.current, bridged: false };
  }
  if (said && (kernel.cut || !kernel.followed)) {
    const why = kernel.cut
      ? trans.__('the kernel has ended or was restarted; run the cell again to see it as it is now')
      : trans.__('it is not followed any more; run the cell again to see it as it is now');
    return { cluster: lastKnown(said, why), bridged: false };
  }
  return { cluster: said, bridged: false };
}

export interface IClusterWidgetProps {
  kernel: KernelSide;
}

export function ClusterWidget({ kernel }: IClusterWidgetProps): JSX.Element {
  const bridge = useBridge();
  const trans = bridge?.trans ?? words;
  const { cluster, bridged } = useCluster(kernel, bridge, trans);
  const [tab, setTab] = React.useState<DetailsTab | null>(null);
  const id = cluster?.id ?? null;
  const heard = !kernel.cut && kernel.followed;
  const source = React.useMemo<ISource>(
    () =>
      bridge && bridged && id
        ? bridgedSource(bridge, id)
        : heard
          ? kernelSource(kernel, trans)
          : noSource(trans),
    [bridge, bridged, id, heard, kernel, trans]
  );
  const connection = React.useSyncExternalStore(
    React.useCallback(
      listener => {
        bridge?.model.connectionChanged.connect(listener);
        return () => {
          bridge?.model.connectionChanged.disconnect(listener);
        };
      },
      [bridge]
    ),
    () => bridge?.model.connection ?? null
  );
  React.useEffect(() => {
    if (bridge) {
      clock.ahead = bridge.model.now() - Date.now() / 1000;
    }
  }, [bridge, connection]);
  const actions = React.useMemo<IClusterActions>(
    () => ({
      ...source.actions,
      select: () => undefined,
      // There is no list that it could be taken off.
      dismiss: undefined,
      drag: undefined,
      openDetails: (_, wanted) => setTab(wanted ?? (bridged || heard ? 'workers' : 'spend')),
      openLog: bridged || heard ? () => setTab('logs') : undefined
    }),
    [source, bridged, heard]
  );
  if (!cluster) {
    return <p className="dsk-Widget-note">{trans.__('Reading…')}</p>;
  }
  const lost = bridged && connection?.state === 'lost';
  return (
    <>
      <ClusterList
        clusters={[cluster]}
        current={cluster.id}
        here={null}
        place={bridge?.place ?? placeOf}
        readOnly={(bridged && bridge?.model.readOnly) || (!bridged && hasEnded(cluster.state))}
        unheard={lost ? connection.since : null}
        host={bridge?.model.status?.host ?? null}
        notebook={bridged}
        actions={actions}
        trans={trans}
      />
      {tab !== null && (
        <WidgetDetails
          cluster={cluster}
          tab={tab}
          source={source}
          connected={!lost && (bridged || heard)}
          trans={trans}
          onTab={setTab}
          onClose={() => setTab(null)}
        />
      )}
    </>
  );
}

function placeOf(cluster: ICluster): string {
  return cluster.profile_title ?? cluster.profile ?? cluster.system;
}
