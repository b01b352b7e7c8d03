/**
 * A profile as a form, drawn from the JSON Schema of its system with JupyterLab's own form.
 *
 * It shows what the profile's file says; what holds otherwise is shown as what an empty field means.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { FormComponent } from '@jupyterlab/ui-components';
import type { ErrorSchema, RJSFSchema, UiSchema } from '@rjsf/utils';
import * as React from 'react';
import type { IProblem } from '../tokens';
import { useLatest } from './hooks';
import { type FormData, validator } from './localCheck';
import type { IContext, IInherited } from './profileContext';
import { ProfileField } from './profileControls';
import {
  fieldOfProblem,
  fieldsOf,
  flat,
  get,
  hasGroups,
  isLocked,
  isObject,
  others,
  sectionsOf,
  set,
  type IField,
  type JsonObject
} from './profileFields';
import { FieldErrorTemplate, FieldTemplate, ObjectTemplate } from './profileTemplates';

export interface IProfileFormProps {
  schema: JsonObject;
  /** What the file says. */
  value: JsonObject;
  /** What the profile has that this one extends. */
  base: { name: string; values: JsonObject } | null;
  /** Values that an administrator has locked, by the fields' paths. */
  locked: readonly string[];
  lockedValues: JsonObject;
  problems: readonly IProblem[];
  options: IContext['options'];
  readOnly: boolean;
  trans: TranslationBundle;
  onChange: (value: JsonObject) => void;
}

/** What a form can be asked to do. */
export interface IProfileFormHandle {
  /** Bring the field that a problem is about into sight, and the keyboard to it. */
  reveal: (problem: IProblem) => void;
}

const SEPARATOR = '--';
/** Frames of the screen for which a field is waited for that has to be drawn first. */
const FRAMES = 30;
const TEMPLATES = {
  FieldTemplate,
  FieldErrorTemplate,
  ObjectFieldTemplate: ObjectTemplate
};
const FIELDS = { dskProfileField: ProfileField };
const GROUP_NAME = /^[a-z][a-z0-9_]{0,31}$/;

export const ProfileForm = React.forwardRef(function ProfileForm(
  props: IProfileFormProps,
  ref: React.ForwardedRef<IProfileFormHandle>
): React.ReactElement {
  const { schema, value, base, locked, lockedValues, problems, options, readOnly, trans } = props;
  const prefix = `dsk${React.useId().replace(/\W/g, '')}`;
  const root = React.useRef<HTMLDivElement>(null);
  const [more, setMore] = React.useState(false);
  const onChange = useLatest(props.onChange);

  // Which fields there are depends on the value only by the names of its groups.
  const groups = isObject(value.groups) ? Object.keys(value.groups).join('/') : '';
  const rare = 'lock' in value;
  const fields = React.useMemo(
    () => fieldsOf(schema, value),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [schema, groups, rare]
  );
  const strange = others(value, fields);
  const formSchema = React.useMemo(() => schemaOf(fields), [fields]);
  const uiSchema = React.useMemo(() => uiSchemaOf(fields), [fields]);
  const dropGroup = useLatest((name: string) => {
    onChange(set(value, ['groups', name], undefined));
  });
  const addGroup = useLatest((name: string): string | null => {
    if (!GROUP_NAME.test(name) || name === 'main') {
      return trans.__(
        'A group’s name is of small letters, digits and “_”, begins with a letter, and is not “main”.'
      );
    }
    if (get(value, ['groups', name]) !== undefined) {
      return trans.__('There is a group “%1” already.', name);
    }
    onChange(set(value, ['groups', name], {}));
    return null;
  });
  const grouped = hasGroups(schema) && !readOnly;
  const context = React.useMemo<IContext>(
    () => ({
      trans,
      fields: Object.fromEntries(fields.map(field => [field.key, field])),
      sections: sectionsOf(fields),
      inherited: inheritedOf(fields, base, locked, lockedValues),
      locked: Object.fromEntries(
        fields.filter(field => isLocked(field, locked)).map(field => [field.key, true as const])
      ),
      options,
      more,
      onMore: setMore,
      onDropGroup: dropGroup,
      onAddGroup: grouped ? addGroup : null,
      readOnly
    }),
    [
      trans,
      fields,
      base,
      locked,
      lockedValues,
      options,
      more,
      readOnly,
      grouped,
      dropGroup,
      addGroup
    ]
  );
  const extraErrors = React.useMemo(() => errorsOf(problems, fields), [problems, fields]);

  React.useImperativeHandle(ref, () => ({
    reveal: problem => {
      const field = fieldOfProblem(problem, fields);
      if (!field) {
        root.current?.focus();
        return;
      }
      if (!sectionsOf(fields)[0].fields.includes(field)) {
        setMore(true);
      }
      // Its part of the form may be drawn only now, or, by the form's library, a moment later.
      const find = (frames: number): void => {
        const control = root.current?.ownerDocument.getElementById(
          `${prefix}${SEPARATOR}${field.key}`
        );
        if (control) {
          control.scrollIntoView({ block: 'center' });
          control.focus();
        } else if (frames > 0) {
          requestAnimationFrame(() => find(frames - 1));
        }
      };
      requestAnimationFrame(() => find(FRAMES));
    }
  }));

  return (
    <div className="dsk-ProfileForm" ref={root} tabIndex={-1}>
      <FormComponent
        schema={formSchema}
        uiSchema={uiSchema}
        formData={flat(value, fields) as FormData}
        formContext={context}
        validator={validator}
        templates={TEMPLATES}
        fields={FIELDS}
        idPrefix={prefix}
        idSeparator={SEPARATOR}
        extraErrors={extraErrors}
        // The server validates: it knows more than a schema can say.
        noValidate
        noHtml5Validate
        showErrorList={false}
        tagName="div"
        onChange={event => onChange(merged(value, fields, event.formData as JsonObject))}
      />
      {strange.length > 0 && (
        <Others
          strange={strange}
          readOnly={readOnly}
          trans={trans}
          onDrop={path => onChange(set(value, path, undefined))}
        />
      )}
    </div>
  );
});

