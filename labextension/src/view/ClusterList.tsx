import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ICluster } from '../tokens';
import type { IClusterActions } from './clusterActions';
import { ClusterCard } from './ClusterCard';

export interface IClusterListProps {
  clusters: readonly ICluster[];
  /** The id of the cluster whose card is open. */
  current: string | null;
  /** The id of the cluster that the notebook in front uses. */
  here: string | null;
  /** A cluster's profile's title, or its system's. */
  place: (cluster: ICluster) => string;
  readOnly: boolean;
  unheard: number | null;
  host: string | null;
  notebook: boolean;
  actions: IClusterActions;
  trans: TranslationBundle;
}

/** A card each; the current notebook's first, one open. */
export function ClusterList(props: IClusterListProps): JSX.Element {
  const { clusters, current, here, place, trans } = props;
  // A person may close the open card without opening another one.
  const [closed, setClosed] = React.useState<string | null>(null);
  React.useEffect(() => setClosed(null), [current]);
  const onClose = React.useCallback(() => setClosed(current), [current]);
  const { select } = props.actions;
  const actions = React.useMemo(
    () => ({
      ...props.actions,
      select: (id: string) => {
        setClosed(null);
        select?.(id);
      }
    }),
    [props.actions, select]
  );
  const ordered = React.useMemo(() => inOrder(clusters, here), [clusters, here]);
  return (
    <ul className="dsk-Cards" aria-label={trans.__('Dask clusters')} onKeyDown={byArrows}>
      {ordered.map(cluster => (
        <ClusterCard
          key={cluster.id}
          cluster={cluster}
          open={cluster.id === current && cluster.id !== closed}
          here={cluster.id === here}
          place={place(cluster)}
          readOnly={props.readOnly}
          unheard={props.unheard}
          host={props.host}
          notebook={props.notebook}
          actions={actions}
          onClose={onClose}
          trans={trans}
        />
      ))}
    </ul>
  );
}

/** The current notebook's cluster first, the others as they come. */
export function inOrder(clusters: readonly ICluster[], here: string | null): readonly ICluster[] {
  const first = clusters.find(cluster => cluster.id === here);
  return first ? [first, ...clusters.filter(cluster => cluster !== first)] : clusters;
}

/** From name to name by arrow keys, beside the plain way by Tab. */
function byArrows(event: React.KeyboardEvent<HTMLElement>): void {
  const target = event.target as HTMLElement;
  if (!target.classList.contains('dsk-Card-name')) {
    return;
  }
  const names = Array.from(event.currentTarget.querySelectorAll<HTMLElement>('.dsk-Card-name'));
  const at = names.indexOf(target);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: names.length - 1 }[event.key];
  if (next !== undefined && names[next]) {
    event.preventDefault();
    names[next].focus();
  }
}
