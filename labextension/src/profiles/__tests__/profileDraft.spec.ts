import { nullTranslator } from '@jupyterlab/translation';

import { StewardError } from '../../api/errors';
import { copyOf, freeName } from '../copies';
import { baseOf, ProfileDraft } from '../profileDraft';
import type { IProblem, IProfile } from '../../tokens';
import { SCHEMA } from '../../view/__tests__/schema';
import { FakeModel, profile } from '../../__tests__/fakeModel';

const trans = nullTranslator.load('dask_steward');
const PERMITTED = { write: true, execute: true };
const problem = (field: string, message: string): IProblem => ({
  message,
  field,
  file: null,
  line: null,
  column: null
});

const mine = (more: Partial<IProfile> = {}): IProfile =>
  profile('mine', {
    system: 'slurm',
    written: { system: 'slurm', options: { queue: 'x' } },
    ...more
  });

let fake: FakeModel;
let drafts: ProfileDraft[];

function open(more: Partial<ProfileDraft.IOptions> = {}): ProfileDraft {
  const draft = new ProfileDraft({ model: fake.model, trans, name: 'mine', isNew: false, ...more });
  drafts.push(draft);
  return draft;
}

/** Let debouncers and answers come. */
async function settle(): Promise<void> {
  await jest.advanceTimersByTimeAsync(2000);
}

const calls = (method: string): unknown[][] =>
  fake.calls.filter(([name]) => name === method).map(([, ...args]) => args);

beforeEach(() => {
  jest.useFakeTimers();
  fake = new FakeModel();
  fake.profiles = [mine()];
  fake.status = { permissions: PERMITTED } as any;
  fake.answers = {
    schema: SCHEMA,
    validateProfile: [],
    preview: { jobs: 1 },
    saveProfile: mine({ written: { system: 'slurm', title: 'T' } })
  };
  drafts = [];
});

afterEach(() => {
  drafts.forEach(draft => draft.dispose());
  jest.useRealTimers();
});

