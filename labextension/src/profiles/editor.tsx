/**
 * Profiles in tabs: edit, make, preview, and have them discovered.
 */
import { ILayoutRestorer } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { addIcon, editIcon, searchIcon } from '@jupyterlab/ui-components';
import { type JSONObject, type ReadonlyPartialJSONObject, UUID } from '@lumino/coreutils';
import { Debouncer } from '@lumino/polling';

import { shared, takes } from '../commands/args';
import { ask } from '../commands/dialogs';
import { copyOf, freeName } from './copies';
import { DiscoverWidget, EditorTab, EditorWidget, titleOf } from './editorWidgets';
import { ProfileDraft } from './profileDraft';
import { stewardPlugin } from '../plugin';
import { CommandIDs } from '../tokens';
import { isObject, type JsonObject } from '../view/profileFields';

/** Milliseconds after the last change until what was typed is kept for a reload of the page. */
const KEEP = 1000;

export const profilesPlugin = stewardPlugin({
  id: 'dask-steward:profiles',
  description: 'Editor and discovery of Dask profiles.',
  optional: { restorer: ILayoutRestorer },
  palette: [
    CommandIDs.editProfile,
    CommandIDs.newProfile,
    CommandIDs.previewProfile,
    CommandIDs.discover
  ],
  activate: ({ app, model, trans, restorer }) => {
    const about = shared(trans);
    const { commands } = app;
    const tracker = new WidgetTracker<EditorTab>({ namespace: 'dask-steward-profiles' });
    void restorer?.restore(tracker, {
      command: CommandIDs.editProfile,
      args: tab => {
        const { name, isNew, dirty, value, system } = tab.content.draft.state;
        return {
          name,
          isNew,
          key: tab.key,
          ...(system ? { system } : {}),
          ...(dirty ? { draft: value as JSONObject } : {})
        };
      },
      // A tab keeps its place on a reload by this name, so it has to be the same then.
      name: ({ key, content: { draft } }) => (draft.state.isNew ? `new:${key}` : draft.state.name)
    });

    const open = (options: {
      name: string;
      isNew: boolean;
      system?: string;
      value?: JsonObject;
      key?: string;
    }): EditorTab => {
      const there = options.isNew
        ? undefined
        : tracker.find(tab => {
            const { name, isNew } = tab.content.draft.state;
            return name === options.name && !isNew;
          });
      if (there) {
        app.shell.activateById(there.id);
        return there;
      }
      const { key = UUID.uuid4(), ...rest } = options;
      const draft = new ProfileDraft({ model, trans, ...rest });
      const content = new EditorWidget(draft, model, commands, trans);
      const tab = new EditorTab(content, key, trans);
      tab.id = `dask-steward-profile-${key}`;
      tab.title.icon = editIcon;
      tab.title.closable = true;
      const keep = new Debouncer(() => tracker.save(tab), KEEP);
      const dress = (): void => {
        tab.title.label = titleOf(draft, trans);
        tab.title.caption = trans.__('Dask profile %1', tab.title.label);
        tab.title.className = draft.state.dirty ? 'jp-mod-dirty' : '';
      };
      dress();
      draft.changed.connect(() => {
        dress();
        void keep.invoke().catch(() => undefined);
      });
      content.disposed.connect(() => keep.dispose());
      app.shell.add(tab, 'main');
      void tracker.add(tab);
      return tab;
    };

    const text = (value: unknown): string | null =>
      typeof value === 'string' && value ? value : null;

    const profileOf = (args: ReadonlyPartialJSONObject): string | null => text(args.name);

    /** The profile that a person chooses, where the command was not told. */
    const chooseProfile = async (title: string): Promise<string | null> => {
      const answers = await ask(
        {
          title,
          fields: [
            {
              name: 'name',
              label: trans.__('Profile'),
              kind: 'select',
              options: model.profiles.map(each => ({ value: each.name, label: each.title })),
              value: model.profiles[0]?.name ?? ''
            }
          ],
          accept: trans.__('Open')
        },
        trans
      );
      return answers?.name || null;
    };

    commands.addCommand(CommandIDs.editProfile, {
      label: trans.__('Edit Dask Profile…'),
      caption: trans.__('Open a profile as a form, with a preview of what it would start'),
      icon: editIcon,
      describedBy: takes({
        name: about.text(trans.__('The name of the profile. Without it, a dialog asks.')),
        isNew: { type: 'boolean', description: trans.__('It is not saved yet (on a reload).') },
        system: about.text(trans.__('The system of a profile that is not saved yet.')),
        key: about.text(trans.__('The key of a tab that is restored.')),
        draft: { type: 'object', description: trans.__('What was typed before a reload.') }
      }),
      execute: async args => {
        const isNew = args.isNew === true;
        const name = isNew
          ? (profileOf(args) ?? '')
          : (profileOf(args) ?? (await chooseProfile(trans.__('Edit a profile'))));
        if (name === null) {
          return undefined;
        }
        const draft = isObject(args.draft) ? args.draft : undefined;
        return open({
          name,
          isNew,
          system: text(args.system) ?? undefined,
          key: text(args.key) ?? undefined,
          value: draft
        });
      }
    });

    commands.addCommand(CommandIDs.previewProfile, {
      label: trans.__('Preview Dask Profile…'),
      caption: trans.__('See what a start of a profile would submit and hold'),
      describedBy: takes({ name: about.text(trans.__('The name of the profile.')) }),
      isEnabled: () => model.connection.state === 'ok',
      execute: async args => {
        const name = profileOf(args) ?? (await chooseProfile(trans.__('Preview a profile')));
        if (name === null) {
          return undefined;
        }
        const tab = open({ name, isNew: false });
        void tab.content.draft.ask();
        return tab;
      }
    });

    commands.addCommand(CommandIDs.newProfile, {
      label: trans.__('New Dask Profile'),
      caption: trans.__('Make a profile with a form'),
      icon: addIcon,
      describedBy: takes({
        system: about.text(trans.__('What its clusters run on.')),
        copy: about.text(trans.__('The name of a profile that it begins as a copy of.'))
      }),
      isEnabled: () => !model.readOnly,
      execute: args => {
        const copied = model.profiles.find(each => each.name === args.copy);
        if (copied) {
          return open({
            name: freeName(`${copied.name}-copy`, model.profiles),
            isNew: true,
            value: copyOf(copied, trans)
          });
        }
        // What was found at this site is more likely meant than this machine.
        const system = text(args.system) ?? model.status?.found[0]?.system ?? 'local';
        return open({ name: '', isNew: true, value: { system } });
      }
    });

    const discovered = new WidgetTracker<MainAreaWidget<DiscoverWidget>>({
      namespace: 'dask-steward-discover'
    });
    void restorer?.restore(discovered, {
      command: CommandIDs.discover,
      args: ({ content }) => ({ system: content.system }),
      name: ({ content }) => content.system
    });

    commands.addCommand(CommandIDs.discover, {
      label: trans.__('Discover Dask Profiles of This Site'),
      caption: trans.__('Make profiles of the partitions and queues that you may use'),
      icon: searchIcon,
      describedBy: takes({
        system: about.text(
          trans.__('The resource manager. Without it, the one that was found here.')
        )
      }),
      isEnabled: args =>
        text(args.system) !== null || (model.status !== null && model.status.found.length > 0),
      execute: args => {
        const system = text(args.system) ?? model.status?.found[0]?.system;
        if (!system) {
          return undefined;
        }
        const there = discovered.find(({ content }) => content.system === system);
        if (there) {
          app.shell.activateById(there.id);
          return there;
        }
        const content = new DiscoverWidget(system, model, commands, trans);
        const widget = new MainAreaWidget({ content });
        widget.id = `dask-steward-discover-${system}`;
        widget.title.label = trans.__('Discover profiles');
        widget.title.icon = searchIcon;
        widget.title.closable = true;
        app.shell.add(widget, 'main');
        void discovered.add(widget);
        return widget;
      }
    });
  }
});
