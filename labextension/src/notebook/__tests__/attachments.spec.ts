import { StateDB } from '@jupyterlab/statedb';
import { Signal } from '@lumino/signaling';

import { Attachments, COMM_TARGET, followTracker } from '../../model/attachments';
import type { ICluster } from '../../tokens';
import { cluster } from '../../__tests__/fakes';

class FakeModel {
  clusters: readonly ICluster[] = [];
  clustersChanged = new Signal<any, void>(this);
  kernels: (string | null)[] = [];

  cluster(id: string): ICluster | null {
    return this.clusters.find(c => c.id === id) ?? null;
  }

  setKernel(id: string | null): void {
    this.kernels.push(id);
  }

  show(...clusters: ICluster[]): void {
    this.clusters = clusters;
    this.clustersChanged.emit();
  }
}

/** A connection to a kernel, as JupyterLab's session contexts give it. */
class FakeKernel {
  constructor(readonly id: string) {}

  targets = new Map<string, (comm: any, message: any) => void>();

  registerCommTarget(name: string, target: (comm: any, message: any) => void): void {
    this.targets.set(name, target);
  }

  /** A magic opens its comm; what it sends later goes through what is returned. */
  open(data: unknown): (data: unknown) => void {
    const comm: any = {};
    this.targets.get(COMM_TARGET)!(comm, { content: { data } });
    return later => comm.onMsg({ content: { data: later } });
  }
}

class FakeContext {
  constructor(kernel: FakeKernel | null) {
    this.session = { kernel };
  }

  session: { kernel: FakeKernel | null };
  kernelChanged = new Signal<any, any>(this);
  statusChanged = new Signal<any, any>(this);

  change(kernel: FakeKernel | null): void {
    const oldValue = this.session.kernel;
    this.session = { kernel };
    this.kernelChanged.emit({ name: 'kernel', oldValue, newValue: kernel });
  }
}

const owned = (id: string, kernel: string, more: Partial<ICluster> = {}): ICluster =>
  cluster(id, { owner: { kind: 'kernel', pid: 1, host: 'h', kernel_id: kernel }, ...more });

