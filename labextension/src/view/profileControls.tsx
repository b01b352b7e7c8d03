/**
 * How the fields of a profile's form are drawn: templates and one field for JupyterLab's FormComponent.
 *
 * The form's library compares what it is given deeply and draws anew only what changed, so all of these
 * are the same functions for ever; what they need to know is in the form's context.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type {
  FieldErrorProps,
  FieldProps,
  FieldTemplateProps,
  ObjectFieldTemplateProps
} from '@rjsf/utils';
import * as React from 'react';
import { Sign } from './Glyph';
import type { FormData } from './localCheck';
import { fromText, isObject, same, toText, type IField, type ISection } from './profileFields';

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

function contextOf(props: { formContext?: unknown }): IContext {
  return props.formContext as IContext;
}

function fieldOf(context: IContext, schema: unknown): IField | undefined {
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

/** The schema's own words. They come from the server, whose catalogue has them, as settings' words do. */
function titleOf(field: IField, trans: TranslationBundle): string {
  // eslint-disable-next-line jupyter/no-dynamic-translation
  return trans._p('schema', field.title);
}

function helpOf(field: IField, trans: TranslationBundle): string {
  // eslint-disable-next-line jupyter/no-dynamic-translation
  return trans._p('schema', field.description);
}

/** Label, control, what it means, what is wrong with it. */
export function FieldTemplate(props: FieldTemplateProps<FormData>): React.ReactElement {
  const context = contextOf(props);
  const { trans } = context;
  const field = fieldOf(context, props.schema);
  const { id, children, rawErrors, errors } = props;
  if (!field) {
    // The form as a whole.
    return <>{children}</>;
  }
  const locked = context.locked[field.key];
  const wrong = (rawErrors?.length ?? 0) > 0;
  const inherited = context.inherited[field.key];
  const example =
    inherited === undefined || words(inherited.value, trans) === ''
      ? words(field.example, trans)
      : '';
  return (
    <div
      className={`dsk-ProfileField${wrong ? ' dsk-mod-wrong' : ''}${locked ? ' dsk-mod-locked' : ''}`}
    >
      <label className="dsk-ProfileField-label" htmlFor={id}>
        {titleOf(field, trans)}
        {locked && (
          <span className="dsk-ProfileField-lock">
            <Sign name="lock" />
            {trans.__('locked')}
          </span>
        )}
      </label>
      <div className="dsk-ProfileField-control">{children}</div>
      {errors}
      <p className="dsk-ProfileField-help" id={`${id}-help`}>
        {locked && <b>{trans.__('An administrator has locked this field.')} </b>}
        {helpOf(field, trans)}
        {example && ` ${trans.__('For example: %1', example)}`}
      </p>
    </div>
  );
}

/** The server's sentences, at the field. */
export function FieldErrorTemplate(props: FieldErrorProps<FormData>): React.ReactElement | null {
  const errors = [...new Set((props.errors ?? []).map(String))];
  if (errors.length === 0) {
    return null;
  }
  return (
    <ul className="dsk-ProfileField-errors" id={`${props.idSchema.$id}-error`}>
      {errors.map(error => (
        <li key={error}>{error}</li>
      ))}
    </ul>
  );
}

/** The parts of the form: what matters first, the rest under "More". */
export function ObjectTemplate(props: ObjectFieldTemplateProps<FormData>): React.ReactElement {
  const context = contextOf(props);
  const { trans, sections, more } = context;
  const content = new Map(props.properties.map(property => [property.name, property.content]));
  const draw = (section: ISection): React.ReactNode =>
    section.fields.map(field => content.get(field.key));
  const rest = sections.filter(section => section.id !== 'main');
  const said = rest.reduce(
    (count, section) =>
      count + section.fields.filter(field => get(props.formData, field.key) !== undefined).length,
    0
  );
  const hidden = React.useId();
  return (
    <div className="dsk-ProfileForm-fields">
      {sections.filter(section => section.id === 'main').map(draw)}
      {rest.length > 0 && (
        <div className="dsk-ProfileForm-more">
          <button
            type="button"
            className="dsk-ProfileForm-moreButton"
            aria-expanded={more}
            aria-controls={hidden}
            onClick={() => context.onMore(!more)}
          >
            <span aria-hidden="true">{more ? '▾' : '▸'}</span> {trans.__('More')}
            <span className="dsk-Quiet">
              {said > 0
                ? trans._n('%1 field is set', '%1 fields are set', said)
                : trans.__('nothing is set')}
            </span>
          </button>
          <div id={hidden}>
            {more &&
              rest.map(section => (
                <fieldset key={section.id} className="dsk-ProfileForm-section">
                  <legend>{sectionTitle(section, trans)}</legend>
                  {draw(section)}
                  {section.id.startsWith('group:') && !context.readOnly && (
                    <button
                      type="button"
                      className="dsk-Button"
                      onClick={() => context.onDropGroup(section.id.slice('group:'.length))}
                    >
                      {trans.__('Remove group “%1”', section.id.slice('group:'.length))}
                    </button>
                  )}
                </fieldset>
              ))}
            {more && context.onAddGroup && <AddGroup context={context} />}
          </div>
        </div>
      )}
    </div>
  );
}

