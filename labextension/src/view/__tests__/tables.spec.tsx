import { act, fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';
import type { IJob, IWorker } from '../../tokens';
import { JobsTable } from '../JobsTable';
import { ROW_HEIGHT, sorted } from '../Table';
import { WorkersTable } from '../WorkersTable';
import { NOW, trans } from './sample';

function worker(index: number, more: Partial<IWorker> = {}): IWorker {
  return {
    address: `tls://10.0.0.1:${index}`,
    name: `w-${index}`,
    job: `9${index}`,
    host: 'n001',
    status: 'running',
    threads: 4,
    cpu: 1.5,
    memory: index * 1e6,
    memory_limit: 4e9,
    spilled: 0,
    unmanaged: 0,
    processing: 2,
    executing: 1,
    stored: 0,
    ...more
  };
}

const many = Array.from({ length: 1000 }, (_, index) => worker(index));

function workers(rows: readonly IWorker[], onLog = jest.fn()): React.ReactElement {
  return <WorkersTable workers={rows} ready trans={trans} onLog={onLog} />;
}

const names = (): string[] =>
  screen
    .getAllByRole('row')
    .filter(row => row.dataset.row !== undefined)
    .sort(
      (a, b) =>
        Number(a.ariaRowIndex ?? a.getAttribute('aria-rowindex')) -
        Number(b.getAttribute('aria-rowindex'))
    )
    .map(row => within(row).getAllByRole('gridcell')[0].textContent ?? '');

describe('sorted', () => {
  it('puts unknown values last either way, and numbers in names in their order', () => {
    const columns = [
      {
        key: 'a',
        title: '',
        width: 1,
        grow: 1,
        value: (row: { a: unknown }) => row.a as string,
        render: () => null
      }
    ];
    const rows = [{ a: 'w-10' }, { a: null }, { a: 'w-2' }];
    expect(sorted(rows, columns, { key: 'a', descending: false }).map(row => row.a)).toEqual([
      'w-2',
      'w-10',
      null
    ]);
    expect(sorted(rows, columns, { key: 'a', descending: true }).map(row => row.a)).toEqual([
      'w-10',
      'w-2',
      null
    ]);
  });
});

describe('WorkersTable', () => {
  it('has only the rows in sight of a thousand, and says how many there are', () => {
    render(workers(many));
    const grid = screen.getByRole('grid', { name: 'Workers' });
    expect(grid).toHaveAttribute('aria-rowcount', '1001');
    expect(screen.getAllByRole('row').length).toBeLessThan(60);
    expect(names().slice(0, 3)).toEqual(['w-0', 'w-1', 'w-2']);
  });

  it('shows other rows when it is scrolled', () => {
    render(workers(many));
    const grid = screen.getByRole('grid');
    grid.scrollTop = 500 * ROW_HEIGHT;
    fireEvent.scroll(grid);
    expect(names()).toContain('w-505');
    expect(names()).not.toContain('w-0');
  });

  it('sorts by a column, numbers from the largest down, and says so', () => {
    render(workers(many.slice(0, 3)));
    const memory = screen.getByRole('columnheader', { name: 'Memory' });
    fireEvent.click(within(memory).getByRole('button'));
    expect(memory).toHaveAttribute('aria-sort', 'descending');
    expect(screen.getByRole('columnheader', { name: 'Name' })).toHaveAttribute('aria-sort', 'none');
    expect(names()).toEqual(['w-2', 'w-1', 'w-0']);
    fireEvent.click(within(memory).getByRole('button'));
    expect(memory).toHaveAttribute('aria-sort', 'ascending');
    expect(names()).toEqual(['w-0', 'w-1', 'w-2']);
  });

  it('draws only the rows that changed', () => {
    const { rerender } = render(workers(many.slice(0, 3)));
    const before = screen.getByText('w-1').closest('[role="row"]');
    const text = within(before as HTMLElement).getByText('1 MB of 4 GB');
    rerender(workers([many[0], worker(1, { memory: 3.5e9 }), many[2]]));
    expect(screen.getByText('w-1').closest('[role="row"]')).toBe(before);
    expect(text).toHaveTextContent('3.5 GB of 4 GB');
  });

  it('is gone through by keyboard, and opens a log by Enter', () => {
    jest.useFakeTimers();
    const onLog = jest.fn();
    render(workers(many.slice(0, 100), onLog));
    const row = (name: string): HTMLElement =>
      screen.getByText(name).closest('[role="row"]') as HTMLElement;
    const press = (key: string): void => {
      fireEvent.keyDown(document.activeElement as Element, { key });
      act(() => jest.runOnlyPendingTimers());
    };
    act(() => row('w-0').focus());
    expect(row('w-0').tabIndex).toBe(0);
    expect(row('w-1').tabIndex).toBe(-1);
    press('ArrowDown');
    expect(document.activeElement).toBe(row('w-1'));
    press('End');
    expect(document.activeElement).toBe(row('w-99'));
    press('Home');
    expect(document.activeElement).toBe(row('w-0'));
    press('Enter');
    expect(onLog).toHaveBeenCalledWith(many[0]);
    jest.useRealTimers();
  });

  it('says a status as a word, and an unknown one as it is', () => {
    render(workers([worker(0, { status: 'paused' }), worker(1, { status: 'odd' })]));
    expect(screen.getByText('paused')).toBeInTheDocument();
    expect(screen.getByText('odd')).toBeInTheDocument();
  });

  it('says that there is no worker', () => {
    render(workers([]));
    expect(screen.getByText('No worker is connected.')).toBeInTheDocument();
  });
});

describe('JobsTable', () => {
  const job = (key: string, more: Partial<IJob> = {}): IJob => ({
    key,
    kind: 'job',
    id: key,
    state: 'queued',
    reason: 'Priority',
    expected_start: NOW + 300,
    node: null,
    since: NOW,
    group: 'main',
    ...more
  });

  it('shows why a job waits and when it is expected', () => {
    render(
      <JobsTable
        system="slurm"
        jobs={[job('7')]}
        losses={[]}
        ready
        now={NOW}
        trans={trans}
        onLog={jest.fn()}
      />
    );
    const [, cells] = screen.getAllByRole('row');
    expect(cells).toHaveTextContent('queued');
    expect(cells).toHaveTextContent('Priority');
    expect(cells.textContent).toMatch(/\d\d:05/);
  });

  it('has no log of a job without an id, and columns only for what differs', () => {
    const jobs = [job('7'), job('8', { id: null, state: 'intended' })];
    const { rerender } = render(
      <JobsTable
        system="slurm"
        jobs={jobs}
        losses={[]}
        ready
        now={NOW}
        trans={trans}
        onLog={jest.fn()}
      />
    );
    expect(screen.getAllByRole('button', { name: /^Log of/ })).toHaveLength(1);
    expect(screen.queryByRole('columnheader', { name: 'Group' })).toBeNull();
    rerender(
      <JobsTable
        system="slurm"
        jobs={[...jobs, job('9', { group: 'big' })]}
        losses={[]}
        ready
        now={NOW}
        trans={trans}
        onLog={jest.fn()}
      />
    );
    expect(screen.getByRole('columnheader', { name: 'Group' })).toBeInTheDocument();
  });

  it('shows what was lost with the end of its log, as text', () => {
    const onLog = jest.fn();
    const loss = { id: '6', node: 'n1', at: NOW, reason: 'out of memory', log: '<b>oom</b>' };
    render(
      <JobsTable
        system="slurm"
        jobs={[]}
        losses={[loss]}
        ready
        now={NOW}
        trans={trans}
        onLog={onLog}
      />
    );
    expect(screen.getByText('<b>oom</b>')).toBeInTheDocument();
    fireEvent.click(screen.getByRole('button', { name: 'Log of job 6' }));
    expect(onLog).toHaveBeenCalledWith('6');
  });

  it('calls containers of YARN so, and links an application to its page', () => {
    const app = 'application_1795256476310_0042';
    const held = [
      job(app, {
        kind: 'application',
        link: 'http://rm:8088/cluster/app/' + app,
        state: 'running'
      }),
      job('container_e17_1795256476310_0042_01_000003', { kind: 'container' })
    ];
    const loss = { id: held[1].id, node: 'n1', at: NOW, reason: 'killed', log: 'oom' };
    render(
      <JobsTable
        system="yarn"
        jobs={held}
        losses={[loss]}
        ready
        now={NOW}
        trans={trans}
        onLog={jest.fn()}
      />
    );
    const link = screen.getByRole('link', { name: new RegExp(`^${app}: the resource manager`) });
    expect(link).toHaveAttribute('href', `http://rm:8088/cluster/app/${app}`);
    expect(link).toHaveAttribute('rel', 'noopener noreferrer');
    expect(link).toHaveTextContent('application_…_0042');
    expect(screen.getByTitle(held[1].id ?? '')).toHaveTextContent('container_…_000003');
    expect(screen.getByText(/Container container_…_000003/)).toBeInTheDocument();
    expect(screen.getByRole('columnheader', { name: 'Kind' })).toBeInTheDocument();
    expect(document.body.textContent).not.toMatch(/\bjob/i);
  });
});
