/**
 * A profile that is being edited: what the file says, what the form says, and what the server says to it.
 *
 * What somebody has typed is kept here whatever happens to the server.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import { sentence } from '../commands/failures';
import type { IPreview, IProblem, IProfile, IStewardModel } from '../tokens';
import { localCheck } from '../view/localCheck';
import { type JsonObject, isObject, same, withoutRootChoice } from '../view/profileFields';

/** Milliseconds after the last change until the server is asked what is wrong, and what a start would take. */
const VALIDATE = 350;
const PREVIEW = 900;

/** What a profile without a name is validated as. */
const NAMELESS = 'new-profile';

/** A moment of a draft; another object for each. */
export interface IDraftState {
  name: string;
  isNew: boolean;
  value: JsonObject;
  dirty: boolean;
  saving: boolean;
  /** The profile as the server has it; null for a new one, or one that was deleted. */
  profile: IProfile | null;
  /** Whether the file has become another one while it was edited. */
  overtaken: boolean;
  problems: readonly IProblem[];
  failure: string | null;
  /** How many saves have failed. */
  failed: number;
  system: string | null;
  schema: JsonObject | null;
  schemaError: string | null;
  preview: IPreview | null;
  previewError: string | null;
  asking: boolean;
  /** Whether the preview is of an earlier value. */
  previewStale: boolean;
}

export class ProfileDraft implements IDisposable {
  constructor(private readonly _options: ProfileDraft.IOptions) {
    const { model, name, isNew, value } = _options;
    const profile = isNew ? null : (model.profiles.find(each => each.name === name) ?? null);
    this._saved = profile?.written ?? (isNew ? {} : null);
    this._state = {
      name,
      isNew,
      value: value ?? this._saved ?? {},
      dirty: false,
      saving: false,
      profile,
      overtaken: false,
      problems: profile?.problems ?? [],
      failure: null,
      failed: 0,
      system: null,
      schema: null,
      schemaError: null,
      preview: null,
      previewError: null,
      asking: false,
      previewStale: true
    };
    this._validate = new Debouncer(() => this._askProblems(), VALIDATE);
    this._preview = new Debouncer(() => this.ask(), PREVIEW);
    model.profilesChanged.connect(this._onProfiles, this);
    model.connectionChanged.connect(this._onConnection, this);
    this._update({});
    this._consider();
  }

