import { configure, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import type { IHeld } from '../../tokens';
import { Banner } from '../Banner';
import { ClusterList, inOrder } from '../ClusterList';
import { DashboardList, usual } from '../DashboardList';
import { EmptyPanel } from '../EmptyPanel';
import { HeldList, heldRows, idsText } from '../HeldList';
import { NewButton } from '../NewButton';
import { ProfileList } from '../ProfileList';
import { cluster, NOW, profile, trans } from './sample';

// A machine that does other things too takes its time.
configure({ asyncUtilTimeout: 30000 });

const user = userEvent.setup();

describe('clusters', () => {
  const three = ['a', 'b', 'c'].map(id => cluster({ id, name: id }));

  function list(current: string | null, here: string | null = null, select = jest.fn()) {
    render(
      <ClusterList
        clusters={three}
        current={current}
        here={here}
        place={one => one.profile_title ?? ''}
        readOnly={false}
        unheard={null}
        host={null}
        notebook={false}
        actions={{ select }}
        trans={trans}
      />
    );
    return select;
  }

  const names = (): HTMLElement[] => screen.getAllByRole('button', { name: /running/ });

  it('of the current notebook come first, the others stay where they are', () => {
    expect(inOrder(three, 'c').map(one => one.id)).toEqual(['c', 'a', 'b']);
    expect(inOrder(three, null)).toBe(three);
  });

  it('have one card open', () => {
    list('b');
    expect(names().map(one => one.getAttribute('aria-expanded'))).toEqual([
      'false',
      'true',
      'false'
    ]);
  });

  it('can all be closed', async () => {
    const select = list('b');
    await user.click(names()[1]);
    expect(names().map(one => one.getAttribute('aria-expanded'))).toEqual([
      'false',
      'false',
      'false'
    ]);
    await user.click(names()[1]);
    expect(select).toHaveBeenCalledWith('b');
    expect(names()[1]).toHaveAttribute('aria-expanded', 'true');
  });

  it('are reached by arrow keys', async () => {
    list('a');
    names()[0].focus();
    await user.keyboard('{ArrowDown}{ArrowDown}{ArrowDown}');
    expect(names()[2]).toHaveFocus();
    await user.keyboard('{Home}');
    expect(names()[0]).toHaveFocus();
  });

  it('that did not change are not drawn again', () => {
    const place = jest.fn(() => '');
    const drawn: string[] = [];
    const actions = {};
    const draw = (clusters: readonly ReturnType<typeof cluster>[]): JSX.Element => (
      <React.Profiler id="list" onRender={() => drawn.push('list')}>
        <ClusterList
          clusters={clusters}
          current={null}
          here={null}
          place={place}
          readOnly={false}
          unheard={null}
          host={null}
          notebook={false}
          actions={actions}
          trans={trans}
        />
      </React.Profiler>
    );
    const { rerender, container } = render(draw(three));
    const before = [...container.querySelectorAll('.dsk-State')];
    const workers = { ...three[1].workers, running: 1 };
    rerender(draw([three[0], { ...three[1], workers }, three[2]]));
    const after = [...container.querySelectorAll('.dsk-State')];
    expect(after).toEqual(before);
    expect(after[1]).toHaveTextContent('1 of 20 workers');
  });
});

describe('a new cluster', () => {
  const profiles = [
    { name: 'local', title: 'This machine', system: 'This machine' },
    { name: 'normal', title: 'normal', system: 'Slurm' }
  ];

  it('is one press, or another profile from the menu', async () => {
    const onStart = jest.fn();
    render(<NewButton first={profiles[0]} profiles={profiles} onStart={onStart} trans={trans} />);
    await user.click(screen.getByRole('button', { name: 'New on this machine' }));
    await user.click(screen.getByRole('button', { name: 'Choose a profile' }));
    await user.click(screen.getByRole('menuitem', { name: /normal/ }));
    expect(onStart.mock.calls).toEqual([['local'], ['normal']]);
  });

  it('that is refused says why, at the button', async () => {
    const onStart = jest.fn().mockRejectedValue(new Error('There is no such profile.'));
    render(<NewButton first={profiles[1]} profiles={profiles} onStart={onStart} trans={trans} />);
    await user.click(screen.getByRole('button', { name: 'New from “normal”' }));
    expect(await screen.findByRole('alert')).toHaveTextContent('There is no such profile.');
  });
});

describe('nothing yet', () => {
  const slurm = { system: 'slurm', title: 'Slurm', partitions: 3, profiles: 0 };

  it('teaches what to do, and offers what was found', async () => {
    const onDiscover = jest.fn();
    render(
      <EmptyPanel found={[slurm]} readOnly={false} onDiscover={onDiscover} trans={trans}>
        <button type="button">New</button>
      </EmptyPanel>
    );
    expect(screen.getByText('%%dask_cluster')).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'New' })).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Make profiles of its 3 partitions' }));
    expect(onDiscover).toHaveBeenCalledWith('slurm');
  });

  it('offers nothing to one who may only look', () => {
    render(<EmptyPanel found={[slurm]} readOnly={true} onDiscover={jest.fn()} trans={trans} />);
    expect(screen.queryByRole('button')).toBeNull();
  });
});

