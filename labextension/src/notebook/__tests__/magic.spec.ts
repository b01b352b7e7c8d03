import { attachCode, wordFor } from '../magic';
import { cluster } from '../../__tests__/fakes';

describe('what a magic calls a cluster', () => {
  const word = (name: string): string => wordFor(cluster('20261121-abc', { name }), []);

  it.each([
    ['ocean', 'ocean'],
    ['nightly-2.1', 'nightly-2.1'],
    ['Küste', 'Küste'],
    ['my ocean', "'my ocean'"],
    ['a (2)', "'a (2)'"]
  ])('%s is %s', (name, expected) => expect(word(name)).toBe(expected));

  // IPython would expand or the magic's parser would split these, or take them for an option.
  it.each(['{x}', '$HOME', "it's", 'a"b', 'a\\b', '-all', '- x', 'a\nb', ''])(
    'of %j it takes the id',
    name => expect(word(name)).toBe('20261121-abc')
  );

  it('is the id where a newer living one has the same name', () => {
    const old = cluster('old', { name: 'ocean', created: 1 });
    const young = cluster('young', { name: 'ocean', created: 2 });
    expect(wordFor(old, [old, young])).toBe('old');
    expect(wordFor(young, [old, young])).toBe('ocean');
    expect(wordFor(old, [old, { ...young, state: 'stopped' }])).toBe('ocean');
  });
});

it('the cell is two magics that a person can read', () => {
  expect(attachCode(cluster('a', { name: 'ocean' }), [])).toBe(
    '%load_ext dask_steward\n%dask_cluster attach ocean'
  );
});
