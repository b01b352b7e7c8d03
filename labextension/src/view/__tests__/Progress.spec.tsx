import { fireEvent, render, screen } from '@testing-library/react';
import * as React from 'react';

import type { IComputation, IProgress } from '../../progress';
import { newest } from '../../widget/ProgressWidget';
import { Progress } from '../Progress';
import { cluster, NOW, trans } from './sample';

function computation(more: Partial<IComputation> = {}): IComputation {
  return {
    id: '1',
    client: 'Client-1',
    name: 'mean',
    status: 'running',
    started: NOW - 60,
    ended: null,
    groups: [
      {
        name: 'open_dataset',
        done: 400,
        total: 400,
        erred: 0,
        running: 0,
        cancelled: 0,
        memory: 2e9,
        spilled: 5e8,
        seconds: 0.2
      },
      {
        name: 'mean',
        done: 100,
        total: 800,
        erred: 3,
        running: 8,
        cancelled: 0,
        memory: 0,
        spilled: 0,
        seconds: 1
      }
    ],
    more: 2,
    done: 500,
    total: 1200,
    erred: 3,
    running: 8,
    cancelled: 0,
    memory: 2e9,
    spilled: 5e8,
    per_second: 12,
    left: { low: 40, high: 130 },
    waits: null,
    error: null,
    ...more
  };
}

function progress(...computations: IComputation[]): IProgress {
  return {
    cluster: 'c1',
    cluster_name: 'pangeo',
    computations,
    warnings: [],
    stale: null,
    ended: false
  };
}

beforeEach(() => {
  jest.useFakeTimers({ now: NOW * 1000 });
});

afterEach(() => {
  jest.useRealTimers();
});

it('says how far it is, how fast, and how long it may take', () => {
  render(<Progress progress={progress(computation())} trans={trans} />);

  expect(screen.getByRole('progressbar', { name: 'Tasks' })).toHaveAttribute(
    'aria-valuenow',
    '500'
  );
  expect(screen.getByRole('progressbar', { name: 'open_dataset' })).toHaveAttribute(
    'aria-valuetext',
    '400 / 400 · 2.5 GB, 500 MB on disk'
  );
  expect(screen.getByText('for 1 min, 40 s to 2 min left')).toBeInTheDocument();
  expect(screen.getByText(/12 tasks\/s · 8 running now · 2 GB in memory/)).toBeInTheDocument();
  expect(screen.getByText('and 2 more kinds of tasks')).toBeInTheDocument();
  // What failed is not counted as done, and said.
  expect(screen.getByRole('progressbar', { name: 'mean' })).toHaveAttribute(
    'aria-valuetext',
    '97 / 800, 3 failed'
  );
});

it('says what it waits for', () => {
  const waiting = computation({
    status: 'waiting',
    waits: '3 workers queued: Priority',
    left: null
  });
  render(<Progress progress={progress(waiting)} trans={trans} />);
  expect(screen.getByText('Waits: 3 workers queued: Priority')).toBeInTheDocument();
  expect(screen.getByText('for 1 min')).toBeInTheDocument();
});

it('shows the first task that failed: its key, its worker, and its traceback on demand', () => {
  const erred = computation({
    status: 'erred',
    ended: NOW,
    error: {
      key: "('mean', 3)",
      name: 'mean',
      worker: 'w1',
      job: '4711',
      message: 'ValueError: <b>no</b>',
      traceback: 'Traceback: line 3'
    }
  });
  render(<Progress progress={progress(erred)} trans={trans} />);
  const alert = screen.getByRole('alert');
  expect(alert).toHaveTextContent('mean failed on worker w1 of job 4711');
  // Text, never HTML.
  expect(alert).toHaveTextContent('ValueError: <b>no</b>');
  expect(alert).toHaveTextContent("('mean', 3)");
  expect(screen.getByText('Traceback: line 3')).not.toBeVisible();
  fireEvent.click(screen.getByText('Traceback', { selector: 'summary' }));
  expect(screen.getByText('Traceback: line 3')).toBeVisible();
});

it('shows several at once, warnings, and that what it shows is old', () => {
  const all = {
    ...progress(
      computation(),
      computation({ id: '2', name: 'sum', status: 'finished', ended: NOW })
    ),
    warnings: ['Worker w1 is at 80 % of its memory.'],
    stale: 'the keeper does not answer'
  };
  render(<Progress progress={all} trans={trans} />);
  expect(screen.getAllByRole('article')).toHaveLength(2);
  expect(screen.getByText(/Worker w1 is at 80 %/)).toBeInTheDocument();
  expect(screen.getByText('Last known: the keeper does not answer')).toBeInTheDocument();
  // Nothing is promised of what is old.
  expect(screen.queryByText(/left/)).toBeNull();
});

it('says that nothing is computed', () => {
  const { rerender } = render(<Progress progress={progress()} trans={trans} />);
  expect(screen.getByRole('status')).toHaveTextContent('Nothing is computed yet.');
  rerender(<Progress progress={{ ...progress(), ended: true }} trans={trans} />);
  expect(screen.getByRole('status')).toHaveTextContent('Nothing was computed.');
});

it('takes newer facts of the server where a kernel is silent', () => {
  const said = progress(computation());
  const ahead = cluster({ computations: [computation({ done: 900 })] });
  expect(newest(said, ahead).computations[0].done).toBe(900);
  expect(newest(said, cluster({ computations: [computation({ done: 300 })] }))).toBe(said);
  expect(newest(said, null)).toBe(said);
});
