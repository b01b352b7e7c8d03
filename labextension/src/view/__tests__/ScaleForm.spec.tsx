import { configure, fireEvent, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import type { ICluster } from '../../tokens';
import { ScaleForm } from '../ScaleForm';
import { cluster, trans } from './sample';

// A machine that does other things too takes its time.
configure({ asyncUtilTimeout: 30000 });

const user = userEvent.setup();

function form(of: ICluster = cluster()) {
  const acts = {
    onScale: jest.fn(async (): Promise<string | null> => null),
    onAdapt: jest.fn(async () => undefined),
    onClose: jest.fn()
  };
  render(<ScaleForm cluster={of} trans={trans} {...acts} />);
  return acts;
}

const size = (): HTMLElement => screen.getByRole('spinbutton', { name: 'Size' });

/** Write a number, and where wanted press Enter. */
function enter(field: HTMLElement, text: string, submit = false): void {
  fireEvent.change(field, { target: { value: text } });
  if (submit) {
    fireEvent.submit(screen.getByRole('form'));
  }
}

function choose(name: string, value: string): void {
  fireEvent.change(screen.getByRole('combobox', { name }), { target: { value } });
}

it('says what a size means before it is asked for', async () => {
  form();
  expect(size()).toHaveFocus();
  expect(size()).toHaveAccessibleDescription('= 5 jobs × 24 cores, 120 core-h per hour');
  fireEvent.change(screen.getByRole('slider'), { target: { value: '8' } });
  expect(size()).toHaveValue(8);
  expect(size()).toHaveAccessibleDescription('= 2 jobs × 24 cores, 48 core-h per hour');
});

it('asks for workers, and closes when that is done', async () => {
  const acts = form();
  enter(size(), '8');
  await user.click(screen.getByRole('button', { name: 'Scale to 8' }));
  expect(acts.onScale).toHaveBeenCalledWith({ workers: 8 });
  expect(acts.onClose).toHaveBeenCalled();
});

it('keeps the size where its unit is changed', async () => {
  const acts = form();
  choose('Unit of the size', 'jobs');
  expect(size()).toHaveValue(5);
  fireEvent.submit(screen.getByRole('form'));
  expect(acts.onScale).toHaveBeenCalledWith({ jobs: 5 });
});

it('shows a note, such as that a size was rounded up', async () => {
  const acts = form();
  acts.onScale.mockResolvedValue('18 workers became 20: jobs have 4 each.');
  enter(size(), '18', true);
  expect(await screen.findByRole('status')).toHaveTextContent('18 workers became 20');
  expect(acts.onClose).not.toHaveBeenCalled();
});

it('shows why a size was refused, and stays open', async () => {
  const acts = form();
  acts.onScale.mockRejectedValue(new Error('At most 100 jobs.'));
  enter(size(), '999', true);
  expect(await screen.findByRole('alert')).toHaveTextContent('At most 100 jobs.');
  expect(acts.onClose).not.toHaveBeenCalled();
});

it('adapts between two limits', async () => {
  const acts = form();
  await user.click(screen.getByRole('radio', { name: 'Adaptive' }));
  enter(screen.getByRole('spinbutton', { name: 'At least, in jobs' }), '1');
  const most = screen.getByRole('spinbutton', { name: 'At most, in jobs' });
  enter(most, '3');
  expect(
    screen.getByText('Follows the work. At most 3 jobs × 24 cores = 12 workers, 72 core-h per hour')
  ).toBeInTheDocument();
  await user.click(screen.getByRole('button', { name: 'Adapt 1 to 3' }));
  expect(acts.onAdapt).toHaveBeenCalledWith({ minimum: 1, maximum: 3 });
});

it('asks for no limits that contradict each other', async () => {
  const acts = form();
  await user.click(screen.getByRole('radio', { name: 'Adaptive' }));
  enter(screen.getByRole('spinbutton', { name: 'At least, in jobs' }), '50');
  expect(screen.getByRole('alert')).toHaveTextContent('The least is more than the most.');
  fireEvent.submit(screen.getByRole('form'));
  expect(acts.onAdapt).not.toHaveBeenCalled();
});

it('names the group where there are several', async () => {
  const { main } = cluster().groups;
  const gpu = { ...main, asked: 2, jobs: 2, unit: { workers: 1, cores: 8, memory: 64e9 } };
  const acts = form(cluster({ groups: { main, gpu } }));
  choose('Group of workers', 'gpu');
  expect(size()).toHaveValue(2);
  enter(size(), '3', true);
  await waitFor(() => expect(acts.onScale).toHaveBeenCalledWith({ workers: 3, group: 'gpu' }));
});

it('is left by Escape', async () => {
  const acts = form();
  await user.keyboard('{Escape}');
  expect(acts.onClose).toHaveBeenCalled();
  expect(acts.onScale).not.toHaveBeenCalled();
});
