import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';

import { RunningClusters } from '../running';
import { CommandIDs } from '../../tokens';
import { cluster } from '../../__tests__/fakes';
import { FakeModel } from '../../__tests__/fakeModel';

const trans = nullTranslator.load('dask_steward');

class FakeWatch {
  rows: unknown[] = [];
  ready = true;
  isDisposed = false;
  readonly changed = new Signal<any, void>(this);

  dispose(): void {
    this.isDisposed = true;
  }
}

describe('what runs', () => {
  let model: FakeModel & { watchRows?: unknown };
  let commands: CommandRegistry;
  let running: RunningClusters;
  let looked: boolean;
  let watches: Record<string, FakeWatch>;
  const done: [string, unknown][] = [];

  beforeEach(() => {
    jest.useFakeTimers();
    model = new FakeModel();
    watches = {};
    model.watchRows = (id: string) => (watches[id] = new FakeWatch());
    commands = new CommandRegistry();
    done.length = 0;
    for (const id of [CommandIDs.openDetails, CommandIDs.stop]) {
      commands.addCommand(id, { execute: args => void done.push([id, args]) });
    }
    looked = true;
    running = new RunningClusters({
      model: model.model,
      commands,
      trans,
      looking: () => looked
    });
  });

  afterEach(() => {
    running.dispose();
    jest.useRealTimers();
  });

  const items = () => running.running();

  it('is each cluster that lives, with its workers and why there are not more', () => {
    model.show(
      cluster('a', { name: 'ocean' }),
      cluster('b', {
        state: 'pending',
        reason: '37 jobs are before yours',
        workers: { asked: 10, queued: 7, running: 3, lost: 0 }
      }),
      cluster('c', { state: 'failed' })
    );
    expect(items().map(item => [item.label(), item.detail?.()])).toEqual([
      ['ocean', '2/2 workers'],
      ['name of b', '3/10 workers, queued: 37 jobs are before yours']
    ]);
  });

  it('keeps its place when another one is started', () => {
    model.show(cluster('b', { created: 200 }), cluster('a', { created: 100 }));
    expect(items().map(item => item.label())).toEqual(['name of a', 'name of b']);
  });

  it('opens its details and is stopped as anywhere else', () => {
    model.show(cluster('a'));
    items()[0].open?.();
    items()[0].shutdown?.();
    expect(done).toEqual([
      [CommandIDs.openDetails, { id: 'a' }],
      [CommandIDs.stop, { id: 'a' }]
    ]);
  });

  it('cannot be stopped by a person who may only look, nor while the server is away', () => {
    model.show(cluster('a'));
    model.readOnly = true;
    expect(items()[0].shutdown).toBeUndefined();
    model.readOnly = false;
    model.connect_('lost');
    expect(items()[0].shutdown).toBeUndefined();
  });

  it('stops them all without a second question', () => {
    model.show(cluster('a'), cluster('b'), cluster('c', { state: 'stopped' }));
    running.shutdownAll();
    expect(model.calls).toEqual([
      ['stop', 'a'],
      ['stop', 'b']
    ]);
  });

  it('has jobs as children, followed only while somebody looks', () => {
    model.show(cluster('a'));
    items();
    watches.a.rows = [
      { key: '1', id: '881', state: 'running', node: 'n042', reason: null },
      { key: '2', id: null, state: 'queued', node: null, reason: 'Priority' }
    ];
    expect(items()[0].children?.map(job => [job.label(), job.detail?.()])).toEqual([
      ['881', 'running, n042'],
      ['not submitted yet', 'queued, Priority']
    ]);
    looked = false;
    jest.advanceTimersByTime(6000);
    expect(watches.a.isDisposed).toBe(true);
    items();
    expect(watches.a.isDisposed).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('counts what it does not list of very many jobs', () => {
    model.show(cluster('a'));
    items();
    watches.a.rows = Array.from({ length: 1000 }, (_, i) => ({
      key: `${i}`,
      id: `${i}`,
      state: 'running'
    }));
    const children = items()[0].children ?? [];
    expect(children).toHaveLength(51);
    expect(children[50].label()).toBe('950 more');
  });

  it('tells of a change only when something that is listed differs', () => {
    model.show(cluster('a'));
    const told = jest.fn();
    running.runningChanged.connect(told);
    model.show(cluster('a', { tasks: { groups: [], per_second: 3 } }));
    expect(told).not.toHaveBeenCalled();
    model.show(cluster('a', { workers: { asked: 2, queued: 1, running: 1, lost: 0 } }));
    expect(told).toHaveBeenCalledTimes(1);
  });
});
