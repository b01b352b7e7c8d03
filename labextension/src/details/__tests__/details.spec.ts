import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { act } from 'react-dom/test-utils';

import { DetailsWidget } from '../detailsWidget';
import { cluster } from '../../view/__tests__/sample';
import { FakeModel } from '../../__tests__/fakeModel';

const trans = nullTranslator.load('dask_steward');

class Watch {
  rows = [];
  ready = true;
  isDisposed = false;
  readonly changed = new Signal<this, void>(this);
  dispose(): void {
    this.isDisposed = true;
  }
}

describe('DetailsWidget', () => {
  let fake: FakeModel;
  let watches: [string, string, Watch][];
  let widget: DetailsWidget;

  beforeEach(async () => {
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
    fake = new FakeModel();
    watches = [];
    (fake as any).watchRows = (id: string, kind: string) => {
      const watch = new Watch();
      watches.push([id, kind, watch]);
      return watch;
    };
    fake.answers.logs = { logs: [], missing: null };
    fake.show(cluster());
    widget = new DetailsWidget(fake.model, 'c1', trans, 'workers');
    await act(async () => {
      Widget.attach(widget, document.body);
      await widget.renderPromise;
    });
  });

  afterEach(async () => {
    await act(async () => widget.dispose());
  });

  const text = (): string => widget.node.textContent ?? '';

  it('follows rows only of the table that is shown, and only while it is shown', async () => {
    expect(watches.map(([id, kind]) => [id, kind])).toEqual([['c1', 'workers']]);
    await act(async () => widget.present('jobs'));
    expect(watches[0][2].isDisposed).toBe(true);
    expect(watches[1][1]).toBe('jobs');
    await act(async () => {
      widget.hide();
      MessageLoop.flush();
    });
    expect(watches[1][2].isDisposed).toBe(true);
    await act(async () => {
      widget.show();
      MessageLoop.flush();
    });
    expect(watches).toHaveLength(3);
  });

  it('shows the facts as old while the server is away', async () => {
    expect(text()).toContain('running');
    await act(async () => fake.connect_('lost'));
    expect(text()).toContain('no news');
    expect(text()).toContain('The server does not answer.');
  });

  it('says that a cluster is gone, and that it cannot know it yet', async () => {
    await act(async () => fake.show());
    expect(text()).toContain('not known any more');
    await act(async () => fake.connect_('connecting'));
    expect(text()).toContain('Reading');
  });

  it('lists logs when they are asked for, and says why it cannot', async () => {
    fake.fails.logs = new Error('The node does not answer.');
    await act(async () => widget.present('logs', { job: '7' }));
    expect(text()).toContain('The node does not answer.');
    delete fake.fails.logs;
    fake.answers.logs = { logs: [{ name: 'job 7', kind: 'job', size: 0 }], missing: null };
    fake.answers.readLog = { name: 'job 7', offset: 0, next: 3, size: 3, text: 'abc' };
    const again = [...widget.node.querySelectorAll('button')].find(
      each => each.textContent === 'Try again'
    );
    await act(async () => again?.click());
    expect(fake.calls).toContainEqual(['readLog', 'c1', 'job 7', null, expect.any(Number)]);
    expect(text()).toContain('abc');
  });
});
