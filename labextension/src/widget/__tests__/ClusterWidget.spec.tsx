import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { FakeModel } from '../../__tests__/fakeModel';
import { BRIDGE_VERSION, layBridge } from '../../bridge/bridge';
import { cluster, NOW, trans } from '../../view/__tests__/sample';
import { ClusterWidget } from '../ClusterWidget';
import { KernelSide } from '../kernel';
import { FakeKernel } from './fakeKernel';

const facts = (more: object = {}): Record<string, unknown> => ({
  kind: 'cluster',
  cluster_id: 'c1',
  followed: true,
  card: cluster(),
  ...more
});

function shown(more: object = {}): { kernel: FakeKernel; side: KernelSide; unmount: () => void } {
  const kernel = new FakeKernel(facts(more));
  const side = new KernelSide(kernel);
  const { unmount } = render(<ClusterWidget kernel={side} />);
  return { kernel, side, unmount };
}

beforeEach(() => {
  jest.useFakeTimers({ now: NOW * 1000, doNotFake: ['queueMicrotask'] });
});

afterEach(() => {
  jest.useRealTimers();
});

const user = () => userEvent.setup({ advanceTimers: jest.advanceTimersByTime });

describe('by the kernel alone', () => {
  it('shows what the kernel says, and what it says next', () => {
    const { kernel } = shown();
    expect(screen.getByText('12 running')).toBeInTheDocument();

    act(() =>
      kernel.set('card', cluster({ workers: { asked: 20, queued: 0, running: 20, lost: 0 } }))
    );

    expect(screen.getByText('20 running')).toBeInTheDocument();
  });

  it('asks the kernel, and shows why that could not be done', async () => {
    const { kernel } = shown();
    await user().click(screen.getByRole('button', { name: 'Stop pangeo' }));
    expect(kernel.sent.pop()).toMatchObject({ kind: 'ask', what: 'stop' });
    kernel.sent.push({ kind: 'ask', id: `${kernel.sent[0].view}:1` });

    await act(async () => kernel.answer({ error: 'The keeper does not answer.' }));

    expect(await screen.findByRole('alert')).toHaveTextContent('The keeper does not answer.');
  });

  it('says that a kernel which does not answer may be busy', async () => {
    const { kernel } = shown();
    await user().click(screen.getByRole('button', { name: 'Stop pangeo' }));
    expect(kernel.sent).toHaveLength(2);

    await act(async () => {
      jest.advanceTimersByTime(91_000);
    });

    expect(await screen.findByRole('alert')).toHaveTextContent('it may be busy');
  });

  it('shows the last state of a kernel that is gone, without buttons that would do nothing', () => {
    const { kernel } = shown();

    act(() => kernel.emit('comm_live_update'));

    expect(screen.getByText(/the kernel has ended or was restarted/)).toBeInTheDocument();
    expect(screen.getByText(/12 of 20 workers running/)).toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Scale' })).toBeNull();
    expect(screen.queryByRole('button', { name: 'Stop pangeo' })).toBeNull();

    act(() => kernel.set('card', cluster()));
    expect(screen.getByRole('button', { name: 'Scale' })).toBeInTheDocument();
  });

  it('tells the kernel when it is looked at, and leaves no listener behind', () => {
    const { kernel, side, unmount } = shown();
    const view = kernel.sent[0].view;
    expect(kernel.sent).toEqual([{ kind: 'view', view, open: true }]);

    unmount();
    side.dispose();

    expect(kernel.sent.pop()).toEqual({ kind: 'view', view, open: false });
    expect(kernel.listeners).toBe(0);
  });

  it('tells nothing to a kernel that follows it no more', () => {
    const { kernel, side } = shown({ followed: false });
    side.dispose();
    expect(kernel.sent).toEqual([]);
    expect(screen.getByText(/it is not followed any more/)).toBeInTheDocument();
  });
});

describe('over the bridge', () => {
  let fake: FakeModel;
  let takeAway: () => void;
  const scale = jest.fn().mockResolvedValue(null);
  const stop = jest.fn().mockResolvedValue(undefined);

  const lay = (version = BRIDGE_VERSION): void => {
    takeAway = layBridge({
      version,
      model: Object.assign(fake.model, { now: () => NOW }),
      actions: { scale, stop },
      trans,
      place: () => 'Somewhere'
    });
  };

  beforeEach(() => {
    fake = new FakeModel();
    fake.show(cluster({ workers: { asked: 9, queued: 0, running: 9, lost: 0 } }));
    stop.mockClear();
  });

  afterEach(() => act(() => takeAway()));

  it('shows what the server knows rather than what a busy kernel said', () => {
    lay();
    shown();
    expect(screen.getByText('9 running')).toBeInTheDocument();
    expect(screen.getByText('Somewhere')).toBeInTheDocument();

    act(() => fake.show(cluster({ workers: { asked: 7, queued: 0, running: 7, lost: 0 } })));

    expect(screen.getByText('7 running')).toBeInTheDocument();
  });

  it('lets the server do it', async () => {
    lay();
    const { kernel } = shown();
    await user().click(screen.getByRole('button', { name: 'Stop pangeo' }));
    await waitFor(() => expect(stop).toHaveBeenCalledWith('c1'));
    expect(kernel.sent).toHaveLength(1);
  });

  it('comes into use when it comes late', () => {
    shown();
    expect(screen.getByText('12 running')).toBeInTheDocument();
    act(() => lay());
    expect(screen.getByText('9 running')).toBeInTheDocument();
  });

  it('is of no use where it is of another version, or does not know the cluster', () => {
    lay(BRIDGE_VERSION + 1);
    shown();
    expect(screen.getByText('12 running')).toBeInTheDocument();
    act(() => takeAway());
    act(() => fake.show());
    act(() => lay());
    expect(screen.getByText('12 running')).toBeInTheDocument();
  });

  it('remembers how a cluster ended when the list has forgotten it', () => {
    lay();
    shown();
    act(() => fake.show(cluster({ state: 'stopped', reason: 'stopped by a person' })));
    act(() => fake.show());
    expect(screen.getByText('stopped')).toBeInTheDocument();
  });
});
