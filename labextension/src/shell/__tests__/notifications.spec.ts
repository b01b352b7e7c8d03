import { type Notification, NotificationManager } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';

import { failure, idleness, progressOf, short } from '../../model/notices';
import { ClusterNotifications } from '../notifications';
import { CommandIDs, type ICluster } from '../../tokens';
import { cluster } from '../../__tests__/fakes';

const trans = nullTranslator.load('dask_steward');

const counts = (asked: number, running: number) => ({
  asked,
  running,
  queued: asked - running,
  lost: 0
});

class FakeModel {
  clusters: readonly ICluster[] = [];
  readOnly = false;
  clustersChanged = new Signal<any, void>(this);
  announced = new Signal<any, ICluster>(this);
  started = new Signal<any, ICluster>(this);
  retried: string[] = [];
  stopped: string[] = [];

  now(): number {
    return Date.now() / 1000;
  }

  cluster(id: string): ICluster | null {
    return this.clusters.find(c => c.id === id) ?? null;
  }

  /** What the model does when it hears of other clusters. */
  show(...clusters: ICluster[]): void {
    const before = this.clusters;
    this.clusters = clusters;
    this.clustersChanged.emit();
    for (const now of clusters) {
      const was = before.find(c => c.id === now.id);
      if (was && was.state !== now.state) {
        this.announced.emit(now);
      }
    }
  }

  async retry(id: string): Promise<ICluster> {
    this.retried.push(id);
    throw new Error('not now');
  }

  async stop(id: string): Promise<void> {
    this.stopped.push(id);
  }
}

