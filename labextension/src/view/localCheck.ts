/**
 * A profile against its JSON Schema, for as long as the server cannot be asked.
 *
 * The server says more, and in better words; its answers replace these.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { FormComponent } from '@jupyterlab/ui-components';
import { customizeValidator } from '@rjsf/validator-ajv8';
import Ajv2020 from 'ajv/dist/2020';
import type * as React from 'react';
import type { IProblem } from '../tokens';
import { get, type JsonObject } from './profileFields';
import { words } from './profileContext';

/** The data of JupyterLab's form. */
export type FormData = NonNullable<React.ComponentProps<typeof FormComponent>['formData']>;

/** The form's validator; the schemas are of the draft of 2020. */
export const validator = customizeValidator<FormData>({ AjvClass: Ajv2020 });

interface IFault {
  instancePath: string;
  keyword: string;
  params: { additionalProperty?: string };
}

/** All that is wrong, one sentence for each field. */
export function localCheck(
  schema: JsonObject,
  profile: JsonObject,
  trans: TranslationBundle
): IProblem[] {
  const { errors } = validator.rawValidation<IFault>(schema, profile as FormData);
  const found = new Map<string, string>();
  for (const fault of errors ?? []) {
    const path = fault.instancePath.split('/').slice(1);
    if (fault.keyword === 'additionalProperties' && fault.params.additionalProperty) {
      const field = [...path, fault.params.additionalProperty].join('.');
      found.set(field, trans.__('There is no such field.'));
      continue;
    }
    const field = path.join('.');
    // A field may be one of several things; that it is none of them is said once, and not of the parts around it.
    if (![...found.keys()].some(known => known === field || known.startsWith(`${field}.`))) {
      found.set(field, trans.__('“%1” does not fit this field.', words(get(profile, path), trans)));
    }
  }
  for (const field of [...found.keys()]) {
    if ([...found.keys()].some(other => other !== field && other.startsWith(`${field}.`))) {
      found.delete(field);
    }
  }
  return [...found].map(([field, message]) => ({
    message,
    field: field || null,
    file: null,
    line: null,
    column: null
  }));
}
