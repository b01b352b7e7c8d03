/**
 * The tabs of profiles: the editor of one, and what discovery found.
 */
import { Dialog, MainAreaWidget, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { sentence } from '../commands/failures';
import { useChanged } from '../hooks';
import { baseOf, type ProfileDraft } from './profileDraft';
import { CommandIDs, type IDiscovery, type IProfile, type IStewardModel } from '../tokens';
import { DiscoverPane } from '../view/DiscoverPane';
import { ProfileEditor } from '../view/ProfileEditor';

/** The editor of one profile. */
export class EditorWidget extends ReactWidget {
  constructor(
    readonly draft: ProfileDraft,
    private readonly _model: IStewardModel,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('dsk-EditorWidget');
  }

  dispose(): void {
    this.draft.dispose();
    super.dispose();
  }

  protected onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    if (!this.node.contains(document.activeElement)) {
      this.node.querySelector<HTMLElement>('input:not([disabled]), button')?.focus();
    }
  }

  protected render(): React.ReactElement {
    return (
      <EditorOf
        widget={this}
        draft={this.draft}
        model={this._model}
        commands={this._commands}
        trans={this._trans}
      />
    );
  }
}

/** Its tab, which asks before it is closed with something that is not saved. */
export class EditorTab extends MainAreaWidget<EditorWidget> {
  constructor(
    content: EditorWidget,
    /** What it is known by while its profile has no name. */
    readonly key: string,
    private readonly _trans: TranslationBundle
  ) {
    super({ content });
  }

  protected onCloseRequest(msg: Message): void {
    const { dirty, isNew, value, name } = this.content.draft.state;
    const begun = isNew && (name !== '' || Object.keys(value).length > 1);
    if (!dirty || (isNew && !begun)) {
      super.onCloseRequest(msg);
      return;
    }
    void showDialog({
      title: this._trans.__('Close “%1” without saving?', this.title.label),
      body: this._trans.__('What was changed is lost then.'),
      buttons: [
        Dialog.cancelButton({ label: this._trans.__('Go on editing') }),
        Dialog.warnButton({ label: this._trans.__('Do not save') })
      ]
    }).then(result => {
      if (result.button.accept) {
        super.onCloseRequest(msg);
      }
    });
  }
}

