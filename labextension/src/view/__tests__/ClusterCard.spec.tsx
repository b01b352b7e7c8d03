import { act, configure, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { clock } from '../clock';
import type { IClusterActions } from '../clusterActions';
import { ClusterCard, type IClusterCardProps } from '../ClusterCard';
import { BUSY, cluster, NOW, trans } from './sample';

// A machine that does other things too takes its time.
configure({ asyncUtilTimeout: 30000 });

const user = userEvent.setup();

function actions(): Required<IClusterActions> {
  return {
    select: jest.fn(),
    scale: jest.fn(async () => null),
    adapt: jest.fn(async () => undefined),
    stop: jest.fn(async () => undefined),
    dismiss: jest.fn(async () => undefined),
    retry: jest.fn(async () => undefined),
    rename: jest.fn(async () => undefined),
    setTenure: jest.fn(async () => undefined),
    restartWorkers: jest.fn(async () => undefined),
    saveAsProfile: jest.fn(async () => undefined),
    editProfile: jest.fn(),
    previewProfile: jest.fn(),
    openDetails: jest.fn(),
    openLog: jest.fn(),
    openDashboard: jest.fn(),
    insertCode: jest.fn(),
    attach: jest.fn(),
    copyAddress: jest.fn(),
    drag: jest.fn()
  };
}

function card(more: Partial<IClusterCardProps> = {}): JSX.Element {
  return (
    <ul>
      <ClusterCard
        cluster={cluster()}
        open={true}
        here={false}
        place="Slurm · normal"
        readOnly={false}
        unheard={null}
        host="login1"
        notebook={true}
        actions={actions()}
        onClose={() => undefined}
        trans={trans}
        {...more}
      />
    </ul>
  );
}

const FOREIGN = {
  foreign: true,
  system: 'address',
  jobs: { total: 0, queued: 0, running: 0, expected_start: null }
};

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });
const buttons = (): string[] =>
  screen.getAllByRole('button').map(one => one.getAttribute('aria-label') ?? one.textContent ?? '');

async function choose(label: string): Promise<void> {
  await user.click(button('More actions for pangeo'));
  await user.click(
    screen.getByRole(/^When|Ends|Stays/.test(label) ? 'menuitemradio' : 'menuitem', { name: label })
  );
}

