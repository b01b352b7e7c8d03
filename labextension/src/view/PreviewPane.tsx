/**
 * What a start of a profile would submit and hold, when it would start, and its job scripts.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IPreview } from '../tokens';
import { useClock } from './clock';
import { bytes, coresText, grouped, timeOfDay } from './format';
import { unitWords, type IUnitWords } from './unitWords';

export interface IPreviewPaneProps {
  preview: IPreview | null;
  /** Whether an answer is under way. */
  asking: boolean;
  /** Why there is none. */
  error: string | null;
  /** Whether the form has changed since. */
  stale: boolean;
  /** Why nobody can be asked now; null where it can. */
  blocked: string | null;
  trans: TranslationBundle;
  onAsk: () => void;
}

export function PreviewPane(props: IPreviewPaneProps): React.ReactElement {
  const { preview, asking, error, stale, blocked, trans, onAsk } = props;
  const title = React.useId();
  return (
    <section className="dsk-Preview" aria-labelledby={title} aria-busy={asking}>
      <div className="dsk-Preview-head">
        <h2 id={title} className="dsk-Heading">
          {trans.__('What a start would take')}
        </h2>
        <button
          type="button"
          className="dsk-Button"
          disabled={asking || blocked !== null}
          onClick={onAsk}
        >
          {trans.__('Ask again')}
        </button>
      </div>
      <p className="dsk-Preview-news" role="status">
        {asking
          ? trans.__('Asking…')
          : (blocked ?? (stale && preview ? trans.__('The form has changed since.') : ''))}
      </p>
      {error !== null && !asking && (
        <div className="dsk-Message dsk-mod-error" role="alert">
          {error}
        </div>
      )}
      {preview && (
        <div className={stale || asking ? 'dsk-mod-stale' : undefined}>
          <Answer preview={preview} trans={trans} />
        </div>
      )}
    </section>
  );
}

function Answer({
  preview,
  trans
}: {
  preview: IPreview;
  trans: TranslationBundle;
}): React.ReactElement {
  const { jobs, cores, memory, start, refusal, warnings, groups } = preview;
  const words = unitWords(preview.system, trans);
  const when = useClock(now => (start === null ? null : timeOfDay(start, now)));
  const scripts = groups.filter(group => group.script !== null);
  return (
    <>
      {refusal !== null && (
        <div className="dsk-Message dsk-mod-error" role="alert">
          <b>{trans.__('It would be refused:')}</b> {refusal}
        </div>
      )}
      <dl className="dsk-Facts-list">
        {jobs > 0 && (
          <div>
            <dt>{words.title}</dt>
            <dd>{grouped(jobs)}</dd>
          </div>
        )}
        <div>
          <dt>{trans.__('Cores')}</dt>
          <dd>
            {cores > 0
              ? trans.__('%1, %2 core-h per hour', coresText(cores, trans), grouped(cores))
              : trans.__('none at first')}
          </dd>
        </div>
        <div>
          <dt>{trans.__('Memory')}</dt>
          <dd>{memory > 0 ? bytes(memory) : trans.__('no limit')}</dd>
        </div>
        {jobs > 0 && (
          <div>
            <dt>{trans.__('Expected start')}</dt>
            <dd>{refusal !== null ? '–' : (when ?? trans.__('not known'))}</dd>
          </div>
        )}
      </dl>
      {warnings.length > 0 && (
        <ul className="dsk-Facts-warnings">
          {warnings.map(warning => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
      {scripts.map(group => (
        <Script
          key={group.name}
          group={group}
          alone={scripts.length === 1}
          words={words}
          trans={trans}
        />
      ))}
      {scripts.length === 0 && (
        <pre
          className="dsk-Code"
          tabIndex={0}
          role="region"
          aria-label={trans.__('The preview in words')}
        >
          {preview.text}
        </pre>
      )}
    </>
  );
}

interface IScriptProps {
  group: IPreview['groups'][number];
  alone: boolean;
  words: IUnitWords;
  trans: TranslationBundle;
}

function Script({ group, alone, words, trans }: IScriptProps): React.ReactElement {
  const start = useClock(now => (group.start === null ? null : timeOfDay(group.start, now)));
  const facts = [
    words.count(group.jobs),
    group.partition === null ? null : trans.__('in %1', group.partition),
    start === null ? null : trans.__('start about %1', start),
    group.nodes === null ? null : trans.__('on %1', group.nodes)
  ].filter(fact => fact !== null);
  const title = alone ? words.script : trans.__('%1 of %2', words.script, group.name);
  return (
    <details className="dsk-Preview-script" open={group.name === 'main'}>
      <summary>
        {title} <span className="dsk-Quiet">{facts.join(', ')}</span>
      </summary>
      <pre className="dsk-Code" tabIndex={0} role="region" aria-label={title}>
        {group.script}
      </pre>
    </details>
  );
}
