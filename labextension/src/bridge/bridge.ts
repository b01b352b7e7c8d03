/**
 * The bridge: how a notebook's widget finds the sidebar's model in the page that both stand in.
 *
 * The widget is another bundle, brought by a kernel, so the two share no module. JupyterLab's half lays the bridge down
 * under a symbol of the global registry and says so with an event; a widget that comes later finds it there. Over it the
 * widget gets its facts and its buttons from the server, which answers also while the kernel is busy.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ICluster, IStewardModel } from '../tokens';
import type { IClusterActions } from '../view/ClusterCard';

/** Rises when what the two halves ask of each other changes; another version is as good as none. */
export const BRIDGE_VERSION = 1;

const KEY = Symbol.for('dask-steward.bridge');
const EVENT = 'dask-steward:bridge';

export interface IBridge {
  readonly version: number;
  readonly model: IStewardModel;
  readonly actions: IClusterActions;
  readonly trans: TranslationBundle;
  /** A cluster's profile's title, or its system's. */
  place: (cluster: ICluster) => string;
}

type Registry = { [KEY]?: IBridge | null };

/** Lay it down, for widgets that are there and for those that will come; returns what takes it away again. */
export function layBridge(bridge: IBridge): () => void {
  const registry = globalThis as Registry;
  registry[KEY] = bridge;
  document.dispatchEvent(new CustomEvent(EVENT));
  return () => {
    if (registry[KEY] === bridge) {
      registry[KEY] = null;
      document.dispatchEvent(new CustomEvent(EVENT));
    }
  };
}

/** The bridge of this page; null where JupyterLab's half is not there, or of another version. */
export function findBridge(): IBridge | null {
  const found = (globalThis as Registry)[KEY];
  return found?.version === BRIDGE_VERSION ? found : null;
}

/** Be told when a bridge comes or goes; returns what ends that. */
export function onBridge(listener: () => void): () => void {
  document.addEventListener(EVENT, listener);
  return () => document.removeEventListener(EVENT, listener);
}
