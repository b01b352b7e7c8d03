import { Dialog, Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';

import { addCommands, followState } from '../commands';
import { CommandIDs } from '../../tokens';
import { cluster } from '../../__tests__/fakes';
import { FakeModel, profile } from '../../__tests__/fakeModel';

const trans = nullTranslator.load('dask_steward');
const BUSY = { groups: [{ name: 'mean', done: 1, total: 5, erred: 1 }], per_second: 2 };

describe('commands', () => {
  let model: FakeModel;
  let commands: CommandRegistry;
  const open = jest.fn();
  let hit: string | undefined;

  beforeEach(() => {
    model = new FakeModel();
    commands = new CommandRegistry();
    hit = undefined;
    open.mockClear();
    addCommands({ commands, model: model.model, trans, open, hit: () => hit });
    model.show(cluster('a'), cluster('b'));
  });

  afterEach(() => {
    Dialog.flush();
    Notification.dismiss();
  });

  /** The dialog that is open, with its fields by label. */
  const dialog = async (): Promise<{
    text: string;
    fill: (label: string, value: string) => void;
    accept: () => Promise<void>;
    acceptable: () => boolean;
  }> => {
    await new Promise(resolve => setTimeout(resolve, 0));
    const node = document.querySelector<HTMLElement>('.jp-Dialog')!;
    const button = node.querySelector<HTMLButtonElement>('.jp-mod-accept:last-child')!;
    return {
      text: node.textContent ?? '',
      fill: (label, value) => {
        const found = [...node.querySelectorAll('label')].find(each => each.textContent === label)!;
        const input = node.querySelector<HTMLInputElement>(`#${found.htmlFor}`)!;
        input.value = value;
        input.dispatchEvent(new Event('input', { bubbles: true }));
      },
      acceptable: () => !button.disabled,
      accept: async () => {
        button.click();
        await new Promise(resolve => setTimeout(resolve, 0));
      }
    };
  };

  it('say what they take', async () => {
    for (const id of commands.listCommands()) {
      const { args } = await commands.describedBy(id);
      expect([id, args?.type]).toEqual([id, 'object']);
      expect(commands.label(id)).toBeTruthy();
      expect(commands.caption(id)).toBeTruthy();
    }
  });

  it('act on the card that is open, on the one that is named, on the one of the context menu', async () => {
    model.selected = 'b';
    await commands.execute(CommandIDs.scale, { workers: 4 });
    await commands.execute(CommandIDs.scale, { id: 'a', jobs: 2, group: 'gpu' });
    hit = 'a';
    await commands.execute(CommandIDs.scale, { context: true, cores: 8 });
    expect(model.calls).toEqual([
      ['scale', 'b', { workers: 4 }],
      ['scale', 'a', { jobs: 2, group: 'gpu' }],
      ['scale', 'a', { cores: 8 }]
    ]);
  });

  it('ask for the size that they were not given', async () => {
    const done = commands.execute(CommandIDs.scale);
    const asked = await dialog();
    asked.fill('Size', '7');
    asked.fill('In', 'jobs');
    await asked.accept();
    await done;
    expect(model.calls).toEqual([['scale', 'a', { jobs: 7 }]]);
  });

  it('do not take limits the wrong way round, and say so', async () => {
    const done = commands.execute(CommandIDs.adapt, { id: 'a' });
    const asked = await dialog();
    asked.fill('At least', '5');
    asked.fill('At most', '2');
    expect(asked.acceptable()).toBe(false);
    expect(document.querySelector('[role=alert]')?.textContent).toMatch(/must not be less/);
    asked.fill('At most', '6');
    expect(asked.acceptable()).toBe(true);
    await asked.accept();
    await done;
    expect(model.calls).toEqual([['adapt', 'a', { minimum: 5, maximum: 6 }]]);
  });

  it('stop at once where nothing computes', async () => {
    await commands.execute(CommandIDs.stop, { id: 'a' });
    expect(model.calls).toEqual([['stop', 'a']]);
  });

  it('ask before they stop what computes, and Return does not', async () => {
    model.show(cluster('a', { tasks: BUSY }));
    const done = commands.execute(CommandIDs.stop, { id: 'a' });
    const asked = await dialog();
    expect(asked.text).toContain('3 are not done');
    document
      .querySelector('.jp-Dialog')!
      .dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    await done;
    expect(model.calls).toEqual([]);

    const again = commands.execute(CommandIDs.stop, { id: 'a' });
    await (await dialog()).accept();
    await again;
    expect(model.calls).toEqual([['stop', 'a']]);
  });

  it('are closed to a person who may only look', () => {
    model.readOnly = true;
    const opened = commands.listCommands().filter(id => commands.isEnabled(id));
    expect(opened.sort()).toEqual(
      [CommandIDs.openPanel, CommandIDs.copyAddress, CommandIDs.refresh].sort()
    );
  });

  it('of size and workers are closed for a scheduler of somebody else, which is let go at once', async () => {
    model.show(cluster('a', { foreign: true, tasks: BUSY }));
    for (const id of [CommandIDs.scale, CommandIDs.adapt, CommandIDs.restartWorkers]) {
      expect(commands.isEnabled(id)).toBe(false);
    }
    await commands.execute(CommandIDs.stop, { id: 'a' });
    expect(model.calls).toEqual([['stop', 'a']]);
  });

  it('are closed for a cluster that has ended', () => {
    model.show(cluster('a', { state: 'failed' }));
    expect(commands.isEnabled(CommandIDs.scale)).toBe(false);
    expect(commands.isEnabled(CommandIDs.stop)).toBe(false);
    expect(commands.isEnabled(CommandIDs.stopAll)).toBe(false);
    expect(commands.isEnabled(CommandIDs.saveAsProfile)).toBe(true);
  });

  it('start with a kernel, in its environment, and attach its notebook', async () => {
    const attach = jest.fn();
    commands.addCommand(CommandIDs.attach, { execute: args => attach(args) });
    model.answers.start = cluster('new');
    await commands.execute(CommandIDs.newCluster, {
      profile: 'slurm',
      kernelId: 'k1',
      environment: 'conda-x',
      notebook: 'a.ipynb'
    });
    expect(model.calls).toEqual([
      ['start', { profile: 'slurm', kernel_id: 'k1', tenure: 'kernel', environment: 'conda-x' }]
    ]);
    expect(attach).toHaveBeenCalledWith({ id: 'new', notebook: 'a.ipynb' });
    expect(model.selected).toBe('new');
    expect(open).not.toHaveBeenCalled();
  });

  it('ask which profile, and offer none with problems', async () => {
    const problem = { message: 'wrong', field: null, file: null, line: null, column: null };
    model.profiles = [profile('good'), profile('bad', { problems: [problem] })];
    model.answers.start = cluster('new');
    const done = commands.execute(CommandIDs.newCluster);
    const asked = await dialog();
    expect(asked.text).not.toContain('Title of bad');
    asked.fill('Workers (optional)', '3');
    await asked.accept();
    await done;
    expect(model.calls).toEqual([['start', { profile: 'good', scale: { workers: 3 } }]]);
    expect(open).toHaveBeenCalled();
  });

  it('tell why something did not work, with the way out', async () => {
    model.fails.scale = Object.assign(new Error('sbatch refused.'), { hint: 'Ask for less.' });
    await commands.execute(CommandIDs.scale, { workers: 4 });
    const told = Notification.manager.notifications;
    expect(told[0].message).toBe('The size was not changed. sbatch refused. Ask for less.');
    expect(told[0].type).toBe('error');
  });

  it('tell of a change of state once, and of a change of numbers never', () => {
    followState(commands, model.model);
    model.clustersChanged.emit();
    const changed = jest.fn();
    commands.commandChanged.connect((_, args) => changed(args.id));
    model.show(cluster('a', { tasks: { groups: [], per_second: 9 } }), cluster('b'));
    expect(changed).not.toHaveBeenCalled();
    model.show(cluster('a', { state: 'stopping' }), cluster('b'));
    expect(changed.mock.calls.filter(([id]) => id === CommandIDs.stop)).toHaveLength(1);
  });
});
