import type { TranslationBundle } from '@jupyterlab/translation';
import type { ICluster, Tenure } from '../tokens';
import type { IClusterActions } from './clusterActions';
import { tenureWords } from './format';
import type { IMenuItem, IMenuPart } from './Menu';

export interface IClusterMenuOptions {
  cluster: ICluster;
  alive: boolean;
  mayAct: boolean;
  /** Whether a notebook is in front. */
  notebook: boolean;
  actions: IClusterActions;
  run: (name: string, what: () => unknown) => void;
  /** Ask for a name in the card. */
  ask: (task: 'rename' | 'save') => void;
  restart: () => void;
  trans: TranslationBundle;
}

/** All that can be done to a cluster, in four parts: look at it, use it, change it, whom it ends with. */
export function clusterMenu(options: IClusterMenuOptions): IMenuPart[] {
  const { cluster, alive, mayAct, notebook, actions, run, ask, restart, trans } = options;
  const { id } = cluster;
  const item = (name: string, label: string, what: (() => unknown) | undefined): IMenuItem[] =>
    what ? [{ id: name, label, onSelect: () => run(name, what) }] : [];
  const { openDetails, openLog, openDashboard, insertCode, attach, copyAddress } = actions;
  const look = [
    ...item('details', trans.__('Details'), openDetails && (() => openDetails(id))),
    ...item(
      'workers',
      trans.__('Workers'),
      alive && openDetails ? () => openDetails(id, 'workers') : undefined
    ),
    ...item('logs', trans.__('Logs'), openLog && (() => openLog(id))),
    ...item(
      'dashboard',
      trans.__('Dashboard'),
      openDashboard && cluster.scheduler.dashboard && alive ? () => openDashboard(id) : undefined
    )
  ];
  const use = [
    ...item(
      'insert',
      trans.__('Insert client code'),
      insertCode && alive && mayAct && notebook ? () => insertCode(id) : undefined
    ),
    ...item(
      'attach',
      trans.__('Use it in this notebook'),
      attach && alive && mayAct && notebook ? () => attach(id) : undefined
    ),
    ...item(
      'address',
      trans.__('Copy the scheduler’s address'),
      copyAddress && cluster.scheduler.address ? () => copyAddress(id) : undefined
    )
  ];
  const change: IMenuItem[] = [];
  if (alive && mayAct) {
    if (actions.rename) {
      change.push({ id: 'rename', label: trans.__('Rename…'), onSelect: () => ask('rename') });
    }
    if (actions.saveAsProfile) {
      change.push({ id: 'save', label: trans.__('Save as profile…'), onSelect: () => ask('save') });
    }
    if (actions.restartWorkers && cluster.workers.running > 0 && !cluster.foreign) {
      change.push({ id: 'restart', label: trans.__('Restart workers'), onSelect: restart });
    }
  }
  return [
    { id: 'look', items: look },
    { id: 'use', items: use },
    { id: 'change', items: change },
    {
      id: 'tenure',
      title: trans.__('When it ends'),
      items: alive && mayAct ? tenures(options) : []
    }
  ];
}

function tenures({ cluster, notebook, actions, run, trans }: IClusterMenuOptions): IMenuItem[] {
  const { setTenure } = actions;
  if (!setTenure || cluster.tenure === null) {
    return [];
  }
  const offered: Tenure[] = ['kernel', 'server', 'detached'];
  return [...new Set([...offered, cluster.tenure])]
    .filter(tenure => tenure === cluster.tenure || tenure !== 'kernel' || notebook)
    .map(tenure => ({
      id: `tenure-${tenure}`,
      label: tenureWords(tenure, tenure === cluster.tenure ? cluster.owner : null, trans),
      checked: tenure === cluster.tenure,
      onSelect: () => {
        if (tenure !== cluster.tenure) {
          run('tenure', () => setTenure(cluster.id, tenure));
        }
      }
    }));
}