function get(data: unknown, key: string): unknown {
  return isObject(data) ? data[key] : undefined;
}

function sectionTitle(section: ISection, trans: TranslationBundle): string {
  switch (section.id) {
    case 'life':
      return trans.__('How long it lives');
    case 'adapt':
      return trans.__('Adaptive size');
    case 'jobs':
      return trans.__('Jobs and workers');
    case 'scheduler':
      return trans.__('Scheduler');
    case 'line':
      return trans.__('Line between jobs and cluster');
    case 'general':
      return trans.__('General');
    default:
      return trans.__('Group “%1”', section.id.slice('group:'.length));
  }
}

function AddGroup({ context }: { context: IContext }): React.ReactElement {
  const { trans } = context;
  const [name, setName] = React.useState('');
  const [problem, setProblem] = React.useState<string | null>(null);
  const id = React.useId();
  const add = (): void => {
    const wrong = context.onAddGroup?.(name.trim()) ?? null;
    setProblem(wrong);
    if (wrong === null) {
      setName('');
    }
  };
  return (
    <fieldset className="dsk-ProfileForm-section">
      <legend>{trans.__('Jobs of another shape')}</legend>
      <div className={`dsk-ProfileField${problem ? ' dsk-mod-wrong' : ''}`}>
        <label className="dsk-ProfileField-label" htmlFor={id}>
          {trans.__('Name of a new group')}
        </label>
        <div className="dsk-ProfileField-control">
          <input
            id={id}
            className="dsk-ProfileField-input"
            value={name}
            aria-invalid={problem !== null}
            aria-describedby={problem ? `${id}-error` : undefined}
            onChange={event => setName(event.target.value)}
            onKeyDown={event => {
              if (event.key === 'Enter') {
                event.preventDefault();
                add();
              }
            }}
          />
          <button type="button" className="dsk-Button" onClick={add}>
            {trans.__('Add group')}
          </button>
        </div>
        {problem && (
          <ul className="dsk-ProfileField-errors" id={`${id}-error`}>
            <li>{problem}</li>
          </ul>
        )}
      </div>
    </fieldset>
  );
}

/** The control of one field. */
export function ProfileField(props: FieldProps<FormData>): React.ReactElement | null {
  const context = contextOf(props);
  const field = fieldOf(context, props.schema);
  if (!field) {
    return null;
  }
  const id = props.idSchema.$id;
  const wrong = (props.rawErrors?.length ?? 0) > 0;
  const locked = context.locked[field.key] === true;
  const inherited = context.inherited[field.key];
  const control: IControlProps = {
    id,
    field,
    context,
    inherited,
    value: locked ? inherited?.value : props.formData,
    disabled: locked || context.readOnly,
    onChange: value => props.onChange(value as FormData | undefined),
    aria: {
      'aria-invalid': wrong || undefined,
      'aria-describedby': wrong ? `${id}-error ${id}-help` : `${id}-help`
    }
  };
  const options = context.options[field.key];
  const fromProfile = inherited !== undefined && inherited.from !== null;
  const { trans } = context;
  return (
    <>
      {field.kind === 'size' ? (
        <SizeControl {...control} />
      ) : options || field.kind === 'choice' || field.kind === 'yesno' ? (
        <ChoiceControl {...control} />
      ) : (
        <TextControl {...control} />
      )}
      {!control.disabled && props.formData === null && (
        <button
          type="button"
          className="dsk-Button"
          aria-label={trans.__('Inherit %1', field.title)}
          title={trans.__('Take what is inherited')}
          onClick={() => props.onChange(undefined)}
        >
          {trans.__('Inherit')}
        </button>
      )}
      {!control.disabled &&
        props.formData === undefined &&
        field.nullable &&
        fromProfile &&
        words(inherited.value, trans) !== '' && (
          <button
            type="button"
            className="dsk-Button"
            aria-label={trans.__('None for %1', field.title)}
            title={trans.__('Nothing here, whatever is inherited')}
            onClick={() => props.onChange(null as unknown as FormData)}
          >
            {trans.__('None')}
          </button>
        )}
    </>
  );
}

interface IControlProps {
  id: string;
  field: IField;
  context: IContext;
  inherited: IInherited | undefined;
  value: unknown;
  disabled: boolean;
  onChange: (value: unknown) => void;
  aria: { 'aria-invalid': true | undefined; 'aria-describedby': string };
}

/** What holds where a field is empty. */
function hint({ inherited, value, context }: IControlProps): string {
  const { trans } = context;
  if (value === null) {
    return trans.__('nothing, whatever is inherited');
  }
  const text = inherited ? words(inherited.value, trans) : '';
  if (!text || !inherited) {
    return '';
  }
  return inherited.from === null
    ? trans.__('%1 (default)', text)
    : trans.__('%1 (from %2)', text, inherited.from);
}

