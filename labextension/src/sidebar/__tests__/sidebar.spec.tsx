/**
 * The panel with its sections, over a model whose facts a test sets.
 */
import { StateDB } from '@jupyterlab/statedb';
import { nullTranslator } from '@jupyterlab/translation';
import { act, configure, screen, waitFor } from '@testing-library/react';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { Announcer } from '../announcer';
import { mimeOf } from '../drag';
import { type ISidebarState, readState } from '../sidebarState';
import { Sidebar } from '../sidebarPanel';
import { CommandIDs, type IStewardModel } from '../../tokens';
import { FakeModel, profile } from '../../__tests__/fakeModel';
import { cluster, status } from '../../__tests__/fakes';

class Model extends FakeModel {
  now = () => Date.now() / 1000;
}

// A machine that does other things too takes its time.
configure({ asyncUtilTimeout: 30000 });

const trans = nullTranslator.load('dask_steward');
const alive: Widget[] = [];

beforeAll(() => {
  (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
});

afterEach(() => {
  act(() => alive.splice(0).forEach(one => one.dispose()));
});

/** What Lumino and React have put off is done. */
const settled = (): Promise<void> =>
  act(async () => {
    await new Promise(resolve => setTimeout(resolve, 50));
  });

async function panel(known: Model, state: StateDB | null = null, commands = new CommandRegistry()) {
  const sidebar = new Sidebar({
    model: known.model as IStewardModel,
    commands,
    translator: nullTranslator,
    state,
    notebooks: null,
    attachments: null
  });
  alive.push(sidebar);
  act(() => Widget.attach(sidebar, document.body));
  await settled();
  act(() => sidebar.ready());
  await settled();
  return sidebar;
}

function known(): Model {
  const model = new Model();
  model.status = status({
    found: [{ system: 'slurm', partitions: 2, profiles: 0 }],
    systems: [{ system: 'slurm', title: 'Slurm', summary: '' }],
    default_profile: 'quickstart'
  });
  model.profiles = [profile('quickstart'), profile('normal')];
  return model;
}

const open = (sidebar: Sidebar): boolean[] => sidebar.widgets.map(one => !one.isHidden);

describe('the panel', () => {
  it('has clusters first, and what is held closed', async () => {
    const sidebar = await panel(known());
    expect(sidebar.widgets.map(one => one.title.label)).toEqual([
      'Clusters',
      'Profiles',
      'Dashboards',
      'Held'
    ]);
    expect(open(sidebar)).toEqual([true, true, true, false]);
  });

  it('teaches while there is no cluster, and starts one by one press', async () => {
    const model = known();
    const started = cluster('a');
    model.answers.start = started;
    await panel(model);
    expect(screen.getByText('No cluster yet')).toBeInTheDocument();
    expect(screen.getByText('Make profiles of its 2 partitions')).toBeInTheDocument();
    act(() => screen.getByText('New from “Title of quickstart”').click());
    await settled();
    expect(model.calls).toContainEqual(['start', { profile: 'quickstart' }]);
    expect(model.selected).toBe('a');
  });

  it('shows a cluster that somebody else has started', async () => {
    const model = known();
    const sidebar = await panel(model);
    act(() => model.show(cluster('a'), cluster('b')));
    await settled();
    expect(screen.getByText('name of a')).toBeInTheDocument();
    expect(screen.getByText('name of b')).toBeInTheDocument();
    expect(screen.queryByText('No cluster yet')).toBeNull();
    expect(sidebar.accordionPanel.titles[0].dataset.dskCount).toBe('2');
  });

  it('keeps the title of a section, and so its focus, when the number in it changes', async () => {
    const model = known();
    const sidebar = await panel(model);
    const [title] = sidebar.accordionPanel.titles;
    title.focus();
    act(() => model.show(cluster('a')));
    await settled();
    expect(sidebar.accordionPanel.titles[0]).toBe(title);
    expect(title).toHaveFocus();
    expect(title.dataset.dskCount).toBe('1');
  });

  it('says that the server is not heard, and offers nothing then', async () => {
    const model = known();
    await panel(model);
    act(() => model.show(cluster('a')));
    act(() => model.connect_('lost'));
    await settled();
    expect(screen.getByText(/^No news since/)).toBeInTheDocument();
    expect(screen.queryByText(/^New from/)).toBeNull();
    expect(screen.queryByText('Scale')).toBeNull();
  });

  it('asks what is held when that is looked at, and not before', async () => {
    const model = known();
    const sidebar = await panel(model);
    const asked = (): number => model.calls.filter(([name]) => name === 'refreshHeld').length;
    expect(asked()).toBe(0);
    act(() => sidebar.accordionPanel.expand(3));
    await settled();
    await waitFor(() => expect(asked()).toBe(1));
  });

  it('gives buttons to commands that are there', async () => {
    const model = known();
    const commands = new CommandRegistry();
    const execute = jest.fn();
    commands.addCommand(CommandIDs.openDetails, { execute });
    await panel(model, null, commands);
    act(() => model.show(cluster('a')));
    await settled();
    act(() => screen.getByRole('button', { name: 'More actions for name of a' }).click());
    expect(screen.queryByRole('menuitem', { name: 'Logs' })).toBeNull();
    act(() => screen.getByRole('menuitem', { name: 'Details' }).click());
    await settled();
    expect(execute).toHaveBeenCalledWith({ id: 'a' });
  });
});

describe('the title of a section', () => {
  it('has buttons for what changes something, while a person may change it', async () => {
    const model = known();
    const commands = new CommandRegistry();
    const execute = jest.fn();
    commands.addCommand(CommandIDs.discover, { execute });
    commands.addCommand(CommandIDs.refresh, { execute: () => undefined });
    await panel(model, null, commands);
    const shown = (label: string): boolean =>
      screen.getByTitle(label).closest('.lm-mod-hidden') === null;
    expect(shown('Make profiles of what is found here')).toBe(true);
    act(() => screen.getByTitle('Make profiles of what is found here').click());
    expect(execute).toHaveBeenCalledWith({ system: 'slurm' });

    model.readOnly = true;
    act(() => model.connect_('ok'));
    await settled();
    expect(shown('Make profiles of what is found here')).toBe(false);
    expect(shown('Ask again what is held')).toBe(true);
  });
});

describe('what is remembered', () => {
  it('is which sections are open', async () => {
    const state = new StateDB();
    const first = await panel(known(), state);
    act(() => first.accordionPanel.collapse(1));
    act(() => first.accordionPanel.expand(3));
    await waitFor(async () => expect(await state.fetch('dask-steward:sidebar')).toBeDefined());
    act(() => first.dispose());
    const second = await panel(known(), state);
    expect(open(second)).toEqual([true, false, true, true]);
  });

  it('is not believed where it is of another form', () => {
    const otherwise: ISidebarState = { sections: { a: { open: true, size: 1 } }, profile: null };
    expect(readState(undefined, otherwise)).toEqual(otherwise);
    expect(readState({ sections: { a: { open: 'x' }, z: 1 }, profile: 4 }, otherwise)).toEqual(
      otherwise
    );
    expect(readState({ sections: { a: { open: false, size: 3 } } }, otherwise).sections.a).toEqual({
      open: false,
      size: 3
    });
  });
});

describe('a section that is moved to another panel', () => {
  it('comes back to its place', async () => {
    const sidebar = await panel(known());
    const { id } = sidebar.getSections()[1];
    const moved = sidebar.removeSectionById(id);
    expect(sidebar.widgets).toHaveLength(3);
    expect(sidebar.removeSectionById(id)).toBeNull();
    const added = jest.fn();
    sidebar.sectionAdded.connect((_, entry) => added(entry.id));
    sidebar.reinsertSection(moved as Widget);
    expect(sidebar.widgets.map(one => one.id).indexOf(id)).toBe(1);
    const titles = [...sidebar.node.querySelectorAll('.jp-AccordionPanel-title')];
    expect(titles).toEqual([...sidebar.accordionPanel.titles]);
    expect(added).toHaveBeenCalledWith(id);
  });
});

describe('the live region', () => {
  it('says each change of a state once, also while the panel is hidden', async () => {
    const model = known();
    const announcer = new Announcer(model.model as IStewardModel, trans);
    alive.push(announcer);
    act(() => announcer.attach());
    act(() => model.announced.emit(cluster('a', { state: 'failed', reason: 'No such queue.' })));
    await settled();
    const region = announcer.node.querySelector('[aria-live="polite"]');
    expect(region).toHaveTextContent('Cluster name of a: failed. No such queue.');
  });
});

describe('what is pulled into a notebook', () => {
  it('is a cell with the code, and text for an editor', () => {
    const data = mimeOf('client = Client("tls://h:1")');
    expect(data.getData('text/plain')).toBe('client = Client("tls://h:1")');
    const [cell] = data.getData('application/vnd.jupyter.cells') as { source: string }[];
    expect(cell).toMatchObject({ cell_type: 'code', source: 'client = Client("tls://h:1")' });
  });
});
