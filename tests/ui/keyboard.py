"""A person without a mouse."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

MOST = 150
"""Presses of Tab after which somebody has given up."""


OPENED = 3
"""Times that somebody opens the command palette."""


class Keyboard:
    """The keyboard of a page; what has the focus must show it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type a text in place of what is there."""
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def reach(self, goal: Locator, key: str = "Tab") -> None:
        """Press Tab until something has the focus, and see that it shows."""
        goal = goal.first
        expect(goal).to_be_visible()
        for _ in range(MOST):
            # At once: a page that is still being restored may take the focus between two questions.
            shown = self._shows_focus(goal)
            if shown is not None:
                break
            self.page.keyboard.press(key)
        else:
            raise AssertionError(f"not reached by {MOST} × {key}: {goal}")
        assert shown, f"the focus does not show: {goal}"

    def _shows_focus(self, goal: Locator) -> bool | None:
        """Return whether something shows that it has the focus; None if it has not."""
        found: bool | None = goal.evaluate(
            """node => {
                if (document.activeElement !== node) { return null; }
                const seen = one => {
                    const style = getComputedStyle(one);
                    return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
                        || style.boxShadow !== 'none';
                };
                // A radio button that is hidden behind its label shows it there.
                return seen(node) || seen(node.closest('label') ?? node) || seen(node.parentElement);
            }"""
        )
        return found

    def _has_focus(self, goal: Locator) -> bool:
        return bool(goal.evaluate("node => document.activeElement === node"))

    def choose(self, label: str) -> None:
        """Choose from an open menu by its first letters."""
        menu = self.page.get_by_role("menu").last
        expect(menu).to_be_visible()
        goal = menu.locator('[role^="menuitem"]').filter(has_text=label).first
        for _ in range(40):
            if self._has_focus(goal):
                break
            self.page.keyboard.press("ArrowDown")
        else:
            raise AssertionError(f"not in the menu: {label}")
        self.page.keyboard.press("Enter")

    def palette(self, command: str) -> None:
        """Call a command by its name.

        JupyterLab closes its palette when something else takes the focus, as the launcher of a page that is just there
        does: then it is opened again.
        """
        field = self.page.locator(".jp-ModalCommandPalette input")
        item = self.page.locator(".jp-ModalCommandPalette .lm-CommandPalette-item.lm-mod-active")
        for left in reversed(range(OPENED)):
            self.page.keyboard.press("Control+Shift+c")
            try:
                expect(field).to_be_focused(timeout=5_000)
                self.page.keyboard.type(command)
                expect(item).to_contain_text(command, timeout=5_000)
            except AssertionError:
                if left and not field.is_visible():
                    continue
                raise
            break
        self.page.keyboard.press("Enter")
        expect(field).not_to_be_visible()