/** A schema of one control for each field; what a field may hold, its control knows. */
function schemaOf(fields: readonly IField[]): RJSFSchema {
  const properties: Record<string, RJSFSchema> = {};
  for (const field of fields) {
    properties[field.key] = { title: field.title, 'x-key': field.key } as RJSFSchema;
  }
  return { type: 'object', properties };
}

function uiSchemaOf(fields: readonly IField[]): UiSchema<FormData> {
  return Object.fromEntries(fields.map(field => [field.key, { 'ui:field': 'dskProfileField' }]));
}

/** The value with what changed in the form. */
function merged(value: JsonObject, fields: readonly IField[], data: JsonObject): JsonObject {
  return fields.reduce(
    (next, field) =>
      data[field.key] === get(value, field.path) ? next : set(next, field.path, data[field.key]),
    value
  );
}

function inheritedOf(
  fields: readonly IField[],
  base: IProfileFormProps['base'],
  locked: readonly string[],
  lockedValues: JsonObject
): Record<string, IInherited> {
  const found: Record<string, IInherited> = {};
  for (const field of fields) {
    const theirs = base ? get(base.values, field.path) : undefined;
    if (isLocked(field, locked)) {
      found[field.key] = { value: get(lockedValues, field.path), from: null };
    } else if (base && theirs !== undefined && theirs !== null) {
      found[field.key] = { value: theirs, from: base.name };
    } else {
      found[field.key] = { value: field.fallback, from: null };
    }
  }
  return found;
}

function errorsOf(problems: readonly IProblem[], fields: readonly IField[]): ErrorSchema<FormData> {
  const found: Record<string, { __errors: string[] }> = {};
  for (const problem of problems) {
    const field = fieldOfProblem(problem, fields);
    if (field) {
      (found[field.key] ??= { __errors: [] }).__errors.push(problem.message);
    }
  }
  return found as ErrorSchema<FormData>;
}

interface IOthersProps {
  strange: readonly { path: string[]; value: unknown }[];
  readOnly: boolean;
  trans: TranslationBundle;
  onDrop: (path: string[]) => void;
}

/** What the file says besides: shown, kept, and to be taken out. */
function Others({ strange, readOnly, trans, onDrop }: IOthersProps): React.ReactElement {
  return (
    <fieldset className="dsk-ProfileForm-section">
      <legend>{trans.__('Also in the file')}</legend>
      <ul className="dsk-Others">
        {strange.map(({ path, value }) => (
          <li key={path.join('/')}>
            <code>{`${path.join('.')}: ${JSON.stringify(value)}`}</code>
            {!readOnly && (
              <button
                type="button"
                className="dsk-Button"
                aria-label={trans.__('Remove %1', path.join('.'))}
                onClick={() => onDrop(path)}
              >
                {trans.__('Remove')}
              </button>
            )}
          </li>
        ))}
      </ul>
    </fieldset>
  );
}