interface IEditorOfProps {
  widget: EditorWidget;
  draft: ProfileDraft;
  model: IStewardModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

const NONE: readonly string[] = [];
const NOTHING = {};

function EditorOf({ widget, draft, model, commands, trans }: IEditorOfProps): React.ReactElement {
  const state = useChanged(draft.changed, () => draft.state);
  const profiles = useChanged(model.profilesChanged, () => model.profiles);
  const status = useChanged(model.connectionChanged, () => model.status);
  const connection = useChanged(model.connectionChanged, () => model.connection);
  const { name, isNew, value, profile, schema, system } = state;

  const base = React.useMemo(
    () => baseOf(state, profiles),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [value.extends, name, profile, profiles]
  );
  const options = React.useMemo(
    () => ({
      system: (status?.systems ?? []).map(each => ({ value: each.system, title: each.title })),
      extends: profiles
        .filter(each => each.name !== name || !isNew)
        .map(each => ({
          value: each.name,
          title: each.title === each.name ? each.name : `${each.name} · ${each.title}`
        }))
    }),
    [status, profiles, name, isNew]
  );
  // What is locked of a profile holds for those that extend it, and a site's locks for all of a system.
  const lender =
    profile ??
    profiles.find(each => each.name === value.extends) ??
    profiles.find(each => each.system === system && each.level === 'builtin') ??
    null;
  const connected = connection.state === 'ok';

  const start = async (): Promise<void> => {
    if ((!state.dirty && !isNew) || (await draft.save())) {
      await commands.execute(CommandIDs.newCluster, { profile: draft.state.name });
    }
  };
  const remove = async (): Promise<void> => {
    await commands.execute(CommandIDs.deleteProfile, { name });
    if (!model.profiles.some(each => each.name === name && each.editable)) {
      widget.parent?.dispose();
    }
  };

  return (
    <ProfileEditor
      title={titleOf(draft, trans)}
      name={name}
      isNew={isNew}
      origin={originOf(profile, isNew, trans)}
      readOnly={readOnlyOf(profile, isNew, model, trans)}
      copyable={!model.readOnly && connected && profile !== null}
      dirty={state.dirty}
      saving={state.saving}
      blocked={
        connected
          ? null
          : trans.__(
              'The server does not answer. What you type stays here, and can be saved later.'
            )
      }
      note={
        state.overtaken
          ? trans.__('The file was changed elsewhere. Save writes over it; Revert shows it.')
          : null
      }
      failure={state.failure}
      failed={state.failed}
      problems={state.problems}
      form={
        schema && {
          schema,
          value,
          base,
          locked: lender?.locked ?? NONE,
          lockedValues: lender?.resolved ?? NOTHING,
          options
        }
      }
      formError={schema ? null : state.schemaError}
      preview={{
        preview: state.preview,
        asking: state.asking,
        error: state.previewError,
        stale: state.previewStale,
        blocked: draft.previewBlocked(),
        onAsk: () => void draft.ask()
      }}
      trans={trans}
      onName={text => draft.setName(text)}
      onChange={next => draft.setValue(next)}
      onSave={() => void draft.save()}
      onSaveAndStart={() => void start()}
      onRevert={() => draft.revert()}
      onDelete={isNew ? null : () => void remove()}
      onCopy={() => void commands.execute(CommandIDs.newProfile, { copy: name })}
      onReload={() => draft.reload()}
    />
  );
}

/** What a profile's tab is called. */
export function titleOf(draft: ProfileDraft, trans: TranslationBundle): string {
  const { name, isNew, profile } = draft.state;
  return isNew ? name || trans.__('New profile') : (profile?.title ?? name);
}

function originOf(profile: IProfile | null, isNew: boolean, trans: TranslationBundle): string {
  if (isNew || !profile) {
    return isNew ? trans.__('not saved yet') : '';
  }
  switch (profile.level) {
    case 'builtin':
      return trans.__('comes with Dask Steward');
    case 'system':
      return trans.__('of this site, %1', profile.source ?? '');
    case 'environment':
      return trans.__('of this environment, %1', profile.source ?? '');
    default:
      return profile.source ?? trans.__('yours');
  }
}

function readOnlyOf(
  profile: IProfile | null,
  isNew: boolean,
  model: IStewardModel,
  trans: TranslationBundle
): string | null {
  if (model.readOnly) {
    return trans.__('You may look at profiles on this server, but not change them.');
  }
  if (isNew || !profile || profile.editable) {
    return null;
  }
  return profile.level === 'builtin'
    ? trans.__('This profile comes with Dask Steward. A copy of it is yours to change.')
    : trans.__('This profile is not yours to change. A copy of it is.');
}

/** What discovery of a system found. */
export class DiscoverWidget extends ReactWidget {
  constructor(
    readonly system: string,
    private readonly _model: IStewardModel,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('dsk-EditorWidget');
  }

  protected render(): React.ReactElement {
    return (
      <DiscoverOf
        system={this.system}
        model={this._model}
        commands={this._commands}
        trans={this._trans}
      />
    );
  }
}

function DiscoverOf({
  system,
  model,
  commands,
  trans
}: {
  system: string;
  model: IStewardModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.ReactElement {
  const [found, setFound] = React.useState<IDiscovery | null>(null);
  const [asking, setAsking] = React.useState(false);
  const [error, setError] = React.useState<string | null>(null);
  const connection = useChanged(model.connectionChanged, () => model.connection);
  const status = useChanged(model.connectionChanged, () => model.status);
  const connected = connection.state === 'ok';

  const ask = React.useCallback(
    async (write: boolean): Promise<void> => {
      setAsking(true);
      try {
        setFound(await model.discover(system, write));
        setError(null);
      } catch (reason) {
        setError(sentence(reason));
      } finally {
        setAsking(false);
      }
    },
    [model, system]
  );
  React.useEffect(() => {
    if (connected) {
      void ask(false);
    }
  }, [ask, connected]);

  return (
    <DiscoverPane
      system={status?.systems.find(each => each.system === system)?.title ?? system}
      found={found}
      asking={asking}
      error={error}
      blocked={
        !connected
          ? trans.__('The server does not answer.')
          : model.readOnly
            ? trans.__('You may look at profiles on this server, but not change them.')
            : null
      }
      trans={trans}
      onAsk={() => void ask(false)}
      onWrite={() => void ask(true)}
      onEdit={name => void commands.execute(CommandIDs.editProfile, { name })}
    />
  );
}
