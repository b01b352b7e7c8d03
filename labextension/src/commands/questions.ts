/**
 * What the commands ask, each as one small dialog.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import { ask, confirm, type IField } from './dialogs';
import { works } from '../facts';
import type { IAdapt, ICluster, IScale, IStart, IStewardModel, ISweepAnswer } from '../tokens';
import { unfinished } from '../view/format';
import { unitWords } from '../view/unitWords';

/** Which profile, and what it is to be called. */
export async function newCluster(
  model: IStewardModel,
  trans: TranslationBundle
): Promise<IStart | null> {
  const usable = model.profiles.filter(profile => profile.problems.length === 0);
  if (!usable.length) {
    await confirm(
      trans.__('New Dask Cluster'),
      trans.__('There is no profile that a cluster can be started from.'),
      trans.__('OK'),
      trans
    );
    return null;
  }
  const preset = model.status?.default_profile;
  const answers = await ask(
    {
      title: trans.__('New Dask Cluster'),
      accept: trans.__('Start'),
      fields: [
        {
          name: 'profile',
          label: trans.__('Profile'),
          kind: 'select',
          value: usable.some(profile => profile.name === preset) ? preset : usable[0].name,
          options: usable.map(profile => ({ value: profile.name, label: profile.title }))
        },
        {
          name: 'name',
          label: trans.__('Name (optional)'),
          kind: 'text',
          required: false,
          note: trans.__('Without one, it is called after its profile.')
        },
        {
          name: 'workers',
          label: trans.__('Workers (optional)'),
          kind: 'number',
          required: false,
          note: trans.__('Without a number, as many as the profile says.')
        }
      ]
    },
    trans
  );
  if (!answers) {
    return null;
  }
  return {
    profile: answers.profile,
    ...(answers.name ? { name: answers.name } : {}),
    ...(answers.workers ? { scale: { workers: Number(answers.workers) } } : {})
  };
}

/** How large a cluster is to be. */
export async function scale(cluster: ICluster, trans: TranslationBundle): Promise<IScale | null> {
  const unit = cluster.unit;
  const words = unitWords(cluster.system, trans);
  const fields: IField[] = [
    {
      name: 'size',
      label: trans.__('Size'),
      kind: 'number',
      value: cluster.workers.asked,
      note: unit
        ? trans.__(
            '%1: %2, %3.',
            words.each,
            trans._n('%1 worker', '%1 workers', unit.workers),
            trans._n('%1 core', '%1 cores', unit.cores)
          )
        : undefined
    },
    {
      name: 'unit',
      label: trans.__('In'),
      kind: 'select',
      value: 'workers',
      options: [
        { value: 'workers', label: trans.__('workers') },
        { value: 'jobs', label: words.many },
        { value: 'cores', label: trans.__('cores') }
      ]
    }
  ];
  const answers = await ask(
    {
      title: trans.__('Scale “%1”', cluster.name),
      intro: cluster.adapt
        ? trans.__('It adapts its size now. A fixed size ends that.')
        : undefined,
      fields,
      accept: trans.__('Scale')
    },
    trans
  );
  if (!answers || answers.size === '') {
    return null;
  }
  return { [answers.unit]: Number(answers.size) };
}

/** Between which limits a cluster is to adapt. */
export async function adapt(
  cluster: ICluster,
  minimum: number | undefined,
  maximum: number | undefined,
  trans: TranslationBundle
): Promise<IAdapt | null> {
  const now = cluster.adapt;
  const answers = await ask(
    {
      title: trans.__('Adapt “%1”', cluster.name),
      intro: unitWords(cluster.system, trans).follows,
      fields: [
        {
          name: 'minimum',
          label: trans.__('At least'),
          kind: 'number',
          value: minimum ?? now?.minimum ?? 0
        },
        {
          name: 'maximum',
          label: trans.__('At most'),
          kind: 'number',
          min: 1,
          value: maximum ?? now?.maximum ?? Math.max(cluster.jobs.total, 1)
        }
      ],
      accept: trans.__('Adapt'),
      check: given =>
        given.minimum && given.maximum && Number(given.maximum) < Number(given.minimum)
          ? ['maximum', trans.__('At most must not be less than at least.')]
          : null
    },
    trans
  );
  if (!answers || answers.minimum === '' || answers.maximum === '') {
    return null;
  }
  // What else was set of it stays.
  return { ...now, minimum: Number(answers.minimum), maximum: Number(answers.maximum) };
}