describe('ClusterNotifications', () => {
  let model: FakeModel;
  let manager: NotificationManager;
  let commands: CommandRegistry;
  let ran: [string, unknown][];
  let changes: Notification.IChange[];
  let shown: boolean;
  let minutes: number;
  let notifications: ClusterNotifications;

  beforeEach(() => {
    jest.useFakeTimers();
    jest.setSystemTime(1_000_000_000);
    model = new FakeModel();
    manager = new NotificationManager();
    changes = [];
    manager.changed.connect((_, change) => changes.push(change));
    commands = new CommandRegistry();
    ran = [];
    for (const id of [
      CommandIDs.stop,
      CommandIDs.openLog,
      CommandIDs.openDetails,
      CommandIDs.editProfile
    ]) {
      commands.addCommand(id, {
        execute: args => {
          ran.push([id, args]);
        }
      });
    }
    shown = true;
    minutes = 15;
    notifications = new ClusterNotifications({
      commands,
      idleMinutes: () => minutes,
      model: model as any,
      trans,
      manager,
      shown: () => shown
    });
  });

  afterEach(() => {
    notifications.dispose();
    jest.useRealTimers();
  });

  const only = () => {
    expect(manager.notifications).toHaveLength(1);
    return manager.notifications[0];
  };

  const labels = (note: Notification.INotification) => note.options.actions?.map(a => a.label);

  /** Press a button; tells whether the notification stays. */
  const press = (label: string): boolean => {
    const event = new MouseEvent('click', { cancelable: true });
    only()
      .options.actions!.find(a => a.label === label)!
      .callback(event);
    return event.defaultPrevented;
  };

  const begin = (more: Partial<ICluster> = {}) => {
    const made = cluster('a', { state: 'starting', workers: counts(4, 0), ...more });
    model.clusters = [made];
    model.started.emit(made);
    return made;
  };

  it('says nothing of what was there when the page was opened', () => {
    model.show(
      cluster('a', { state: 'failed', reason: 'refused' }),
      cluster('b', { state: 'starting' }),
      cluster('c', { idle_since: model.now() - 3600 })
    );
    jest.advanceTimersByTime(3_600_000);
    expect(changes).toEqual([]);
  });

  it('tells a start by one notification, from its beginning to its end', () => {
    const made = begin();
    expect(only()).toMatchObject({ type: 'in-progress', message: 'Starting “name of a”…' });
    expect(labels(only())).toEqual(['Cancel', 'Show log', 'Details']);
    model.show({ ...made, workers: counts(4, 1) });
    expect(only().message).toBe('“name of a”: 1 of 4 workers run.');
    expect(only().options.progress).toBe(0.25);
    const updates = changes.length;
    model.show({ ...made, workers: counts(4, 1), threads: 7 });
    expect(changes).toHaveLength(updates);
    model.show({ ...made, state: 'running', workers: counts(4, 4) });
    expect(only()).toMatchObject({ type: 'success', message: '“name of a” is ready: 4 workers.' });
    expect(only().options.progress).toBe(1);
    expect(only().options.autoClose).toBeGreaterThan(0);
    model.show({ ...made, state: 'running', workers: counts(5, 4) });
    expect(only().type).toBe('success');
  });

  it('says what a start waits for, and does not stay in the way', () => {
    const reason = 'Slurm: Priority — 37 jobs are before yours, expected 14:05';
    const made = begin();
    model.show({ ...made, state: 'pending', reason });
    expect(only()).toMatchObject({
      type: 'info',
      message: '“name of a” waits: 37 jobs are before yours (expected 14:05)'
    });
    expect(only().options.autoClose).toBeGreaterThan(0);
  });

  it('does not bring back a toast that a person has closed until there is an end', () => {
    const made = begin();
    shown = false;
    model.show({ ...made, state: 'pending', workers: counts(4, 1) });
    model.show({ ...made, state: 'pending', workers: counts(4, 2) });
    expect(only().options.autoClose).toBe(0);
    model.show({ ...made, state: 'running', workers: counts(4, 4) });
    expect(only().options.autoClose).toBeGreaterThan(0);
  });

  it('tells the end also of a notification that was dismissed', () => {
    const made = begin();
    manager.dismiss();
    model.show({ ...made, workers: counts(4, 2) });
    expect(manager.count).toBe(0);
    model.show({ ...made, state: 'failed', reason: 'no memory' });
    expect(only()).toMatchObject({ type: 'error', message: '“name of a” failed: no memory' });
  });

  it('goes with a start that was stopped or is no longer there', () => {
    const made = begin();
    model.show({ ...made, state: 'stopping' });
    expect(manager.count).toBe(0);
    begin();
    model.show();
    expect(manager.count).toBe(0);
  });

  it('cancels by the command, which knows what would be lost', () => {
    begin();
    expect(press('Cancel')).toBe(false);
    expect(ran).toEqual([[CommandIDs.stop, { id: 'a' }]]);
    expect(press('Show log')).toBe(true);
    expect(press('Details')).toBe(true);
    expect(ran.slice(1)).toEqual([
      [CommandIDs.openLog, { id: 'a' }],
      [CommandIDs.openDetails, { id: 'a' }]
    ]);
  });

  it('does without commands that a site has switched off', () => {
    notifications.dispose();
    notifications = new ClusterNotifications({
      commands: new CommandRegistry(),
      idleMinutes: () => 0,
      model: model as any,
      trans,
      manager
    });
    begin();
    expect(labels(only())).toEqual(['Cancel']);
    press('Cancel');
    expect(model.stopped).toEqual(['a']);
  });

  it('turns into an error with ways out when the start fails', () => {
    const made = begin();
    const reason = 'Slurm: InvalidAccount — the account “x” does not exist';
    model.show({ ...made, state: 'failed', reason });
    expect(only()).toMatchObject({
      type: 'error',
      message: '“name of a” failed: the account “x” does not exist (Slurm: InvalidAccount)'
    });
    expect(only().options.autoClose).toBe(false);
    expect(labels(only())).toEqual(['Try again', 'Edit profile', 'Log']);
    press('Edit profile');
    press('Log');
    press('Try again');
    expect(ran).toEqual([
      [CommandIDs.editProfile, { name: 'quickstart' }],
      [CommandIDs.openLog, { id: 'a' }]
    ]);
    expect(model.retried).toEqual(['a']);
    // Once is enough.
    model.show({ ...made, state: 'failed', reason: 'still' });
    expect(only().message).toContain('does not exist');
  });

  it('tells of a start that had failed before it was answered', () => {
    begin({ state: 'failed', reason: 'refused' });
    expect(only()).toMatchObject({ type: 'error', message: '“name of a” failed: refused' });
  });

  it('tells of failures of clusters that others started, once', () => {
    model.show(cluster('a'), cluster('b'));
    model.show(cluster('a'), cluster('b', { state: 'degraded' }));
    expect(manager.count).toBe(0);
    model.show(cluster('a'), cluster('b', { state: 'lost', reason: 'its host is gone' }));
    expect(only()).toMatchObject({
      type: 'error',
      message: '“name of b” was lost: its host is gone'
    });
  });

  it('offers nothing to those who may only look', () => {
    model.readOnly = true;
    model.show(cluster('b'));
    model.show(cluster('b', { state: 'failed', profile: null }));
    expect(labels(only())).toEqual(['Log']);
  });

  describe('an idle cluster', () => {
    const idle = (seconds: number) => cluster('a', { idle_since: model.now() - seconds });

    it('is worth one warning after a set time', () => {
      model.show(cluster('a'));
      const held = idle(0);
      model.show(held);
      jest.advanceTimersByTime(14 * 60_000);
      expect(manager.count).toBe(0);
      jest.advanceTimersByTime(2 * 60_000);
      expect(only()).toMatchObject({
        type: 'warning',
        message: '“name of a” holds 2 cores and has had nothing to do for 15 min.'
      });
      expect(labels(only())).toEqual(['Stop', 'Details']);
      manager.dismiss();
      model.show({ ...held, threads: 3 });
      jest.advanceTimersByTime(3_600_000);
      expect(manager.count).toBe(0);
    });

    it('is no longer warned of when it works, and anew when it is idle again', () => {
      model.show(cluster('a'));
      model.show(idle(0));
      jest.advanceTimersByTime(16 * 60_000);
      expect(manager.count).toBe(1);
      model.show(cluster('a'));
      expect(manager.count).toBe(0);
      model.show(idle(0));
      jest.advanceTimersByTime(16 * 60_000);
      expect(manager.count).toBe(1);
      model.show();
      expect(manager.count).toBe(0);
    });

    it('holds nothing without cores, and is nothing to warn of where a person says so', () => {
      const spend = { held: 0, busy: 0, cores: 0 };
      model.show(cluster('a'));
      model.show({ ...idle(0), spend });
      jest.advanceTimersByTime(3_600_000);
      minutes = 0;
      model.show(idle(0));
      jest.advanceTimersByTime(3_600_000);
      expect(manager.count).toBe(0);
      minutes = 90;
      notifications.lookForIdle();
      jest.advanceTimersByTime(3_600_000);
      expect(manager.count).toBe(1);
    });
  });

  it('is silent once it is disposed', () => {
    model.show(cluster('a', { idle_since: model.now() }));
    notifications.dispose();
    model.show(cluster('a', { state: 'failed' }));
    begin();
    jest.advanceTimersByTime(3_600_000);
    expect(changes).toEqual([]);
  });
});