describe('Attachments', () => {
  let model: FakeModel;
  let attachments: Attachments;
  let changed: jest.Mock;

  beforeEach(() => {
    model = new FakeModel();
    attachments = new Attachments(model);
    changed = jest.fn();
    attachments.changed.connect(changed);
  });

  const id = (kernel: string | null | undefined) => attachments.of(kernel)?.id ?? null;

  it('takes the living cluster that a kernel owns', () => {
    model.show(owned('old', 'K', { state: 'failed' }), owned('a', 'K'), cluster('b'));
    expect(id('K')).toBe('a');
    expect(id('other')).toBeNull();
    expect(id(null)).toBeNull();
    expect(changed).toHaveBeenCalledTimes(1);
    model.show(owned('a', 'K', { threads: 9 }));
    expect(changed).toHaveBeenCalledTimes(1);
    model.show();
    expect(id('K')).toBeNull();
    expect(changed).toHaveBeenCalledTimes(2);
  });

  it('believes a magic more than the owner', () => {
    model.show(owned('a', 'K'), cluster('b'));
    const kernel = new FakeKernel('K');
    attachments.listen(new FakeContext(kernel) as any);
    const send = kernel.open({ action: 'attached', id: 'b', name: 'bee' });
    expect(id('K')).toBe('b');
    send({ action: 'detached', id: 'b', name: 'bee' });
    expect(id('K')).toBe('a');
    send({ action: 'attached', id: 'b', name: 'bee' });
    // It lets go of another one than it uses.
    send({ action: 'detached', id: 'a', name: 'ay' });
    expect(id('K')).toBe('b');
  });

  it('leaves alone what is not in the form of a magic', () => {
    model.show(cluster('b'));
    const kernel = new FakeKernel('K');
    attachments.listen(new FakeContext(kernel) as any);
    const send = kernel.open(undefined);
    for (const data of [null, {}, { action: 'attached' }, { action: 'x', id: 'b' }, 'b']) {
      send(data);
    }
    expect(id('K')).toBeNull();
  });

  it('shows a cluster that is not yet known as soon as it is', () => {
    attachments.attach('K', 'b');
    expect(id('K')).toBeNull();
    changed.mockClear();
    model.show(cluster('b'));
    expect(id('K')).toBe('b');
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it('shows the end of an attached cluster unless the kernel owns another one', () => {
    attachments.attach('K', 'b');
    model.show(cluster('b', { state: 'failed' }));
    expect(id('K')).toBe('b');
    model.show(cluster('b', { state: 'failed' }), owned('a', 'K'));
    expect(id('K')).toBe('a');
  });

  it('listens to a kernel that a notebook gets later', () => {
    model.show(cluster('b'));
    const context = new FakeContext(null);
    attachments.listen(context as any);
    const kernel = new FakeKernel('L');
    context.change(kernel);
    kernel.open({ action: 'attached', id: 'b' });
    expect(id('L')).toBe('b');
  });

  it('forgets what a kernel used when that starts anew', () => {
    model.show(cluster('b'));
    const context = new FakeContext(new FakeKernel('K'));
    attachments.listen(context as any);
    for (const status of ['restarting', 'autorestarting']) {
      attachments.attach('K', 'b');
      context.statusChanged.emit('busy');
      expect(id('K')).toBe('b');
      context.statusChanged.emit(status);
      expect(id('K')).toBeNull();
    }
  });

  it('remembers over a reload of the page, as long as the kernel lives', async () => {
    const state = new StateDB();
    const before = new Attachments(model, state);
    await before.restore();
    before.attach('K', 'b');
    before.attach('gone', 'b');
    before.attach('moved', 'b');
    model.show(cluster('b'), cluster('c'));

    const after = new Attachments(model, state);
    after.attach('moved', 'c');
    await after.restore();
    expect(after.of('K')?.id).toBe('b');
    expect(after.of('moved')?.id).toBe('c');
    after.keep(new Set(['K', 'moved']));
    expect(after.of('gone')).toBeNull();

    const third = new Attachments(model, state);
    await third.restore();
    expect(third.of('K')?.id).toBe('b');
    expect(third.of('gone')).toBeNull();
  });

  it('does not mind a state that is broken', async () => {
    const state = new StateDB();
    await state.save('dask-steward:attachments', { K: 7 } as any);
    const restored = new Attachments(model, state);
    await restored.restore();
    expect(restored.of('K')).toBeNull();
  });
});

describe('followTracker', () => {
  it('listens to all kernels, and tells which one is in front', () => {
    const model = new FakeModel();
    model.show(cluster('b'));
    const attachments = new Attachments(model);
    const widget = (kernel: FakeKernel | null): any => ({
      sessionContext: new FakeContext(kernel)
    });
    const first = new FakeKernel('first');
    const open = [widget(first)];
    const tracker: any = {
      currentWidget: open[0],
      currentChanged: new Signal<any, any>({}),
      widgetAdded: new Signal<any, any>({}),
      forEach: (each: (widget: any) => void) => open.forEach(each)
    };
    followTracker(tracker, attachments, model);
    expect(model.kernels).toEqual(['first']);
    first.open({ action: 'attached', id: 'b' });
    expect(attachments.of('first')?.id).toBe('b');

    const later = widget(null);
    tracker.widgetAdded.emit(later);
    tracker.currentWidget = later;
    tracker.currentChanged.emit(later);
    const second = new FakeKernel('second');
    later.sessionContext.change(second);
    // One behind it gets another kernel: that is not in front.
    open[0].sessionContext.change(new FakeKernel('third'));
    // The last notebook was closed: what was in front is still what people mean.
    tracker.currentWidget = null;
    tracker.currentChanged.emit(null);
    expect(model.kernels).toEqual(['first', null, 'second']);
    second.open({ action: 'attached', id: 'b' });
    expect(attachments.of('second')?.id).toBe('b');
  });
});