  get state(): IDraftState {
    return this._state;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this._validate.dispose();
      this._preview.dispose();
      Signal.clearData(this);
    }
  }

  setName(name: string): void {
    this._update({ name, failure: null });
    this._consider();
  }

  setValue(value: JsonObject): void {
    this._update({ value, failure: null });
    this._consider();
  }

  /** Go back to what the file says. */
  revert(): void {
    const written = this._state.profile?.written ?? {};
    this._saved = written;
    this._update({ value: written, overtaken: false, failure: null });
    this._consider();
  }

  /** Whether it was saved. */
  async save(): Promise<boolean> {
    const { name, value, isNew, saving } = this._state;
    const { model, trans } = this._options;
    if (saving) {
      return false;
    }
    if (name.trim() === '') {
      this._fail([problem('name', trans.__('A profile needs a name.'))], null);
      return false;
    }
    this._update({ saving: true, failure: null });
    try {
      const profile = await model.saveProfile(name, value, isNew);
      if (this._disposed) {
        return true;
      }
      this._saved = profile.written;
      const untouched = same(this._state.value, value);
      this._update({
        saving: false,
        isNew: false,
        profile,
        overtaken: false,
        problems: profile.problems,
        // What was typed while it was on its way is not lost.
        value: untouched ? profile.written : this._state.value
      });
      this._consider();
      return true;
    } catch (error) {
      if (!this._disposed) {
        const { problems, field } = error as {
          problems?: readonly IProblem[];
          field?: string | null;
        };
        const found = problems?.length
          ? problems
          : field
            ? [problem(field, sentence(error))]
            : null;
        // What is wrong with fields stands at them and above the form: not a third time.
        this._fail(found ?? this._state.problems, found ? null : sentence(error));
      }
      return false;
    }
  }

  /** Ask what a start would take. */
  async ask(): Promise<void> {
    const { name, value, isNew, dirty, problems } = this._state;
    const { model } = this._options;
    if (this.previewBlocked() !== null || problems.length > 0) {
      return;
    }
    const turn = ++this._previewTurn;
    this._update({ asking: true });
    const asked = isNew || dirty ? value : null;
    try {
      const preview = await model.preview(name || NAMELESS, asked, true);
      if (turn === this._previewTurn && !this._disposed) {
        this._update({
          preview,
          previewError: null,
          asking: false,
          previewStale: !same(value, this._state.value)
        });
      }
    } catch (error) {
      if (turn === this._previewTurn && !this._disposed) {
        this._update({ previewError: sentence(error), asking: false });
      }
    }
  }

  /** Read the schema again. */
  reload(): void {
    this._wanted = null;
    this._update({});
  }

  /** Why nobody can be asked for a preview; null where one can. */
  previewBlocked(): string | null {
    const { model, trans } = this._options;
    const permissions = model.status?.permissions;
    if (model.connection.state !== 'ok') {
      return trans.__('The server does not answer.');
    }
    if (permissions && !permissions.execute) {
      return trans.__('You may look at profiles, but not ask what a start would take.');
    }
    return this._state.problems.length > 0
      ? trans.__('A preview comes when nothing is wrong any more.')
      : null;
  }

  private _fail(problems: readonly IProblem[], failure: string | null): void {
    this._update({ saving: false, problems, failure, failed: this._state.failed + 1 });
  }

  private _update(change: Partial<IDraftState>): void {
    const next = { ...this._state, ...change };
    next.dirty = this._saved === null ? false : !same(next.value, this._saved);
    next.system = this._systemOf(next);
    if ('value' in change && !('preview' in change)) {
      next.previewStale = true;
    }
    this._state = next;
    if (next.system !== this._wanted) {
      this._wanted = next.system;
      void this._readSchema(next.system);
    }
    this._changed.emit();
  }

  private _systemOf({ value, profile }: IDraftState): string | null {
    const { model, system } = this._options;
    if (typeof value.system === 'string') {
      return value.system;
    }
    const base = model.profiles.find(
      each => each.name === value.extends && each.name !== profile?.name
    );
    return base?.system ?? profile?.system ?? system ?? null;
  }

  private async _readSchema(system: string | null): Promise<void> {
    if (system === null) {
      return;
    }
    try {
      const schema = withoutRootChoice(await this._options.model.schema(system));
      if (this._wanted === system && !this._disposed) {
        this._update({ schema, schemaError: null });
      }
    } catch (error) {
      if (this._wanted === system && !this._disposed) {
        // An unknown system is one of the problems; the form stays as it was, so that it can be mended.
        this._update({ schemaError: sentence(error) });
      }
    }
  }

  /** Ask the server about what the form says now. */
  private _consider(): void {
    void this._validate.invoke().catch(() => undefined);
    void this._preview.invoke().catch(() => undefined);
  }

  private async _askProblems(): Promise<void> {
    const { name, value, isNew, schema } = this._state;
    const { model, trans } = this._options;
    if (model.connection.state !== 'ok') {
      if (schema) {
        this._update({ problems: localCheck(schema, value, trans) });
      }
      return;
    }
    if (!this._mayEdit()) {
      return;
    }
    const turn = ++this._problemTurn;
    try {
      const problems = await model.validateProfile(name || NAMELESS, value);
      const taken =
        isNew && model.profiles.some(each => each.name === name && each.level === 'user')
          ? [problem('name', trans.__('You have a profile of this name already.'))]
          : [];
      if (turn === this._problemTurn && !this._disposed && !this._state.saving) {
        this._update({ problems: [...taken, ...problems] });
        if (problems.length === 0 && this._state.previewStale) {
          void this._preview.invoke().catch(() => undefined);
        }
      }
    } catch {
      // The connection tells that the server is away; what was said last stays.
    }
  }

  private _mayEdit(): boolean {
    const { isNew, profile } = this._state;
    return isNew || profile?.editable === true;
  }

  private _onProfiles(): void {
    const { model } = this._options;
    const { isNew, name, dirty } = this._state;
    if (isNew) {
      this._update({});
      return;
    }
    const profile = model.profiles.find(each => each.name === name) ?? null;
    if (!profile) {
      this._update({ profile: null });
      return;
    }
    const written = same(profile.written, this._saved ?? undefined);
    if (this._saved === null || (!dirty && !this._state.saving)) {
      // Nothing is lost by showing what the file says now.
      const began = this._saved === null && this._options.value !== undefined;
      this._saved = profile.written;
      const value = began || written ? this._state.value : profile.written;
      this._update({ profile, value, problems: dirty ? this._state.problems : profile.problems });
      if (!written) {
        this._consider();
      }
      return;
    }
    this._update({ profile, overtaken: !written && !this._state.saving });
  }

  private _onConnection(): void {
    this._update({});
    if (this._options.model.connection.state === 'ok') {
      if (this._state.schemaError !== null || this._state.schema === null) {
        this.reload();
      }
      this._consider();
    }
  }

  private _state: IDraftState;
  /** What the file says, as last heard; null until the profiles have come. */
  private _saved: JsonObject | null;
  private _wanted: string | null = null;
  private _problemTurn = 0;
  private _previewTurn = 0;
  private _disposed = false;
  private readonly _validate: Debouncer;
  private readonly _preview: Debouncer;
  private _changed = new Signal<this, void>(this);
}

function problem(field: string, message: string): IProblem {
  return { message, field, file: null, line: null, column: null };
}

export namespace ProfileDraft {
  export interface IOptions {
    model: IStewardModel;
    trans: TranslationBundle;
    name: string;
    isNew: boolean;
    /** The system of a new one. */
    system?: string;
    /** What it begins with: a copy, or what was typed before the page was loaded again. */
    value?: JsonObject;
  }
}

/** Values by path of what a profile extends; null where it extends nothing. */
export function baseOf(
  { value, name, profile }: IDraftState,
  profiles: readonly IProfile[]
): { name: string; values: JsonObject } | null {
  if (typeof value.extends !== 'string') {
    return null;
  }
  if (value.extends === name) {
    // The one of the next level; it is not in the list, but what this one resolves to has its values.
    return profile?.resolved ? { name, values: profile.resolved } : null;
  }
  const base = profiles.find(each => each.name === value.extends);
  return base && isObject(base.resolved) ? { name: base.name, values: base.resolved } : null;
}
