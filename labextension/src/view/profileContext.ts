/**
 * What the parts of a profile's form know of it: the form's library hands it to each of them.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { isObject, type IField, type ISection } from './profileFields';

/** What holds where the file says nothing. */
export interface IInherited {
  value: unknown;
  /** The profile that says it; null where it is what Dask Steward does by itself. */
  from: string | null;
}

export interface IContext {
  trans: TranslationBundle;
  fields: Record<string, IField>;
  sections: readonly ISection[];
  inherited: Record<string, IInherited>;
  /** Keys of the fields that an administrator has locked. */
  locked: Record<string, true>;
  /** More values of choices: systems, and the profiles that can be extended. */
  options: Record<string, readonly { value: string; title: string }[]>;
  /** Whether the part "More" is open. */
  more: boolean;
  onMore: (open: boolean) => void;
  onDropGroup: (name: string) => void;
  onAddGroup: ((name: string) => string | null) | null;
  readOnly: boolean;
}

export function contextOf(props: { formContext?: unknown }): IContext {
  return props.formContext as IContext;
}

/** Whether the units of the system are containers, as those of YARN are. */
export function hasContainers(context: IContext): boolean {
  return 'options/worker_vcores' in context.fields;
}

/** The field that a part of the form is about; none for the form as a whole. */
export function fieldOf(context: IContext, schema: unknown): IField | undefined {
  return context.fields[String((schema as Record<string, unknown>)['x-key'])];
}

/** A value in a few words. */
export function words(value: unknown, trans: TranslationBundle): string {
  if (value === undefined || value === null || value === '') {
    return '';
  }
  if (typeof value === 'boolean') {
    return value ? trans.__('yes') : trans.__('no');
  }
  if (Array.isArray(value)) {
    return value.map(one => words(one, trans)).join(', ');
  }
  if (isObject(value)) {
    return Object.entries(value)
      .map(([name, one]) => `${name}: ${words(one, trans)}`)
      .join(', ');
  }
  return String(value);
}