/** Whether to stop clusters of which some compute. */
export async function stop(
  clusters: readonly ICluster[],
  trans: TranslationBundle
): Promise<boolean> {
  const busy = clusters.filter(works);
  const tasks = busy.reduce((sum, cluster) => sum + unfinished(cluster), 0);
  const loss = busy.length
    ? trans._n(
        'Tasks run on it: %1 is not done and its results will be lost.',
        'Tasks run: %1 are not done and their results will be lost.',
        tasks
      )
    : trans.__('No tasks run.');
  return clusters.length === 1
    ? confirm(trans.__('Stop “%1”?', clusters[0].name), loss, trans.__('Stop'), trans)
    : confirm(
        trans._n('Stop %1 cluster?', 'Stop all %1 clusters?', clusters.length),
        `${clusters.map(cluster => cluster.name).join(', ')}. ${loss}`,
        trans.__('Stop All'),
        trans
      );
}

/** Whether to restart workers that compute. */
export function restart(cluster: ICluster, trans: TranslationBundle): Promise<boolean> {
  return confirm(
    trans.__('Restart the workers of “%1”?', cluster.name),
    trans.__('Tasks run on it. They are given up, and what the workers hold is lost.'),
    trans.__('Restart'),
    trans
  );
}

/** Another name. */
export async function rename(
  cluster: ICluster,
  trans: TranslationBundle
): Promise<string | undefined> {
  const answers = await ask(
    {
      title: trans.__('Rename “%1”', cluster.name),
      fields: [{ name: 'name', label: trans.__('New name'), kind: 'text', value: cluster.name }],
      accept: trans.__('Rename')
    },
    trans
  );
  return answers?.name || undefined;
}

/** The name of a new profile. */
export async function saveAs(
  cluster: ICluster,
  model: IStewardModel,
  trans: TranslationBundle
): Promise<string | undefined> {
  const answers = await ask(
    {
      title: trans.__('Save “%1” as a profile', cluster.name),
      fields: [
        { name: 'name', label: trans.__('Name of the profile'), kind: 'text', value: cluster.name }
      ],
      accept: trans.__('Save'),
      check: given =>
        model.profiles.some(profile => profile.name === given.name)
          ? ['name', trans.__('There is a profile of this name. Choose another one.')]
          : null
    },
    trans
  );
  return answers?.name || undefined;
}

/** What a cluster is to end with. */
export async function tenure(
  cluster: ICluster,
  kernelId: string | undefined,
  trans: TranslationBundle
): Promise<string | undefined> {
  const kernel = kernelId ?? cluster.owner?.kernel_id;
  const answers = await ask(
    {
      title: trans.__('When “%1” ends', cluster.name),
      intro: trans.__('It can always be stopped before.'),
      fields: [
        {
          name: 'tenure',
          label: trans.__('It ends with'),
          kind: 'select',
          value: cluster.tenure ?? 'server',
          options: [
            {
              value: 'kernel',
              label: trans.__('the kernel of its notebook'),
              disabled: !kernel && cluster.tenure !== 'kernel'
            },
            { value: 'server', label: trans.__('this Jupyter server') },
            { value: 'detached', label: trans.__('nothing but its time limits') }
          ]
        }
      ],
      accept: trans.__('Change')
    },
    trans
  );
  return answers && answers.tenure !== cluster.tenure ? answers.tenure : undefined;
}

/** Whether to delete the file of a profile. */
export function deleteProfile(name: string, trans: TranslationBundle): Promise<boolean> {
  return confirm(
    trans.__('Delete the profile “%1”?', name),
    trans.__('Its file is deleted. Clusters that were started from it go on.'),
    trans.__('Delete'),
    trans
  );
}

/** What a sweep did, in one sentence. */
export function swept(answer: ISweepAnswer, trans: TranslationBundle): string {
  const released = answer.released.length;
  const done = released
    ? trans._n('%1 thing was released.', '%1 things were released.', released)
    : trans.__('Nothing was left behind.');
  const left = answer.left.length
    ? trans.__(' “%1” was left: %2', answer.left[0].cluster, answer.left[0].reason)
    : '';
  return done + left;
}
