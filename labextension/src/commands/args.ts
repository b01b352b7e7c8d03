/**
 * What each command takes, as JSON Schema: the command palette, keyboard shortcuts and other
 * extensions read it.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject } from '@lumino/coreutils';

/** The words of the schemas. */
type Properties = Record<string, ReadonlyJSONObject>;

/** A schema of an object. */
export function takes(
  properties: Properties,
  required: string[] = []
): { args: ReadonlyJSONObject } {
  return { args: { type: 'object', properties, ...(required.length ? { required } : {}) } };
}

/** Arguments that several commands share. */
export function shared(trans: TranslationBundle) {
  const id: ReadonlyJSONObject = {
    type: 'string',
    description: trans.__(
      'The id of a cluster. Without it, the cluster whose card is open in the sidebar.'
    )
  };
  const context: ReadonlyJSONObject = {
    type: 'boolean',
    description: trans.__('Take the cluster whose card the context menu was opened on.')
  };
  return {
    id,
    context,
    /** A cluster and more. */
    cluster: (more: Properties = {}, required: string[] = []) =>
      takes({ id, context, ...more }, required),
    count: (description: string): ReadonlyJSONObject => ({
      type: 'integer',
      minimum: 0,
      description
    }),
    text: (description: string): ReadonlyJSONObject => ({ type: 'string', description }),
    choice: (
      description: string,
      values: [value: string, title: string][]
    ): ReadonlyJSONObject => ({
      type: 'string',
      description,
      oneOf: values.map(([value, title]) => ({ const: value, title }))
    })
  };
}
