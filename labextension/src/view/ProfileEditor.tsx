/**
 * The editor of one profile: what it is called, its form, what is wrong, what a start would take.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IProblem } from '../tokens';
import { Failure } from './Failure';
import { PreviewPane, type IPreviewPaneProps } from './PreviewPane';
import { ProfileForm, type IProfileFormHandle, type IProfileFormProps } from './ProfileForm';

export interface IProfileEditorProps {
  /** What lists show. */
  title: string;
  name: string;
  /** Whether the profile is not there yet. */
  isNew: boolean;
  /** Where it comes from, in words. */
  origin: string;
  /** Why it cannot be changed; null where it can. */
  readOnly: string | null;
  /** Whether a copy of it may be made. */
  copyable: boolean;
  dirty: boolean;
  saving: boolean;
  /** Why it cannot be saved now; null where it can. */
  blocked: string | null;
  /** What one should know before saving. */
  note: string | null;
  /** What the last save said against it. */
  failure: string | null;
  problems: readonly IProblem[];
  /** Null until the schema has come. */
  form: Omit<IProfileFormProps, 'problems' | 'readOnly' | 'trans' | 'onChange'> | null;
  /** Why there is no form. */
  formError: string | null;
  preview: Omit<IPreviewPaneProps, 'trans'>;
  trans: TranslationBundle;
  /** Counts up with each save that failed, so that the keyboard goes to what is wrong. */
  failed: number;
  onName: (name: string) => void;
  onChange: IProfileFormProps['onChange'];
  onSave: () => void;
  onSaveAndStart: () => void;
  onRevert: () => void;
  onDelete: (() => void) | null;
  onCopy: () => void;
  onReload: () => void;
}

export function ProfileEditor(props: IProfileEditorProps): React.ReactElement {
  const { trans, problems, readOnly, form, isNew, name, failed } = props;
  const handle = React.useRef<IProfileFormHandle>(null);
  const nameInput = React.useRef<HTMLInputElement>(null);
  const summary = React.useRef<HTMLElement>(null);
  const ids = React.useId();
  const ofName = problems.filter(problem => problem.field === 'name');

  React.useEffect(() => {
    if (failed > 0) {
      summary.current?.focus();
    }
  }, [failed]);

  React.useEffect(() => {
    if (isNew) {
      nameInput.current?.focus();
    }
  }, [isNew]);

  const reveal = (problem: IProblem): void => {
    if (problem.field === 'name' && nameInput.current) {
      nameInput.current.focus();
    } else {
      handle.current?.reveal(problem);
    }
  };

  return (
    <div
      className="dsk-Editor"
      onKeyDown={event => {
        if (event.key === 's' && (event.ctrlKey || event.metaKey) && readOnly === null) {
          event.preventDefault();
          event.stopPropagation();
          props.onSave();
        }
      }}
    >
      <div className="dsk-Editor-head">
        <div className="dsk-Editor-title">
          <h1>{props.title}</h1>
          <span className="dsk-Quiet">{props.origin}</span>
        </div>
        <Actions {...props} />
      </div>
      {readOnly !== null && (
        <div className="dsk-Message" role="note">
          {readOnly}
        </div>
      )}
      {props.blocked !== null && (
        <div className="dsk-Message dsk-mod-warn" role="status">
          {props.blocked}
        </div>
      )}
      {props.note !== null && (
        <div className="dsk-Message dsk-mod-warn" role="status">
          {props.note}
        </div>
      )}
      {props.failure !== null && (
        <div className="dsk-Message dsk-mod-error" role="alert">
          {props.failure}
        </div>
      )}
      <div className="dsk-Editor-columns">
        <div className="dsk-Editor-form">
          <Problems problems={problems} trans={trans} onReveal={reveal} ref={summary} />
          {isNew && (
            <div className={`dsk-ProfileField${ofName.length ? ' dsk-mod-wrong' : ''}`}>
              <label className="dsk-ProfileField-label" htmlFor={`${ids}-name`}>
                {trans.__('Name')}
              </label>
              <div className="dsk-ProfileField-control">
                <input
                  id={`${ids}-name`}
                  ref={nameInput}
                  className="dsk-ProfileField-input"
                  value={name}
                  spellCheck={false}
                  autoComplete="off"
                  aria-required="true"
                  aria-invalid={ofName.length > 0 || undefined}
                  aria-describedby={`${ofName.length ? `${ids}-name-error ` : ''}${ids}-name-help`}
                  onChange={event => props.onName(event.target.value)}
                />
              </div>
              {ofName.length > 0 && (
                <ul className="dsk-ProfileField-errors" id={`${ids}-name-error`}>
                  {ofName.map(problem => (
                    <li key={problem.message}>{problem.message}</li>
                  ))}
                </ul>
              )}
              <p className="dsk-ProfileField-help" id={`${ids}-name-help`}>
                {trans.__('What it is started by, and what its file is called.')}
              </p>
            </div>
          )}
          {form ? (
            <ProfileForm
              {...form}
              ref={handle}
              problems={problems}
              readOnly={readOnly !== null}
              trans={trans}
              onChange={props.onChange}
            />
          ) : props.formError !== null ? (
            <Failure message={props.formError} onAgain={props.onReload} trans={trans} />
          ) : (
            <p className="dsk-Quiet" role="status">
              {trans.__('Reading the profile…')}
            </p>
          )}
        </div>
        <div className="dsk-Editor-preview">
          <PreviewPane {...props.preview} trans={trans} />
        </div>
      </div>
    </div>
  );
}

