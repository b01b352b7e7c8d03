import { nullTranslator } from '@jupyterlab/translation';
import { words } from '../words';

const trans = nullTranslator.load('dask_steward');

it('fills in numbers as JupyterLab does', () => {
  for (const one of [words, trans]) {
    expect(one.__('%1 of %2', 1, 2)).toBe('1 of 2');
    expect(one.__('%2, then %1 %', 'a', 'b')).toBe('b, then a %');
    expect(one._n('%1 task of %2', '%1 tasks of %2', 1, 'x')).toBe('1 task of x');
    expect(one._n('%1 task of %2', '%1 tasks of %2', 5, 'x')).toBe('5 tasks of x');
    expect(one._p('context', 'word %1', 3)).toBe('word 3');
  }
});
