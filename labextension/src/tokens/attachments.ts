/**
 * Which cluster each notebook or console uses, for the plugins that ask.
 */
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { ICluster } from './cluster';

/** Which cluster each notebook or console uses. */
export interface IAttachments {
  /** The cluster of a kernel: attached by a person or a magic, else one that the kernel owns. */
  of(kernelId: string | null | undefined): ICluster | null;
  /** Remember that a kernel uses a cluster (null: none any more), where no magic says so. */
  attach(kernelId: string, clusterId: string | null): void;
  readonly changed: ISignal<IAttachments, void>;
}

export const IAttachments = new Token<IAttachments>(
  'dask-steward:IAttachments',
  'Which Dask cluster each kernel uses.'
);