function Actions(props: IProfileEditorProps): React.ReactElement {
  const { trans, readOnly, dirty, isNew, saving, blocked, problems } = props;
  if (readOnly !== null) {
    return (
      <div className="dsk-Editor-actions">
        <button
          type="button"
          className="dsk-Button dsk-mod-primary"
          disabled={!props.copyable}
          onClick={props.onCopy}
        >
          {trans.__('Copy as mine')}
        </button>
      </div>
    );
  }
  const wait = saving || blocked !== null;
  return (
    <div className="dsk-Editor-actions">
      <span className="dsk-Quiet" role="status">
        {saving ? trans.__('Saving…') : dirty ? trans.__('Not saved') : ''}
      </span>
      <button
        type="button"
        className="dsk-Button dsk-mod-primary"
        disabled={wait || (!dirty && !isNew)}
        onClick={props.onSave}
      >
        {trans.__('Save')}
      </button>
      <button
        type="button"
        className="dsk-Button"
        disabled={wait || problems.length > 0}
        onClick={props.onSaveAndStart}
      >
        {dirty || isNew ? trans.__('Save and start') : trans.__('Start')}
      </button>
      <button
        type="button"
        className="dsk-Button"
        disabled={saving || !dirty}
        onClick={props.onRevert}
      >
        {trans.__('Revert')}
      </button>
      {props.onDelete && (
        <button type="button" className="dsk-Button" disabled={wait} onClick={props.onDelete}>
          {trans.__('Delete…')}
        </button>
      )}
    </div>
  );
}

interface IProblemsProps {
  problems: readonly IProblem[];
  trans: TranslationBundle;
  onReveal: (problem: IProblem) => void;
}

/** All that is wrong, each with the way to its field. */
const Problems = React.forwardRef(function Problems(
  { problems, trans, onReveal }: IProblemsProps,
  ref: React.ForwardedRef<HTMLElement>
): React.ReactElement {
  const title = React.useId();
  return (
    <section
      className={problems.length > 0 ? 'dsk-Problems' : undefined}
      aria-labelledby={problems.length > 0 ? title : undefined}
      tabIndex={-1}
      ref={ref}
    >
      <p id={title} role="status" className="dsk-Problems-title">
        {problems.length > 0
          ? trans._n('%1 thing is wrong', '%1 things are wrong', problems.length)
          : ''}
      </p>
      {problems.length > 0 && (
        <ul>
          {problems.map((problem, index) => (
            <li key={index}>
              {problem.field === null ? (
                problem.message
              ) : (
                <button type="button" className="dsk-Link" onClick={() => onReveal(problem)}>
                  {/* A sentence of the server's names the field itself. */}
                  {!problem.message.startsWith(problem.field) && (
                    <>
                      <b>{problem.field}</b>:{' '}
                    </>
                  )}
                  {problem.message}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
});