beforeEach(() => {
  jest.spyOn(Date, 'now').mockReturnValue(NOW * 1000);
});

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a card tells', () => {
  it('which cluster, how it is and since when, in words', () => {
    render(card({ here: true }));
    expect(button('pangeo , running')).toHaveAttribute('aria-expanded', 'true');
    expect(screen.getByText('Slurm · normal')).toBeInTheDocument();
    expect(screen.getByText('running', { selector: 'b' })).toBeInTheDocument();
    expect(screen.getByText('for 18 min · this notebook')).toBeInTheDocument();
  });

  it('how much of what was asked is there, as numbers and as one bar with a name', () => {
    render(card({ cluster: cluster({ workers: { asked: 20, queued: 6, running: 12, lost: 2 } }) }));
    expect(
      screen.getByRole('img', { name: '12 of 20 workers running, 6 queued, 2 lost' })
    ).toBeInTheDocument();
    for (const text of ['12 running', '6 queued', '2 lost', 'of 20']) {
      expect(screen.getByText(text)).toBeInTheDocument();
    }
  });

  it('why there is not more, the words before the code', () => {
    const reason = '2 of 5 jobs wait: Slurm: Priority — 37 jobs are before yours';
    render(card({ cluster: cluster({ reason }) }));
    const told = screen.getByTitle(reason);
    expect(told).toHaveTextContent('2 of 5 jobs wait: 37 jobs are before yours · Slurm: Priority');
  });

  it('how busy it is and what it does', () => {
    const memory = { limit: 240e9, used: 199e9, spilled: 0 };
    render(card({ cluster: cluster({ tasks: BUSY, memory }) }));
    expect(screen.getByRole('meter', { name: 'CPU' })).toHaveAttribute(
      'aria-valuetext',
      '34 of 48 cores'
    );
    // A colour is never alone.
    expect(screen.getByRole('meter', { name: 'Memory' })).toHaveAttribute(
      'aria-valuetext',
      '199 of 240 GB, high'
    );
    expect(screen.getByRole('progressbar', { name: 'rechunk' })).toHaveAttribute(
      'aria-valuenow',
      '512'
    );
    expect(screen.getByRole('progressbar', { name: 'mean' })).toHaveAttribute(
      'aria-valuetext',
      '24 / 365, 2 failed'
    );
  });

  it('what it costs, which grows by itself', () => {
    jest.useFakeTimers({ now: NOW * 1000 });
    render(card());
    expect(screen.getByText('1.0 core-h')).toBeInTheDocument();
    act(() => {
      jest.setSystemTime((NOW + 75) * 1000);
      jest.advanceTimersByTime(1000);
    });
    expect(screen.getByText('2.0 core-h')).toBeInTheDocument();
    jest.useRealTimers();
  });

  it('a loss with the end of its log', () => {
    const losses = [
      { id: '88123', node: 'n042', at: NOW - 5, reason: 'ran out of memory', log: 'x\noom_kill\n' }
    ];
    render(card({ cluster: cluster({ state: 'degraded', losses }) }));
    expect(screen.getByText('Job 88123 on n042: ran out of memory')).toBeInTheDocument();
    expect(screen.getByText(/oom_kill/)).toBeInTheDocument();
  });

  it('old facts as old, with what was last known and no button that acts', () => {
    const { container } = render(card({ cluster: cluster({ stale: 'login2 does not answer' }) }));
    expect(screen.getByText('no news', { selector: 'b' })).toBeInTheDocument();
    expect(screen.getByText(/since \d\d:\d\d — login2 does not answer/)).toBeInTheDocument();
    expect(screen.getByText('Last known: 12 of 20 workers running, 8 queued')).toBeInTheDocument();
    expect(container.querySelector('.dsk-Bar')).toBeNull();
    expect(screen.queryByRole('button', { name: 'Scale' })).toBeNull();
  });

  it('nothing that could be pressed while the server is not heard', () => {
    render(card({ unheard: NOW - 60 }));
    expect(buttons()).toEqual(['pangeo, no news']);
  });

  it('where a cluster of another host runs', () => {
    render(card({ cluster: cluster({ host: 'login2' }) }));
    expect(screen.getByText('for 18 min · ocean.ipynb · on login2')).toBeInTheDocument();
  });

  it('of a closed card two lines: state, workers and when it ends', () => {
    const idle = cluster({
      workers: { asked: 4, queued: 0, running: 4, lost: 0 },
      idle_since: NOW - 1500,
      ends_at: NOW + 290,
      ends_by: 'idle_timeout'
    });
    const { container } = render(card({ cluster: idle, open: false }));
    expect(container.querySelector('.dsk-State')).toHaveTextContent(
      'running 4 of 4 workers · ocean.ipynb · idle 25 min, ends in 4 min'
    );
    expect(container.querySelector('.dsk-Bar')).toBeNull();
  });
});

