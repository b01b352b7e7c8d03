import { act, fireEvent, render, screen, waitFor } from '@testing-library/react';
import * as React from 'react';
import type { ILogPart } from '../../tokens';
import { type ILogViewerProps, LogViewer } from '../LogViewer';
import { PART } from '../useLog';
import { trans } from './sample';

/** A log that grows when told, read and followed as the server would. */
class Source {
  constructor(public text: string) {}

  read = jest.fn(async (name: string, offset: number | null, limit: number): Promise<ILogPart> => {
    const from = offset ?? Math.max(0, this.text.length - limit);
    const text = this.text.slice(from, from + limit);
    return { name, offset: from, next: from + text.length, size: this.text.length, text };
  });

  follow = jest.fn((name: string, offset: number, signal: AbortSignal) =>
    this._follow(name, offset, signal)
  );

  grow(text: string): void {
    this.text += text;
    this._wake.splice(0).forEach(wake => wake());
  }

  private async *_follow(
    name: string,
    offset: number,
    signal: AbortSignal
  ): AsyncGenerator<ILogPart> {
    let at = offset;
    while (!signal.aborted) {
      if (this.text.length > at) {
        yield {
          name,
          offset: at,
          next: this.text.length,
          size: this.text.length,
          text: this.text.slice(at)
        };
        at = this.text.length;
      } else {
        await new Promise<void>(resolve => this._wake.push(resolve));
      }
    }
  }

  private _wake: (() => void)[] = [];
}

function viewer(source: Source, more: Partial<ILogViewerProps> = {}): React.ReactElement {
  return (
    <LogViewer
      logs={[
        { name: 'keeper', kind: 'keeper', size: 100 },
        { name: 'job 7', kind: 'job', size: source.text.length },
        { name: 'worker a', kind: 'worker', size: null }
      ]}
      name="job 7"
      trans={trans}
      onChoose={jest.fn()}
      onRefresh={jest.fn()}
      read={source.read}
      follow={source.follow}
      onCopy={jest.fn()}
      onDownload={jest.fn()}
      connected
      {...more}
    />
  );
}

const text = (): string => screen.getByRole('region', { name: 'Text of job 7' }).textContent ?? '';

describe('LogViewer', () => {
  it('says why some logs are not there, and does so where there is none', () => {
    const missing = 'YARN has not gathered all logs yet; ask again in a moment';
    const { rerender } = render(viewer(new Source('')));
    expect(screen.queryByText(missing)).toBeNull();
    rerender(viewer(new Source(''), { missing }));
    expect(screen.getByText(missing)).toHaveAttribute('role', 'status');
    rerender(viewer(new Source(''), { missing, logs: [], name: null }));
    expect(screen.getByText(missing)).toBeVisible();
  });

  it('shows the log as text, never as HTML, and follows it', async () => {
    const source = new Source('<img src=x onerror=alert(1)>\n');
    const { container } = render(viewer(source));
    await waitFor(() => expect(text()).toContain('<img src=x'));
    expect(container.querySelector('img')).toBeNull();
    await act(async () => source.grow('more\n'));
    await waitFor(() => expect(text()).toContain('more'));
    fireEvent.click(screen.getByLabelText('Follow'));
    await act(async () => source.grow('not seen\n'));
    expect(text()).not.toContain('not seen');
  });

  it('reads the end first, and what was before when one asks for it', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} of a log\n`).join('');
    const source = new Source(lines);
    render(viewer(source));
    await waitFor(() => expect(text()).toContain('line 19999 '));
    expect(source.read).toHaveBeenCalledWith('job 7', null, PART);
    expect(text()).not.toContain('line 0 ');
    fireEvent.click(screen.getByRole('button', { name: 'Read all' }));
    await waitFor(() => expect(text()).toBe(lines));
    expect(screen.queryByRole('button', { name: 'Read all' })).toBeNull();
  });

  it('finds places, and goes through them round and round', async () => {
    const scroll = jest.fn();
    Element.prototype.scrollIntoView = scroll;
    const { container } = render(viewer(new Source('error one\nfine\nError two\n')));
    await waitFor(() => expect(text()).toContain('fine'));
    const search = screen.getByRole('searchbox', { name: 'Search the log' });
    fireEvent.change(search, { target: { value: 'error' } });
    expect(screen.getByText('1 of 2')).toBeInTheDocument();
    expect(container.querySelectorAll('mark')).toHaveLength(2);
    fireEvent.keyDown(search, { key: 'Enter' });
    expect(screen.getByText('2 of 2')).toBeInTheDocument();
    expect(container.querySelector('.dsk-LogViewer-current')).toHaveTextContent('Error');
    fireEvent.click(screen.getByRole('button', { name: 'Next place' }));
    expect(screen.getByText('1 of 2')).toBeInTheDocument();
    expect(scroll).toHaveBeenCalled();
    fireEvent.change(search, { target: { value: 'absent' } });
    expect(screen.getByText('not found')).toBeInTheDocument();
  });

  it('copies what is read, and saves all of it', async () => {
    const onCopy = jest.fn();
    const onDownload = jest.fn();
    render(viewer(new Source('one\ntwo\n'), { onCopy, onDownload }));
    await waitFor(() => expect(text()).toContain('two'));
    fireEvent.click(screen.getByRole('button', { name: 'Copy' }));
    expect(onCopy).toHaveBeenCalledWith('one\ntwo\n');
    fireEvent.click(screen.getByRole('button', { name: 'Download' }));
    expect(onDownload).toHaveBeenCalledWith('job 7');
  });

  it('says why a log cannot be read, and tries again', async () => {
    const source = new Source('text\n');
    source.read.mockRejectedValueOnce(new Error('The job’s node does not answer.'));
    render(viewer(source));
    expect(await screen.findByRole('alert')).toHaveTextContent('does not answer');
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(text()).toContain('text'));
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('goes on where it was when the server is back', async () => {
    const source = new Source('one\n');
    const { rerender } = render(viewer(source));
    await waitFor(() => expect(text()).toBe('one\n'));
    rerender(viewer(source, { connected: false }));
    source.text += 'two\n';
    rerender(viewer(source, { connected: true }));
    await waitFor(() => expect(text()).toBe('one\ntwo\n'));
    expect(source.read).toHaveBeenCalledTimes(1);
  });

  it('does not follow a log of which only the end can be had', async () => {
    const source = new Source('end\n');
    render(viewer(source, { name: 'worker a' }));
    expect(await screen.findByRole('button', { name: 'Read again' })).toBeInTheDocument();
    expect(source.follow).not.toHaveBeenCalled();
  });

  it('offers the logs by kind', () => {
    const onChoose = jest.fn();
    render(viewer(new Source(''), { onChoose }));
    const list = screen.getByRole('combobox', { name: 'Log' });
    expect(screen.getByRole('group', { name: 'Workers' })).toBeInTheDocument();
    fireEvent.change(list, { target: { value: 'keeper' } });
    expect(onChoose).toHaveBeenCalledWith('keeper');
  });
});
