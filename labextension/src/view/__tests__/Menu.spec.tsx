import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import * as React from 'react';

import { MenuButton } from '../Menu';

const user = userEvent.setup();

function menu(onSelect = jest.fn()) {
  const item = (label: string, more = {}) => ({
    id: label,
    label,
    onSelect: () => onSelect(label),
    ...more
  });
  render(
    <MenuButton
      label="More"
      parts={() => [
        { id: 'one', items: [item('Details'), item('Logs'), item('Locked', { disabled: true })] },
        { id: 'none', title: 'Nothing', items: [] },
        { id: 'two', title: 'When it ends', items: [item('Never', { checked: true })] }
      ]}
    >
      …
    </MenuButton>
  );
  return { onSelect, opener: screen.getByRole('button', { name: 'More' }) };
}

const focused = (): string => document.activeElement?.textContent ?? '';

it('opens by a press and by arrow keys, at the first or the last item', async () => {
  const { opener } = menu();
  expect(opener).toHaveAttribute('aria-expanded', 'false');
  await user.click(opener);
  expect(opener).toHaveAttribute('aria-expanded', 'true');
  expect(focused()).toBe('Details');
  await user.keyboard('{Escape}');
  expect(screen.queryByRole('menu')).toBeNull();
  expect(opener).toHaveFocus();
  await user.keyboard('{ArrowUp}');
  expect(focused()).toBe('Never');
});

it('goes round by arrow keys and past what cannot be chosen', async () => {
  const { opener } = menu();
  await user.click(opener);
  await user.keyboard('{ArrowDown}{ArrowDown}');
  expect(focused()).toBe('Never');
  await user.keyboard('{ArrowDown}');
  expect(focused()).toBe('Details');
  await user.keyboard('{ArrowUp}');
  expect(focused()).toBe('Never');
  await user.keyboard('{Home}');
  expect(focused()).toBe('Details');
  await user.keyboard('{End}');
  expect(focused()).toBe('Never');
});

it('goes to an item by its first letter', async () => {
  const { opener } = menu();
  await user.click(opener);
  await user.keyboard('l');
  expect(focused()).toBe('Logs');
});

it('does what is chosen, once, and gives the focus back', async () => {
  const { opener, onSelect } = menu();
  await user.click(opener);
  await user.keyboard('{ArrowDown}{Enter}');
  expect(onSelect.mock.calls).toEqual([['Logs']]);
  expect(screen.queryByRole('menu')).toBeNull();
  expect(opener).toHaveFocus();
});

it('does nothing for what cannot be chosen', async () => {
  const { opener, onSelect } = menu();
  await user.click(opener);
  fireEvent.click(screen.getByText('Locked'));
  expect(onSelect).not.toHaveBeenCalled();
});

it('closes by a press elsewhere', async () => {
  const { opener } = menu();
  await user.click(opener);
  fireEvent.pointerDown(document.body);
  expect(screen.queryByRole('menu')).toBeNull();
});

it('stays while something else scrolls, and closes where its button goes', async () => {
  const { opener } = menu();
  const log = document.body.appendChild(document.createElement('div'));
  await user.click(opener);
  fireEvent.scroll(log);
  expect(screen.getByRole('menu')).toBeVisible();
  opener.getBoundingClientRect = () => ({ left: 0, top: -40 }) as DOMRect;
  fireEvent.scroll(log);
  expect(screen.queryByRole('menu')).toBeNull();
});

it('shows what has come while it is open', async () => {
  const parts = (...labels: string[]) => [
    { id: 'one', items: labels.map(label => ({ id: label, label, onSelect: jest.fn() })) }
  ];
  const { rerender } = render(
    <MenuButton label="More" parts={() => parts('local')}>
      …
    </MenuButton>
  );
  await user.click(screen.getByRole('button', { name: 'More' }));
  rerender(
    <MenuButton label="More" parts={() => parts('local', 'mine')}>
      …
    </MenuButton>
  );
  expect(screen.getByRole('menuitem', { name: 'mine' })).toBeVisible();
});

it('has no parts without items', async () => {
  const { opener } = menu();
  await user.click(opener);
  expect(screen.queryByText('Nothing')).toBeNull();
  expect(screen.getByRole('menuitemradio', { checked: true })).toHaveTextContent('Never');
});
