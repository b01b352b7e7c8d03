/**
 * The magics that a notebook is attached with.
 */
import type { ICluster } from '../tokens';
import { isActive } from '../view/format';

/** Names that a magic reads as one word, and in which IPython expands nothing. */
const PLAIN = /^[\p{L}\p{N}_][\p{L}\p{N}_@%+=:,./-]*$/u;
const QUOTABLE = /^[\p{L}\p{N} _@%+=:,./()#&!?;*<>~^|[\]-]+$/u;

/**
 * What a magic calls a cluster: its name where that is clear, else its id.
 *
 * Of several living ones of a name the magic takes the newest.
 */
export function wordFor(cluster: ICluster, clusters: readonly ICluster[]): string {
  const { name, id } = cluster;
  const newer = clusters.some(
    other =>
      other.id !== id && other.name === name && isActive(other) && other.created >= cluster.created
  );
  if (newer || clusters.some(other => other.id === name && other.id !== id)) {
    return id;
  }
  if (PLAIN.test(name)) {
    return name;
  }
  return QUOTABLE.test(name) && !name.startsWith('-') ? `'${name}'` : id;
}

/** The lines that attach a kernel to a cluster. */
export function attachCode(cluster: ICluster, clusters: readonly ICluster[]): string {
  return `%load_ext dask_steward\n%dask_cluster attach ${wordFor(cluster, clusters)}`;
}
