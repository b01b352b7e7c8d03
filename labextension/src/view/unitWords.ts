/**
 * What one unit of a cluster is called: a job of a queue, a container of YARN, a process of this machine.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

/** Systems whose units are containers. */
const CONTAINERS = new Set(['yarn', 'kubernetes']);

/** The words of one kind of unit. */
export interface IUnitWords {
  /** The head of a table or a tab: "Jobs". */
  title: string;
  /** In a sentence, several: "jobs". */
  many: string;
  /** The head of a column that has one: "Job". */
  one: string;
  /** What one brings: "Each job". */
  each: string;
  /** While a table's rows are not there yet. */
  reading: string;
  /** How a size follows the work. */
  follows: string;
  /** What its rendered form is called: "Job script". */
  script: string;
  /** So many of them. */
  count: (number: number) => string;
  /** So many of them with so much each. */
  times: (number: number, each: string) => string;
  /** One by its id. */
  named: (id: string) => string;
  logOf: (id: string) => string;
  endOfLog: (id: string) => string;
}

export function unitWords(system: string | undefined, trans: TranslationBundle): IUnitWords {
  if (system === 'local') {
    return {
      ...jobWords(trans),
      title: trans.__('Processes'),
      many: trans.__('workers'),
      follows: trans.__('The number of worker processes follows the work, between these limits.')
    };
  }
  return CONTAINERS.has(system ?? '') ? containerWords(trans) : jobWords(trans);
}

function jobWords(trans: TranslationBundle): IUnitWords {
  return {
    title: trans.__('Jobs'),
    many: trans.__('jobs'),
    one: trans.__('Job'),
    each: trans.__('Each job'),
    reading: trans.__('Reading the jobs…'),
    follows: trans.__('The number of jobs follows the work, between these limits.'),
    script: trans.__('Job script'),
    count: number => trans._n('%1 job', '%1 jobs', number),
    times: (number, each) => trans._n('%1 job × %2', '%1 jobs × %2', number, each),
    named: id => trans.__('Job %1', id),
    logOf: id => trans.__('Log of job %1', id),
    endOfLog: id => trans.__('End of the log of job %1', id)
  };
}

function containerWords(trans: TranslationBundle): IUnitWords {
  return {
    title: trans.__('Containers'),
    many: trans.__('containers'),
    one: trans.__('Container'),
    each: trans.__('Each container'),
    reading: trans.__('Reading the containers…'),
    follows: trans.__('The number of containers follows the work, between these limits.'),
    script: trans.__('Specification'),
    count: number => trans._n('%1 container', '%1 containers', number),
    times: (number, each) => trans._n('%1 container × %2', '%1 containers × %2', number, each),
    named: id => trans.__('Container %1', shortId(id)),
    logOf: id => trans.__('Log of container %1', shortId(id)),
    endOfLog: id => trans.__('End of the log of container %1', shortId(id))
  };
}

/** An id of YARN without the part that all of a site have in common: `application_…_0042`, `container_…_000003`. */
export function shortId(id: string): string {
  return id
    .replace(/^(application_)\d+(_\d+)$/, '$1…$2')
    .replace(/^(container_)(?:e\d+_)?\d+_\d+_\d+(_\d+)$/, '$1…$2');
}
