import {
  fieldOfProblem,
  fieldsOf,
  flat,
  fromText,
  get,
  isLocked,
  others,
  sectionsOf,
  set,
  steps,
  toText,
  type IField
} from '../profileFields';
import { SCHEMA } from './schema';

const fields = fieldsOf(SCHEMA, {});
const field = (key: string): IField => fields.find(each => each.key === key)!;
const problem = (path: string | null) => ({
  message: 'wrong',
  field: path,
  file: null,
  line: null,
  column: null
});

describe('fieldsOf', () => {
  it('draws each field as what it may hold', () => {
    expect(field('title').kind).toBe('text');
    expect(field('description').kind).toBe('lines');
    expect(field('tenure')).toMatchObject({ kind: 'choice', fallback: 'kernel' });
    expect(field('tenure').choices).toContain('detached');
    expect(field('launcher').kind).toBe('yesno');
    expect(field('environment').kind).toBe('map');
    expect(field('options/preload').kind).toBe('list');
    expect(field('scale')).toMatchObject({
      kind: 'size',
      choices: ['jobs', 'workers', 'cores', 'memory']
    });
    expect(field('options/cores')).toMatchObject({ kind: 'text', numbers: true, nullable: true });
    expect(field('options/queue').numbers).toBe(false);
    expect(field('adapt/maximum').path).toEqual(['adapt', 'maximum']);
  });

  it('has the fields of each group that there is, and none of others', () => {
    const some = fieldsOf(SCHEMA, { groups: { big: {} } });
    expect(some.map(each => each.key)).toContain('groups/big/options/queue');
    expect(fields.some(each => each.path[0] === 'groups')).toBe(false);
  });

  it('shows what only administrators write where a file has it', () => {
    expect(field('lock')).toBeUndefined();
    expect(fieldsOf(SCHEMA, { lock: ['security'] }).some(each => each.key === 'lock')).toBe(true);
  });

  it('puts what matters first, and loses nothing', () => {
    const sections = sectionsOf(fields);
    expect(sections[0].fields.map(each => each.key)).toEqual([
      'title',
      'system',
      'scale',
      'options/queue',
      'options/cores',
      'options/memory'
    ]);
    expect(sections.flatMap(section => section.fields)).toHaveLength(fields.length);
  });
});

describe('values', () => {
  it('are set without changing what is around them', () => {
    const data = { title: 'a', options: { queue: 'x', strange: 1 } };
    const next = set(data, ['options', 'cores'], 24);
    expect(next).toEqual({ title: 'a', options: { queue: 'x', strange: 1, cores: 24 } });
    expect(data.options).toEqual({ queue: 'x', strange: 1 });
    expect(set({ adapt: { maximum: 4 } }, ['adapt', 'maximum'], undefined)).toEqual({});
    expect(set({ adapt: null }, ['adapt', 'maximum'], 3)).toEqual({ adapt: { maximum: 3 } });
  });

  it('of a group leave the group when the last one goes', () => {
    const data = { groups: { big: { options: { queue: 'x' } } } };
    const next = set(data, ['groups', 'big', 'options', 'queue'], undefined);
    expect(next).toEqual({ groups: { big: {} } });
    expect(set(next, ['groups', 'big'], undefined)).toEqual({});
  });

  it('that fit no field are told apart', () => {
    const data = { title: 'a', options: { cors: 4, cores: 2 }, adapt: 'yes', foo: [1] };
    expect(flat(data, fields)).toEqual({ title: 'a', 'options/cores': 2 });
    expect(others(data, fields)).toEqual([
      { path: ['options', 'cors'], value: 4 },
      { path: ['adapt'], value: 'yes' },
      { path: ['foo'], value: [1] }
    ]);
  });

  it.each([
    ['options/cores', '24', 24],
    ['options/cores', ' 24 ', 24],
    ['options/cores', '$CORES', '$CORES'],
    ['options/cores', 'many', 'many'],
    ['options/cores', '', undefined],
    ['options/cores', '007', '007'],
    ['options/queue', '12', '12'],
    ['options/memory', '120 GB', '120 GB'],
    ['launcher', 'true', true],
    ['launcher', '', undefined],
    ['options/preload', 'a\n\n b \n', ['a', 'b']],
    ['options/preload', '\n', undefined],
    ['environment', 'A=1\nB=x=y', { A: '1', B: 'x=y' }],
    ['description', ' \n', undefined]
  ])('%s: %j means %j', (key, text, value) => {
    expect(fromText(text, field(key))).toEqual(value);
  });

  it.each([
    [24, 'text', '24'],
    [null, 'text', ''],
    [true, 'yesno', 'true'],
    [['a', 'b'], 'list', 'a\nb'],
    ['a', 'list', 'a'],
    [{ A: 1, B: 'x' }, 'map', 'A=1\nB=x'],
    [{ a: [1] }, 'text', '{"a":[1]}']
  ] as const)('%j as %s is %j', (value, kind, text) => {
    expect(toText(value, kind)).toBe(text);
  });
});

describe('problems and locks', () => {
  it('find their field', () => {
    expect(steps('options.preload[0]')).toEqual(['options', 'preload', '0']);
    expect(fieldOfProblem(problem('options.preload[0]'), fields)?.key).toBe('options/preload');
    expect(fieldOfProblem(problem('scale.jobs'), fields)?.key).toBe('scale');
    expect(fieldOfProblem(problem('adapt'), fields)?.path[0]).toBe('adapt');
    expect(fieldOfProblem(problem('nothing.like.it'), fields)).toBeNull();
    expect(fieldOfProblem(problem(null), fields)).toBeNull();
  });

  it('hold for a part as for a field', () => {
    expect(isLocked(field('options/queue'), ['options.queue'])).toBe(true);
    expect(isLocked(field('options/queue'), ['options'])).toBe(true);
    expect(isLocked(field('options/queue'), ['options.cores'])).toBe(false);
  });

  it('get a value that is not there', () => {
    expect(get({ a: 1 }, ['a', 'b'])).toBeUndefined();
  });
});

describe('sectionsOf a profile of YARN', () => {
  it('puts environment, queue and size of a worker first, and the lease beside the line', () => {
    const made = (key: string): IField => ({ ...field('title'), key, path: key.split('/') });
    const keys = [
      'line/ports',
      'lease/timeout',
      'options/worker_memory',
      'options/worker_env',
      'options/environment',
      'options/worker_vcores',
      'options/queue'
    ];
    const found = sectionsOf(keys.map(made)).map(section => [
      section.id,
      section.fields.map(each => each.key)
    ]);
    expect(found).toEqual([
      [
        'main',
        ['options/environment', 'options/queue', 'options/worker_vcores', 'options/worker_memory']
      ],
      ['jobs', ['options/worker_env']],
      ['line', ['line/ports', 'lease/timeout']]
    ]);
  });
});