/** A text that is kept as it is typed: "2." is no number yet, and a new line no entry. */
function useText(
  value: unknown,
  field: Pick<IField, 'kind' | 'numbers'>,
  onChange: (value: unknown) => void
): [string, (text: string) => void] {
  const [text, setText] = React.useState(() => toText(value, field.kind));
  const meant = fromText(text, field);
  const shown = same(meant ?? null, value ?? null) ? text : toText(value, field.kind);
  return [
    shown,
    typed => {
      setText(typed);
      onChange(fromText(typed, field));
    }
  ];
}

function TextControl(props: IControlProps): React.ReactElement {
  const { id, field, value, disabled, onChange, aria, context } = props;
  const [text, setText] = useText(value, field, onChange);
  const placeholder = hint(props);
  const multiline = field.kind === 'lines' || field.kind === 'list' || field.kind === 'map';
  if (!multiline) {
    return (
      <input
        id={id}
        type="text"
        className="dsk-ProfileField-input"
        value={text}
        placeholder={placeholder}
        disabled={disabled}
        spellCheck={false}
        autoComplete="off"
        {...aria}
        onChange={event => setText(event.target.value)}
      />
    );
  }
  const { trans } = context;
  const how =
    field.kind === 'list'
      ? trans.__('one in each line')
      : field.kind === 'map'
        ? trans.__('NAME=value in each line')
        : '';
  return (
    <textarea
      id={id}
      className={`dsk-ProfileField-input${field.kind === 'lines' && field.path.length === 1 ? '' : ' dsk-mod-code'}`}
      rows={Math.min(8, Math.max(2, text.split('\n').length))}
      value={text}
      placeholder={placeholder || how}
      disabled={disabled}
      spellCheck={false}
      {...aria}
      onChange={event => setText(event.target.value)}
    />
  );
}

function ChoiceControl(props: IControlProps): React.ReactElement {
  const { id, field, context, value, disabled, onChange, aria } = props;
  const { trans } = context;
  const given =
    context.options[field.key] ??
    (field.kind === 'yesno'
      ? [
          { value: 'true', title: trans.__('yes') },
          { value: 'false', title: trans.__('no') }
        ]
      : field.choices.map(choice => ({ value: choice, title: choice })));
  const text = toText(value, field.kind);
  const strange = text !== '' && !given.some(option => option.value === text);
  const otherwise = hint(props);
  return (
    <select
      id={id}
      className="dsk-Select dsk-ProfileField-input"
      value={text}
      disabled={disabled}
      {...aria}
      onChange={event => onChange(fromText(event.target.value, field))}
    >
      <option value="">
        {otherwise ? trans.__('Not given: %1', otherwise) : trans.__('Not given')}
      </option>
      {strange && <option value={text}>{text}</option>}
      {given.map(option => (
        <option key={option.value} value={option.value}>
          {option.title}
        </option>
      ))}
    </select>
  );
}

const NUMBER = { kind: 'text', numbers: true } as const;

/** A size in exactly one unit. */
function SizeControl(props: IControlProps): React.ReactElement {
  const { id, field, context, inherited, value, disabled, onChange, aria } = props;
  const { trans } = context;
  const said = isObject(value) ? Object.keys(value)[0] : undefined;
  const theirs = isObject(inherited?.value) ? Object.keys(inherited.value)[0] : undefined;
  const [chosen, setChosen] = React.useState<string | null>(null);
  const unit = said ?? chosen ?? theirs ?? field.choices[0];
  const count = isObject(value) ? value[unit] : undefined;
  const [text, setText] = useText(count, NUMBER, next =>
    onChange(next === undefined ? undefined : { [unit]: next })
  );
  const titles: Record<string, string> = {
    jobs: trans.__('jobs'),
    workers: trans.__('workers'),
    cores: trans.__('cores'),
    memory: trans.__('memory')
  };
  const units = field.choices.includes(unit) ? field.choices : [...field.choices, unit];
  return (
    <>
      <input
        id={id}
        type="text"
        className="dsk-ProfileField-input dsk-mod-short"
        value={text}
        placeholder={hint({ ...props, value: count })}
        disabled={disabled}
        autoComplete="off"
        {...aria}
        onChange={event => {
          setChosen(unit);
          setText(event.target.value);
        }}
      />
      <select
        className="dsk-Select"
        aria-label={trans.__('Unit of %1', field.title)}
        value={unit}
        disabled={disabled}
        onChange={event => {
          setChosen(event.target.value);
          if (count !== undefined) {
            onChange({ [event.target.value]: count });
          }
        }}
      >
        {units.map(each => (
          <option key={each} value={each}>
            {titles[each] ?? each}
          </option>
        ))}
      </select>
    </>
  );
}
