import { nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { act } from '@testing-library/react';

import { Settings } from '../../settings';
import { StatusItem, summary } from '../statusbar';
import { cluster } from '../../__tests__/fakes';
import { FakeModel } from '../../__tests__/fakeModel';

const trans = nullTranslator.load('dask_steward');

describe('the sum of all clusters', () => {
  const idle = cluster('i', {
    idle_since: 1000,
    workers: { asked: 3, queued: 1, running: 2, lost: 0 }
  });

  it('counts what lives', () => {
    const sum = summary([cluster('a'), idle, cluster('x', { state: 'failed' })], 60, 1010);
    expect(sum).toMatchObject({ clusters: 2, running: 4, asked: 5, idle: [], next: 1060 });
  });

  it('warns of one that holds something and had nothing to do for long enough', () => {
    expect(summary([idle], 60, 1060).idle).toEqual([idle]);
    expect(summary([{ ...idle, spend: { held: 9, busy: 0, cores: 0 } }], 60, 1060).idle).toEqual(
      []
    );
    expect(summary([idle], 0, 9999).idle).toEqual([]);
  });
});

describe('the line in the status bar', () => {
  let model: FakeModel;
  let item: StatusItem;
  const open = jest.fn();

  beforeEach(() => {
    jest.useFakeTimers();
    model = new FakeModel();
    item = new StatusItem(model.model, new Settings(null), open, trans);
    act(() => Widget.attach(item, document.body));
  });

  afterEach(() => {
    act(() => item.dispose());
    jest.useRealTimers();
  });

  const show = async (...clusters: ReturnType<typeof cluster>[]): Promise<void> => {
    await act(async () => {
      model.show(...clusters);
      jest.advanceTimersByTime(50);
    });
  };

  it('is hidden while there is no cluster, and tells when that changes', async () => {
    const told = jest.fn();
    item.activeChanged.connect(told);
    expect(item.active).toBe(false);
    await show(cluster('a'));
    expect(item.active).toBe(true);
    expect(told).toHaveBeenCalledTimes(1);
    await show(cluster('a', { tasks: { groups: [], per_second: 5 } }));
    expect(told).toHaveBeenCalledTimes(1);
  });

  it('counts clusters and workers, and opens the panel', async () => {
    await show(
      cluster('a'),
      cluster('b', { workers: { asked: 8, queued: 6, running: 2, lost: 0 } })
    );
    const button = item.node.querySelector('button')!;
    expect(button.textContent).toBe('2 clusters · 4/10 workers');
    button.click();
    expect(open).toHaveBeenCalled();
  });

  it('warns by itself once a cluster has been idle for long enough, by the server’s clock', async () => {
    model.ahead = 3600;
    const now = Date.now() / 1000 + 3600;
    await show(cluster('a', { idle_since: now - 14 * 60 }));
    expect(item.node.querySelector('.dsk-mod-warning')).toBeNull();
    await act(async () => {
      jest.advanceTimersByTime(61_000);
    });
    const button = item.node.querySelector('.dsk-mod-warning')!;
    expect(button.getAttribute('title')).toContain('nothing to do for 15 min');
  });

  it('says what was known last while the server does not answer', async () => {
    await show(cluster('a'));
    await act(async () => {
      model.connect_('lost');
      jest.advanceTimersByTime(50);
    });
    expect(item.node.textContent).toContain('last known');
  });
});
