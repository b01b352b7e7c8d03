/**
 * Saved profiles: what is wrong with them, what a start of one would take, what discovery finds.
 */

export interface IProblem {
  message: string;
  field: string | null;
  file: string | null;
  line: number | null;
  column: number | null;
}

export interface IProfile {
  name: string;
  title: string;
  description: string | null;
  system: string | null;
  source: string | null;
  level: 'user' | 'environment' | 'system' | 'builtin';
  /** Whether this person may change or delete it. */
  editable: boolean;
  locked: string[];
  launcher: boolean;
  problems: IProblem[];
  /** What its file says itself. */
  written: Record<string, unknown>;
  /** With all that it extends; null where it has problems. */
  resolved: Record<string, unknown> | null;
}

export interface ISystemOption {
  system: string;
  title: string;
  summary: string;
}

/** What a start would submit and hold. */
export interface IPreview {
  profile: string;
  system: string;
  jobs: number;
  cores: number;
  memory: number;
  /** When the first job would start; null where nobody was asked or nobody knows. */
  start: number | null;
  refusal: string | null;
  warnings: string[];
  /** One for each group. */
  groups: {
    name: string;
    jobs: number;
    script: string | null;
    start: number | null;
    nodes: string | null;
    partition: string | null;
  }[];
  /** The whole in words, as `%dask_cluster preview` prints it. */
  text: string;
}

/** What discovery would write or has written. */
export interface IDiscovery {
  system: string;
  profiles: { name: string; status: string; text: string; path: string }[];
  notes: string[];
  written: string[];
}
