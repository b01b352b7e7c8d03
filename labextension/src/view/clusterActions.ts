import type { IAdapt, IScale, Tenure } from '../tokens';

/** Nothing, or a promise of it. */
type Later = unknown;

/** What can be done to a cluster; what is missing is not offered. A rejection is shown in the card. */
export interface IClusterActions {
  /** Open a card. */
  select?: (id: string) => void;
  scale?: (id: string, ask: IScale) => Promise<string | null>;
  adapt?: (id: string, limits: IAdapt | { active: false; group?: string }) => Promise<void>;
  stop?: (id: string) => Later;
  dismiss?: (id: string) => Later;
  retry?: (id: string) => Later;
  rename?: (id: string, name: string) => Later;
  setTenure?: (id: string, tenure: Tenure) => Later;
  restartWorkers?: (id: string) => Later;
  saveAsProfile?: (id: string, name: string) => Later;
  editProfile?: (name: string) => Later;
  previewProfile?: (name: string) => Later;
  openDetails?: (id: string, tab?: 'workers' | 'jobs' | 'logs' | 'spend') => Later;
  openLog?: (id: string) => Later;
  openDashboard?: (id: string) => Later;
  insertCode?: (id: string) => Later;
  attach?: (id: string) => Later;
  copyAddress?: (id: string) => Later;
  /** A person has begun to drag its card. */
  drag?: (id: string, clientX: number, clientY: number) => void;
}