describe('the banner', () => {
  const told = (state: 'ok' | 'lost' | 'missing' | 'connecting', readOnly = false): string => {
    const { container } = render(
      <Banner connection={{ state, since: NOW, message: null }} readOnly={readOnly} trans={trans} />
    );
    return container.textContent ?? '';
  };

  it('is not there while all is well', () => {
    expect(told('ok')).toBe('');
  });

  it('says once what is true of all', () => {
    expect(told('ok', true)).toMatch(/^Read-only\./);
    expect(told('lost')).toMatch(/^No news since .*last known/);
    expect(told('missing')).toMatch(/^This server has no Dask Steward/);
    expect(told('connecting')).toMatch(/^Asking the Jupyter server/);
  });
});

describe('profiles', () => {
  const problem = {
    message: '“12O GB” is not a size',
    field: 'memory',
    file: null,
    line: 3,
    column: 1
  };
  const all = [
    profile(),
    profile({
      name: 'etl',
      title: 'YARN · etl',
      level: 'system',
      editable: false,
      locked: ['queue']
    }),
    profile({ name: 'big', title: 'bigmem', problems: [problem], resolved: null })
  ];

  function list(readOnly = false) {
    const actions = { start: jest.fn(), edit: jest.fn(), preview: jest.fn(), remove: jest.fn() };
    render(
      <ProfileList
        profiles={all}
        system={s => s}
        readOnly={readOnly}
        actions={actions}
        trans={trans}
      />
    );
    return actions;
  }

  it('say whose they are and what is wrong with them', () => {
    list();
    expect(screen.getAllByText('yours')).toHaveLength(2);
    expect(screen.getByText('site, locked')).toBeInTheDocument();
    expect(screen.getByText('memory: “12O GB” is not a size')).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Start a cluster from bigmem' })).toBeDisabled();
  });

  it('start a cluster, and are edited', async () => {
    const actions = list();
    await user.click(screen.getByRole('button', { name: 'Start a cluster from YARN · etl' }));
    expect(actions.start).toHaveBeenCalledWith('etl');
    await user.click(screen.getByRole('button', { name: 'bigmem' }));
    expect(actions.edit).toHaveBeenCalledWith('big');
  });

  it('are deleted by their owner alone', async () => {
    const actions = list();
    await user.click(screen.getByRole('button', { name: /actions for the profile YARN/ }));
    expect(screen.queryByRole('menuitem', { name: 'Delete…' })).toBeNull();
    await user.keyboard('{Escape}');
    await user.click(screen.getByRole('button', { name: /actions for the profile Slurm/ }));
    await user.click(screen.getByRole('menuitem', { name: 'Delete…' }));
    expect(actions.remove).toHaveBeenCalledWith('normal');
  });

  it('cannot be started or changed by one who may only look', async () => {
    list(true);
    expect(screen.queryByRole('button', { name: /Start a cluster/ })).toBeNull();
    await user.click(screen.getByRole('button', { name: /actions for the profile Slurm/ }));
    expect(screen.getAllByRole('menuitem').map(item => item.textContent)).toEqual(['Look at it']);
  });
});

