import { pageState, readTarget, successor, targetOf } from '../pages';
import { cluster } from '../../__tests__/fakes';
import { FakeModel } from '../../__tests__/fakeModel';

const target = targetOf(cluster('a', { name: 'ocean' }), 'status', 'Status');

describe('what a tab shows', () => {
  const model = new FakeModel();

  it.each([
    ['live', cluster('a')],
    ['ended', cluster('a', { state: 'failed', since: 5, reason: 'out of memory' })],
    [
      'none',
      cluster('a', { scheduler: { address: null, dashboard: false, dashboard_reason: 'no bokeh' } })
    ],
    [
      'starting',
      cluster('a', {
        state: 'starting',
        scheduler: { address: null, dashboard: false, dashboard_reason: null }
      })
    ]
  ])('%s', (kind, there) => {
    model.show(there);
    expect(pageState(model, target).kind).toBe(kind);
  });

  it('tells of a cluster that is not known any more that it has ended', () => {
    model.show();
    expect(pageState(model, target)).toEqual({ kind: 'ended', at: null, reason: null });
  });

  it('says nothing of a cluster while the server has not been heard', () => {
    model.show();
    model.connect_('connecting');
    expect(pageState(model, target).kind).toBe('connecting');
    model.connect_('lost', 77);
    expect(pageState(model, target)).toEqual({ kind: 'silent', since: 77 });
  });
});

describe('the cluster that takes the place of one that is gone', () => {
  const of = { ...target, kernel: 'k' };
  const kernel = (id: string) => ({ kind: 'kernel', pid: 1, host: 'h', kernel_id: id });

  it('is the newest living one of its name', () => {
    const found = successor(
      [
        cluster('b', { name: 'ocean', created: 1 }),
        cluster('c', { name: 'ocean', created: 2 }),
        cluster('d', { name: 'ocean', created: 3, state: 'stopped' }),
        cluster('e', { name: 'other', created: 4, owner: kernel('k') })
      ],
      of
    );
    expect(found?.id).toBe('c');
  });

  it('else of its kernel, and never just any', () => {
    const others = [cluster('e', { owner: kernel('k') }), cluster('f', { owner: kernel('x') })];
    expect(successor(others, of)?.id).toBe('e');
    expect(successor([others[1]], of)).toBeNull();
    expect(successor([cluster('g')], { ...target, kernel: null })).toBeNull();
  });
});

it('a target that was stored is read again', () => {
  expect(readTarget({ ...target, key: 'x' })).toEqual(target);
  expect(readTarget({ path: 'status' })).toBeNull();
});