describe('what can be done', () => {
  it('suits the state', () => {
    const { rerender } = render(card());
    expect(buttons().slice(1)).toEqual([
      'Scale',
      'Dashboard',
      'Insert code',
      'Stop pangeo',
      'More actions for pangeo'
    ]);
    rerender(card({ cluster: cluster({ state: 'starting', ready: false }) }));
    expect(buttons().slice(1)).toEqual(['Cancel', 'Job script', 'Log', 'More actions for pangeo']);
    rerender(card({ cluster: cluster({ state: 'failed', reason: 'refused' }), open: false }));
    expect(buttons().slice(1)).toEqual([
      'Edit profile',
      'Try again',
      'Log',
      'Take pangeo off the list',
      'More actions for pangeo'
    ]);
  });

  it('is to look alone, for one who may not change anything', async () => {
    render(card({ readOnly: true }));
    expect(buttons().slice(1)).toEqual(['Dashboard', 'More actions for pangeo']);
    await user.click(button('More actions for pangeo'));
    expect(screen.getAllByRole('menuitem').map(item => item.textContent)).toEqual([
      'Details',
      'Workers',
      'Logs',
      'Dashboard',
      'Copy the scheduler’s address'
    ]);
  });

  it('is not offered where nobody can do it', () => {
    render(card({ actions: { openLog: jest.fn() } }));
    expect(buttons().slice(1)).toEqual(['More actions for pangeo']);
  });

  it('opens a closed card by its name', async () => {
    const acts = actions();
    render(card({ open: false, actions: acts }));
    await user.click(button('pangeo , running'));
    expect(acts.select).toHaveBeenCalledWith('c1');
  });

  it('stops an idle cluster at once', async () => {
    const acts = actions();
    render(card({ actions: acts }));
    await user.click(button('Stop pangeo'));
    expect(acts.stop).toHaveBeenCalledWith('c1');
  });

  it('asks before it stops one that computes, and Escape is no', async () => {
    const acts = actions();
    render(card({ cluster: cluster({ tasks: BUSY }), actions: acts }));
    await user.click(button('Stop pangeo'));
    expect(acts.stop).not.toHaveBeenCalled();
    expect(screen.getByRole('alertdialog')).toHaveAccessibleName(/^787 tasks are not done/);
    expect(button('Keep it running')).toHaveFocus();
    await user.keyboard('{Escape}');
    expect(screen.queryByRole('alertdialog')).toBeNull();
    await user.click(button('Stop pangeo'));
    await user.click(button('Stop it'));
    expect(acts.stop).toHaveBeenCalledTimes(1);
  });

  it('shows in the card why something did not work', async () => {
    const acts = actions();
    (acts.stop as jest.Mock).mockRejectedValue(new Error('The keeper does not answer.'));
    render(card({ actions: acts }));
    await user.click(button('Stop pangeo'));
    expect(await screen.findByRole('alert')).toHaveTextContent('The keeper does not answer.');
    await user.click(button('Close this message'));
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('renames in place by Enter, and keeps the name by Escape', async () => {
    const acts = actions();
    render(card({ actions: acts }));
    await choose('Rename…');
    const field = screen.getByRole('textbox', { name: 'New name' });
    await waitFor(() => expect(field).toHaveFocus());
    await user.clear(field);
    await user.type(field, 'ocean{Enter}');
    expect(acts.rename).toHaveBeenCalledWith('c1', 'ocean');
    await waitFor(() => expect(screen.queryByRole('textbox')).toBeNull());
    await choose('Rename…');
    await user.keyboard('x{Escape}');
    expect(screen.queryByRole('textbox')).toBeNull();
    expect(acts.rename).toHaveBeenCalledTimes(1);
  });

  it('changes what it ends with, of which one is marked', async () => {
    const acts = actions();
    render(card({ actions: acts }));
    await user.click(button('More actions for pangeo'));
    expect(screen.getByRole('menuitemradio', { checked: true })).toHaveTextContent('ocean.ipynb');
    await user.click(screen.getByRole('menuitemradio', { name: 'Ends with the Jupyter server' }));
    expect(acts.setTenure).toHaveBeenCalledWith('c1', 'server');
  });

  it('of a scheduler of somebody else can be let go, and nothing more is done to it', async () => {
    const acts = actions();
    render(card({ cluster: cluster({ ...FOREIGN, tasks: BUSY }), actions: acts }));
    expect(screen.getByText(/belongs to somebody else/)).toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Scale' })).toBeNull();
    expect(screen.queryByRole('button', { name: /^Stop/ })).toBeNull();
    await user.click(button('More actions for pangeo'));
    expect(screen.queryByRole('menuitem', { name: 'Restart workers' })).toBeNull();
    await user.keyboard('{Escape}');
    await user.click(button('Detach pangeo'));
    // Its tasks go on, so there is nothing to ask.
    expect(acts.stop).toHaveBeenCalledWith('c1');
  });

  it('is pulled away by its head, and that opens nothing', () => {
    const acts = actions();
    const { container } = render(card({ open: false, actions: acts }));
    const head = container.querySelector('.dsk-Card-head') as HTMLElement;
    const fire = (type: string, x: number): void => {
      act(() => {
        // jsdom has no PointerEvent with coordinates.
        const event = new MouseEvent(type, { bubbles: true, clientX: x, clientY: 5, buttons: 1 });
        head.dispatchEvent(event);
      });
    };
    fire('pointerdown', 10);
    fire('pointermove', 12);
    expect(acts.drag).not.toHaveBeenCalled();
    fire('pointermove', 40);
    expect(acts.drag).toHaveBeenCalledWith('c1', 40, 5);
    act(() => within(head).getByRole('button').click());
    expect(acts.select).not.toHaveBeenCalled();
  });
});

describe('the clock', () => {
  it('draws no card again whose texts stay', () => {
    jest.useFakeTimers({ now: NOW * 1000 });
    const place = jest.fn();
    const Probe = (): JSX.Element => {
      place();
      return card();
    };
    render(<Probe />);
    act(() => {
      jest.advanceTimersByTime(5000);
    });
    expect(place).toHaveBeenCalledTimes(1);
    jest.useRealTimers();
  });

  it('goes by the server', () => {
    clock.ahead = 60;
    render(card());
    expect(screen.getByText('for 19 min · ocean.ipynb')).toBeInTheDocument();
    clock.ahead = 0;
  });
});
