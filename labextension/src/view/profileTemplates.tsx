/**
 * How a profile's form is laid out: a field with its label, help and errors, and the parts of the form.
 *
 * The form's library compares what it is given deeply and draws anew only what changed, so all of these
 * are the same functions for ever; what they need to know is in the form's context.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { FieldErrorProps, FieldTemplateProps, ObjectFieldTemplateProps } from '@rjsf/utils';
import * as React from 'react';
import { Sign } from './Glyph';
import type { FormData } from './localCheck';
import { contextOf, fieldOf, hasContainers, words, type IContext } from './profileContext';
import { isObject, type IField, type ISection } from './profileFields';

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
                  <legend>{sectionTitle(section, hasContainers(context), trans)}</legend>
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

function sectionTitle(section: ISection, containers: boolean, trans: TranslationBundle): string {
  switch (section.id) {
    case 'life':
      return trans.__('How long it lives');
    case 'adapt':
      return trans.__('Adaptive size');
    case 'jobs':
      return containers ? trans.__('Containers and workers') : trans.__('Jobs and workers');
    case 'scheduler':
      return trans.__('Scheduler');
    case 'line':
      return containers
        ? trans.__('Line between containers and cluster')
        : trans.__('Line between jobs and cluster');
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
