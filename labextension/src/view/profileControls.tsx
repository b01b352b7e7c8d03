/**
 * The controls of a profile's form: one for each kind of field. Like the templates, they are the same functions for ever.
 */
import type { FieldProps } from '@rjsf/utils';
import * as React from 'react';
import type { FormData } from './localCheck';
import { contextOf, fieldOf, words, type IContext, type IInherited } from './profileContext';
import { fromText, isObject, same, toText, type IField } from './profileFields';

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