describe('dashboards', () => {
  const plots = [
    'GPU',
    'Events',
    'Occupancy',
    'Profile',
    'Graph',
    'Progress',
    'Task Stream',
    'Workers'
  ].map(title => ({ title, path: title.toLowerCase() }));

  it('offer the usual plots first', () => {
    expect(usual(plots).map(plot => plot.title)).toEqual([
      'Task Stream',
      'Progress',
      'Workers',
      'GPU',
      'Events'
    ]);
  });

  it('offer all of them with a filter', async () => {
    const onOpen = jest.fn();
    render(
      <DashboardList cluster="pangeo" plots={plots} reason={null} onOpen={onOpen} trans={trans} />
    );
    await user.click(screen.getByRole('button', { name: 'All 8…' }));
    await user.type(screen.getByRole('searchbox', { name: 'Filter plots' }), 'occ');
    await user.click(screen.getByRole('button', { name: 'Occupancy' }));
    expect(onOpen).toHaveBeenCalledWith(plots[2]);
    expect(screen.queryByRole('button', { name: 'GPU' })).toBeNull();
  });

  it('say why there are none', () => {
    render(
      <DashboardList
        cluster="pangeo"
        plots={null}
        reason="bokeh is missing"
        onOpen={jest.fn()}
        trans={trans}
      />
    );
    expect(screen.getByText('bokeh is missing')).toBeInTheDocument();
  });
});

describe('what is held', () => {
  const thing = (id: string, more: Partial<IHeld> = {}): IHeld => ({
    cluster: 'c1',
    name: 'pangeo',
    kind: 'Slurm job',
    id,
    state: 'running',
    reason: null,
    since: NOW - 60,
    node: null,
    cores: 24,
    core_seconds: 10,
    ...more
  });

  it('is one row where only the ids differ', () => {
    const rows = heldRows([
      thing('3'),
      thing('1'),
      thing('2', { since: NOW - 90 }),
      thing('9', { state: 'queued' })
    ]);
    expect(rows.map(row => [row.ids.length, row.coreSeconds, row.since])).toEqual([
      [3, 30, NOW - 90],
      [1, 10, NOW - 60]
    ]);
  });

  it('has ids in few words', () => {
    expect(idsText(['3', '1', '2'])).toBe('1–3');
    expect(idsText(['1', '5'])).toBe('1, 5');
    expect(idsText(['7_1', '7_2', '7_3'])).toBe('7_[1–3]');
    expect(idsText(['application_1718000000000_0042'])).toBe('application_…_0042');
    expect(idsText(['a', 'b', 'c', 'd'])).toBe('a, b, … (4)');
  });

  it('is swept, and says what came of it', async () => {
    const answer = {
      things: [thing('1')],
      core_seconds_today: 7200,
      problems: ['squeue does not answer']
    };
    const onSweep = jest.fn().mockResolvedValue('2 jobs were given back.');
    render(<HeldList held={answer} readOnly={false} onSweep={onSweep} trans={trans} />);
    expect(screen.getByText('2.0 core-h today')).toBeInTheDocument();
    expect(screen.getByText('squeue does not answer')).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Sweep' }));
    expect(await screen.findByRole('status')).toHaveTextContent('2 jobs were given back.');
  });

  it('says so where it is nothing', () => {
    render(
      <HeldList
        held={{ things: [], core_seconds_today: 0, problems: [] }}
        readOnly={true}
        trans={trans}
      />
    );
    expect(screen.getByText(/^Nothing is held/)).toBeInTheDocument();
    expect(screen.queryByRole('button')).toBeNull();
  });
});