describe('a draft', () => {
  it('begins with what the file says, and is not changed then', async () => {
    const draft = open();
    await settle();
    expect(draft.state).toMatchObject({
      value: { system: 'slurm', options: { queue: 'x' } },
      dirty: false
    });
    expect(calls('schema')).toEqual([['slurm']]);
    expect(draft.state.schema).toHaveProperty('properties');
    // A saved profile is previewed as it is saved.
    expect(calls('preview')).toEqual([['mine', null, true]]);
  });

  it('asks once what is wrong after some typing, and previews only what is right', async () => {
    const draft = open();
    await settle();
    fake.calls.length = 0;
    fake.answers.validateProfile = [problem('options.cores', 'no number')];
    draft.setValue({ system: 'slurm', options: { cores: 'm' } });
    draft.setValue({ system: 'slurm', options: { cores: 'ma' } });
    await settle();
    expect(calls('validateProfile')).toEqual([
      ['mine', { system: 'slurm', options: { cores: 'ma' } }]
    ]);
    expect(draft.state.problems[0].field).toBe('options.cores');
    expect(calls('preview')).toEqual([]);
    fake.answers.validateProfile = [];
    draft.setValue({ system: 'slurm', options: { cores: 2 } });
    await settle();
    expect(draft.state.problems).toEqual([]);
    expect(calls('preview').pop()).toEqual([
      'mine',
      { system: 'slurm', options: { cores: 2 } },
      true
    ]);
    expect(draft.state.previewStale).toBe(false);
  });

  it('saves, and is not changed any more', async () => {
    const draft = open();
    draft.setValue({ system: 'slurm', title: 'T' });
    expect(draft.state.dirty).toBe(true);
    await expect(draft.save()).resolves.toBe(true);
    expect(calls('saveProfile')).toEqual([['mine', { system: 'slurm', title: 'T' }, false]]);
    expect(draft.state).toMatchObject({ dirty: false, isNew: false, saving: false });
  });

  it('keeps what was typed while a save was on its way', async () => {
    const draft = open();
    draft.setValue({ system: 'slurm', title: 'T' });
    const saved = draft.save();
    draft.setValue({ system: 'slurm', title: 'Longer' });
    await saved;
    expect(draft.state).toMatchObject({ value: { title: 'Longer' }, dirty: true });
  });

  it('shows what the server has against it, at the fields', async () => {
    const draft = open();
    await settle();
    const found = [problem('options.cores', 'no number'), problem('scale', 'two units')];
    fake.fails.saveProfile = new StewardError(400, {
      error: 'ProfileError',
      message: 'wrong',
      problems: found
    });
    draft.setValue({ system: 'slurm' });
    await expect(draft.save()).resolves.toBe(false);
    expect(draft.state).toMatchObject({
      problems: found,
      failure: null,
      failed: 1,
      saving: false,
      dirty: true
    });
  });

  it('needs a name', async () => {
    const draft = open({ name: '', isNew: true, value: { system: 'slurm' } });
    await expect(draft.save()).resolves.toBe(false);
    expect(draft.state.problems[0].field).toBe('name');
    expect(calls('saveProfile')).toEqual([]);
    draft.setName('mine');
    await settle();
    expect(draft.state.problems[0].message).toContain('already');
  });

  it('keeps everything while the server is away, checks by itself, and goes on when it is back', async () => {
    const draft = open();
    await settle();
    fake.connect_('lost');
    fake.calls.length = 0;
    draft.setValue({ system: 'slurm', options: { cores: 0 } });
    await settle();
    expect(draft.state.problems.map(each => each.field)).toEqual(['options.cores']);
    expect(draft.previewBlocked()).toContain('does not answer');
    expect(fake.calls).toEqual([]);
    fake.connect_('ok');
    await settle();
    expect(draft.state.value).toEqual({ system: 'slurm', options: { cores: 0 } });
    expect(draft.state.problems).toEqual([]);
    expect(calls('validateProfile')).toHaveLength(1);
  });

  it('follows its file while nothing was changed, and says it when something was', () => {
    const draft = open();
    fake.profiles = [mine({ written: { system: 'slurm', title: 'A' } })];
    fake.profilesChanged.emit();
    expect(draft.state).toMatchObject({ value: { title: 'A' }, dirty: false, overtaken: false });
    draft.setValue({ system: 'slurm', title: 'B' });
    fake.profiles = [mine({ written: { system: 'slurm', title: 'C' } })];
    fake.profilesChanged.emit();
    expect(draft.state).toMatchObject({ value: { title: 'B' }, dirty: true, overtaken: true });
    draft.revert();
    expect(draft.state).toMatchObject({ value: { title: 'C' }, dirty: false, overtaken: false });
  });

  it('that was kept for a reload of the page is laid over the file when that has come', () => {
    fake.profiles = [];
    const draft = open({ value: { system: 'slurm', title: 'typed' } });
    expect(draft.state.dirty).toBe(false);
    fake.profiles = [mine()];
    fake.profilesChanged.emit();
    expect(draft.state).toMatchObject({ value: { title: 'typed' }, dirty: true });
  });

  it('is not asked about by one who may only look', async () => {
    fake.profiles = [mine({ editable: false })];
    fake.status = { permissions: { write: false, execute: false } } as any;
    const draft = open();
    await settle();
    expect(calls('validateProfile')).toEqual([]);
    expect(calls('preview')).toEqual([]);
    expect(draft.previewBlocked()).toContain('may look');
  });

  it('takes the schema of the system that it is changed to', async () => {
    const draft = open();
    await settle();
    draft.setValue({ system: 'local' });
    await settle();
    expect(calls('schema')).toEqual([['slurm'], ['local']]);
    // One that says no system has that of what it extends.
    fake.profiles = [mine(), profile('site', { system: 'threads' })];
    draft.setValue({ extends: 'site' });
    expect(draft.state.system).toBe('threads');
  });
});

describe('copies', () => {
  it('say what the original says, but for what is an administrator’s', () => {
    const site = profile('site', {
      system: 'slurm',
      written: { lock: ['security'], options: { queue: 'a' } }
    });
    expect(copyOf(site, trans)).toEqual({
      title: 'Title of site (copy)',
      system: 'slurm',
      options: { queue: 'a' }
    });
    expect(freeName('site-copy', [site, profile('site-copy')])).toBe('site-copy-2');
  });

  it('inherit from what they extend', () => {
    const site = profile('site', { resolved: { options: { queue: 'a' } } });
    fake.profiles = [mine(), site];
    const draft = open({ isNew: true, name: 'n', value: { extends: 'site' } });
    expect(baseOf(draft.state, fake.profiles)).toEqual({ name: 'site', values: site.resolved });
    draft.setValue({ extends: 'absent' });
    expect(baseOf(draft.state, fake.profiles)).toBeNull();
  });
});
