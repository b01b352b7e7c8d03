import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IAdapt, ICluster, IScale } from '../tokens';
import { grouped, sizeOf, sizeText, type SizeUnit } from './format';
import { unitWords } from './unitWords';
import { useAction } from './useAction';

export interface IScaleFormProps {
  cluster: ICluster;
  /** Resolves to a note, such as that the size was rounded up. */
  onScale?: (ask: IScale) => Promise<string | null>;
  onAdapt?: (limits: IAdapt | { active: false; group?: string }) => Promise<void>;
  onClose: () => void;
  trans: TranslationBundle;
}

/** The group that holds a profile's own options. */
const MAIN = 'main';

/** Change the size in place: fixed or by the work, and what that means before it is asked for. */
export function ScaleForm({
  cluster,
  onScale,
  onAdapt,
  onClose,
  trans
}: IScaleFormProps): JSX.Element {
  const names = Object.keys(cluster.groups);
  const [name, setName] = React.useState(names.includes(MAIN) ? MAIN : (names[0] ?? MAIN));
  const group = cluster.groups[name];
  const unit = group?.unit ?? cluster.unit;
  const limits = group ? group.adapt : cluster.adapt;
  const local = cluster.system === 'local';
  const now = group ?? cluster.workers;

  const [mode, setMode] = React.useState<'fixed' | 'adaptive'>(
    limits && onAdapt ? 'adaptive' : 'fixed'
  );
  const [by, setBy] = React.useState<SizeUnit>('workers');
  const [count, setCount] = React.useState(now.asked);
  const [least, setLeast] = React.useState(limits?.minimum ?? 0);
  const perJob = Math.max(1, unit?.workers ?? 1);
  const [most, setMost] = React.useState(
    limits?.maximum ?? Math.max(2, 2 * Math.ceil(now.asked / perJob))
  );
  const [note, setNote] = React.useState<string | null>(null);
  const { busy, problem, run } = useAction();
  const first = React.useRef<HTMLInputElement>(null);
  const id = React.useId();
  React.useEffect(() => first.current?.focus(), []);

  const each = by === 'workers' ? perJob : by === 'cores' ? Math.max(1, unit?.cores ?? 1) : 1;
  const choose = (next: SizeUnit): void => {
    // The same size in the other unit.
    if (unit) {
      const size = sizeOf(count, by, unit);
      setCount(size[next]);
    }
    setBy(next);
  };
  const pick = (next: string): void => {
    const other = cluster.groups[next];
    setName(next);
    setBy('workers');
    setCount(other.asked);
    setLeast(other.adapt?.minimum ?? 0);
    setMost(other.adapt?.maximum ?? Math.max(2, 2 * other.jobs));
    setMode(other.adapt && onAdapt ? 'adaptive' : 'fixed');
  };

  const wrong =
    mode === 'adaptive' && least > most ? trans.__('The least is more than the most.') : null;
  const apply = async (): Promise<void> => {
    const where = names.length > 1 ? { group: name } : {};
    setNote(null);
    let told: string | null = null;
    const well = await run('apply', async () => {
      if (mode === 'adaptive') {
        await onAdapt?.({ minimum: least, maximum: most, ...where });
      } else {
        told = (await onScale?.({ [by]: count, ...where })) ?? null;
      }
    });
    if (well && told === null) {
      onClose();
    } else {
      setNote(told);
    }
  };

  const jobs = unitWords(cluster.system, trans).many;
  const slider = useReach(mode === 'adaptive' ? most : count, mode === 'adaptive' ? 1 : each);
  return (
    <form
      className="dsk-Scale"
      aria-label={trans.__('Size of %1', cluster.name)}
      onSubmit={event => {
        event.preventDefault();
        if (!busy && !wrong) {
          void apply();
        }
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          onClose();
        }
      }}
    >
      <div className="dsk-Scale-row">
        {onScale && onAdapt && (
          <span
            className="dsk-Segments"
            role="radiogroup"
            aria-label={trans.__('How the size is set')}
          >
            {(['fixed', 'adaptive'] as const).map(one => (
              <label key={one} className={`dsk-Segment${mode === one ? ' dsk-mod-on' : ''}`}>
                <input
                  type="radio"
                  name={`${id}-mode`}
                  checked={mode === one}
                  onChange={() => setMode(one)}
                />
                {one === 'fixed' ? trans.__('Fixed') : trans.__('Adaptive')}
              </label>
            ))}
          </span>
        )}
        {names.length > 1 && (
          <select
            className="dsk-Select"
            aria-label={trans.__('Group of workers')}
            value={name}
            onChange={event => pick(event.target.value)}
          >
            {names.map(one => (
              <option key={one} value={one}>
                {one === MAIN ? trans.__('main group') : one}
              </option>
            ))}
          </select>
        )}
      </div>
      <input
        className="dsk-Slider"
        type="range"
        min={0}
        max={slider.max}
        step={slider.step}
        value={mode === 'adaptive' ? most : count}
        aria-label={mode === 'adaptive' ? trans.__('At most, in %1', jobs) : trans.__('Size')}
        aria-describedby={`${id}-meaning`}
        onChange={event => (mode === 'adaptive' ? setMost : setCount)(Number(event.target.value))}
      />
      {mode === 'fixed' ? (
        <div className="dsk-Scale-row">
          <input
            ref={first}
            className="dsk-Input dsk-mod-number"
            type="number"
            min={0}
            value={count}
            aria-label={trans.__('Size')}
            aria-describedby={`${id}-meaning`}
            onChange={event => setCount(whole(event.target.value))}
          />
          <select
            className="dsk-Select"
            aria-label={trans.__('Unit of the size')}
            value={by}
            disabled={!unit}
            onChange={event => choose(event.target.value as SizeUnit)}
          >
            <option value="workers">{trans.__('workers')}</option>
            {!local && <option value="jobs">{jobs}</option>}
            <option value="cores">{trans.__('cores')}</option>
          </select>
        </div>
      ) : (
        <div className="dsk-Scale-row">
          <Limit
            ref={first}
            title={trans.__('from')}
            label={trans.__('At least, in %1', jobs)}
            value={least}
            onChange={setLeast}
          />
          <Limit
            title={trans.__('to')}
            label={trans.__('At most, in %1', jobs)}
            value={most}
            onChange={setMost}
          />
          <span>{jobs}</span>
        </div>
      )}
      <div id={`${id}-meaning`} className="dsk-Scale-meaning" aria-live="polite">
        {unit &&
          mode === 'fixed' &&
          `= ${sizeText(sizeOf(count, by, unit), unit, cluster.system, trans, by === 'workers' ? count : undefined)}`}
        {unit &&
          mode === 'adaptive' &&
          trans.__(
            'Follows the work. At most %1',
            sizeText(sizeOf(most, 'jobs', unit), unit, cluster.system, trans)
          )}
      </div>
      {(problem ?? wrong) && (
        <div className="dsk-Problem" role="alert">
          {problem ?? wrong}
        </div>
      )}
      {note && (
        <div className="dsk-Scale-note" role="status">
          {note}
        </div>
      )}
      <div className="dsk-Acts">
        <button
          type="submit"
          className="dsk-Button dsk-mod-primary"
          disabled={busy !== null || wrong !== null}
        >
          {busy
            ? trans.__('Asking…')
            : mode === 'adaptive'
              ? trans.__('Adapt %1 to %2', grouped(least), grouped(most))
              : trans.__('Scale to %1', grouped(count))}
        </button>
        <button type="button" className="dsk-Button" onClick={onClose}>
          {note ? trans.__('Close') : trans.__('Cancel')}
        </button>
      </div>
    </form>
  );
}

function whole(text: string): number {
  return Math.max(0, Math.floor(Number(text)) || 0);
}

/** How far a slider goes: it never shrinks under the hand that holds it. */
function useReach(value: number, step: number): { max: number; step: number } {
  const reach = React.useRef({ max: 0, step: 0 });
  if (reach.current.step !== step) {
    reach.current = { max: 0, step };
  }
  const wanted = Math.max(10 * step, 2 * step * Math.ceil(value / step));
  if (reach.current.max === 0 || value > reach.current.max) {
    reach.current = { max: wanted, step };
  }
  return reach.current;
}

interface ILimitProps {
  title: string;
  label: string;
  value: number;
  onChange: (value: number) => void;
}

/** One end of what the size may be. */
const Limit = React.forwardRef<HTMLInputElement, ILimitProps>(function Limit(
  { title, label, value, onChange },
  ref
) {
  return (
    <label className="dsk-Scale-limit">
      {title}
      <input
        ref={ref}
        className="dsk-Input dsk-mod-number"
        type="number"
        min={0}
        value={value}
        aria-label={label}
        onChange={event => onChange(whole(event.target.value))}
      />
    </label>
  );
});