describe('what notifications say', () => {
  it('never is longer than they show', () => {
    const long = cluster('a', { name: 'n'.repeat(200), reason: 'r'.repeat(300), idle_since: 1 });
    for (const state of ['starting', 'pending', 'running', 'failed', 'lost', 'stopped'] as const) {
      for (const running of [0, 1, 2]) {
        const told = progressOf({ ...long, state, workers: counts(2, running) }, trans);
        expect(told.message.length).toBeLessThanOrEqual(140);
      }
    }
    expect(failure(long, trans).length).toBeLessThanOrEqual(140);
    expect(idleness(long, 1000, trans)).toHaveLength(140);
    expect(short('x'.repeat(140))).toBe('x'.repeat(140));
    expect(short('x'.repeat(141))).toBe(`${'x'.repeat(139)}…`);
  });

  it('knows a cluster that begins without workers as ready', () => {
    const adaptive = cluster('a', { workers: counts(0, 0) });
    expect(progressOf(adaptive, trans)).toMatchObject({ stage: 'ready', progress: 1 });
    expect(progressOf({ ...adaptive, state: 'starting' }, trans).stage).toBe('working');
  });

  it('counts workers of one that lost some', () => {
    const degraded = cluster('a', { state: 'degraded', workers: counts(4, 3) });
    expect(progressOf(degraded, trans)).toMatchObject({
      stage: 'working',
      message: '“name of a”: 3 of 4 workers run.'
    });
  });
});
