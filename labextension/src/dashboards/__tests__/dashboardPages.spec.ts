import { nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { act } from '@testing-library/react';

import type { PageCheck } from '../../api/page';
import { ClusterPage, type Page, UrlPage } from '../dashboardPages';
import { targetOf } from '../pages';
import { cluster } from '../../__tests__/fakes';
import { FakeModel } from '../../__tests__/fakeModel';

const trans = nullTranslator.load('dask_steward');
const OCEAN = cluster('a', { name: 'ocean' });

const frame = (page: Page): HTMLIFrameElement => page.node.querySelector('iframe')!;
const shown = (page: Page): boolean => frame(page).closest('.lm-mod-hidden') === null;
const notice = (page: Page): string =>
  page.node.querySelector('.dsk-PageNotice:not(.lm-mod-hidden)')?.textContent ?? '';

async function settle(what: () => void): Promise<void> {
  await act(async () => {
    what();
    await new Promise(resolve => setTimeout(resolve, 20));
  });
}

describe('a page of a cluster', () => {
  let model: FakeModel;
  let page: ClusterPage;

  const open = async (): Promise<void> => {
    await settle(() => {
      page = new ClusterPage(
        model.model,
        targetOf(OCEAN, 'individual-progress', 'Progress'),
        trans
      );
      Widget.attach(page, document.body);
    });
  };

  beforeEach(() => {
    model = new FakeModel();
  });

  afterEach(() => {
    act(() => page.dispose());
  });

  it('is in a frame that may do no more than it must, and is called by its name', async () => {
    model.show(OCEAN);
    await open();
    expect(frame(page).getAttribute('src')).toBe('/steward/a/individual-progress');
    expect(frame(page).getAttribute('sandbox')).toBe('allow-scripts allow-same-origin');
    expect(frame(page).title).toBe('Progress of the cluster ocean');
    expect(page.title.label).toBe('Progress · ocean');
    expect(shown(page)).toBe(true);
    expect(notice(page)).toBe('');
  });

  it('stays to be seen when the cluster has ended, and says that it is the past', async () => {
    model.show(OCEAN);
    await open();
    await settle(() => model.show({ ...OCEAN, state: 'failed', reason: 'Out of memory.' }));
    expect(notice(page)).toMatch(/“ocean” ended.*Out of memory.*shown last/);
    expect(shown(page)).toBe(true);
    expect(page.node.querySelector('.dsk-mod-past')).not.toBeNull();
  });

  it('shows another cluster of its name by itself', async () => {
    model.show(OCEAN);
    await open();
    const stored = jest.fn();
    page.rebound.connect(stored);
    await settle(() => model.show({ ...OCEAN, id: 'b', created: 999 }));
    expect(frame(page).getAttribute('src')).toBe('/steward/b/individual-progress');
    expect(notice(page)).toBe('');
    expect(stored).toHaveBeenCalledTimes(1);
  });

  it('offers others of another name, and takes the one that is chosen', async () => {
    await open();
    expect(shown(page)).toBe(false);
    await settle(() => model.show(cluster('c', { name: 'laptop' })));
    const button = page.node.querySelector<HTMLButtonElement>('.dsk-PageNotice button')!;
    expect(button.textContent).toBe('Show “laptop” instead');
    await settle(() => button.click());
    expect(frame(page).getAttribute('src')).toBe('/steward/c/individual-progress');
    expect(shown(page)).toBe(true);
  });

  it('waits for the server, and loads anew what was cut off', async () => {
    model.connect_('connecting');
    await open();
    expect(notice(page)).toMatch(/Waiting for the Jupyter server/);
    await settle(() => {
      model.clusters = [OCEAN];
      model.connect_('ok');
    });
    expect(shown(page)).toBe(true);
    await settle(() => model.connect_('lost'));
    expect(notice(page)).toMatch(/No news since.*shown last/);
    const load = jest.spyOn(frame(page), 'setAttribute');
    await settle(() => model.connect_('ok'));
    expect(load).toHaveBeenCalledWith('src', '/steward/a/individual-progress');
    expect(notice(page)).toBe('');
  });

  it('says why there is none', async () => {
    model.show({
      ...OCEAN,
      scheduler: { address: 'x', dashboard: false, dashboard_reason: 'Bokeh is not installed.' }
    });
    await open();
    expect(notice(page)).toBe('“ocean” has no dashboard: Bokeh is not installed.');
    expect(shown(page)).toBe(false);
  });

  it('does nothing when only numbers move', async () => {
    model.show(OCEAN);
    await open();
    const load = jest.spyOn(frame(page), 'setAttribute');
    await settle(() => model.show({ ...OCEAN, tasks: { groups: [], per_second: 7 } }));
    expect(load).not.toHaveBeenCalled();
  });
});

describe('any page', () => {
  let page: UrlPage;

  const open = async (check: PageCheck): Promise<void> => {
    await settle(() => {
      page = new UrlPage(new URL('http://node7:8787/status'), trans, undefined, async () => check);
      Widget.attach(page, document.body);
    });
  };

  afterEach(() => {
    act(() => page.dispose());
  });

  it('is shown when it can be', async () => {
    await open({ kind: 'fine' });
    expect(frame(page).getAttribute('src')).toBe('http://node7:8787/status');
    expect([shown(page), notice(page)]).toEqual([true, '']);
  });

  it.each<[PageCheck, RegExp]>([
    [{ kind: 'forbidden' }, /does not allow this page.*Open in a browser tab/],
    [{ kind: 'unreachable' }, /does not answer.*Try again/],
    [{ kind: 'status', status: 404 }, /no such page.*Try again/],
    [{ kind: 'status', status: 502 }, /error \(502\)/]
  ])('%j is said in its place', async (check, words) => {
    await open(check);
    expect(notice(page)).toMatch(words);
    expect(shown(page)).toBe(false);
  });

  it('of a host whose answer cannot be read is shown, with what it means if it stays empty', async () => {
    await open({ kind: 'unknown' });
    expect(shown(page)).toBe(true);
    expect(notice(page)).toMatch(/If nothing appears/);
    await settle(() =>
      page.node.querySelectorAll<HTMLButtonElement>('.dsk-PageNotice button')[1].click()
    );
    expect(notice(page)).toBe('');
  });
});
