"""The sidebar as a person meets it: by roles and names. What a test says, it says in these words."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, TimeoutError, expect

START = 60_000
"""Milliseconds until a cluster of this machine must run; 2 s is usual."""


MOMENT = 1_000
"""Milliseconds in which a button that shows under the mouse is pressed, or the mouse has lost it."""


def press_under_mouse(item: Locator, button: Locator) -> None:
    """Press a button that only shows while the mouse is over its item.

    A list in which something appears moves the item away from under the mouse, and a person moves after it.
    """
    for _ in range(START // MOMENT):
        item.hover()
        with contextlib.suppress(TimeoutError):
            button.click(timeout=MOMENT)
            return
    raise AssertionError(f"never to be pressed: {button}")


class Panel:
    """The sidebar of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator("#dask-steward-sidebar")

    def open(self) -> Panel:
        """Show it, as its command does."""
        self.run("dask-steward:open-panel")
        expect(self.root).to_be_visible()
        return self

    def run(self, command: str, **arguments: Any) -> None:
        """Call a command of the extension, and do not wait for its end: it may ask a person something first."""
        self.page.evaluate(
            "([id, args]) => { void window.jupyterapp.commands.execute(id, args); }", [command, arguments]
        )

    def section(self, name: str) -> Locator:
        """The heading of a section, which folds it: Clusters, Profiles, Dashboards, Held."""
        return self.root.locator(".jp-AccordionPanel-title").filter(has_text=re.compile(rf"^\s*{name}", re.I))

    def unfold(self, *names: str) -> None:
        """Unfold sections."""
        for name in names:
            title = self.section(name)
            if title.get_attribute("aria-expanded") != "true":
                title.click()
            expect(title).to_have_attribute("aria-expanded", "true")

    # --- cards ---

    @property
    def cards(self) -> Locator:
        """All cards."""
        return self.root.locator(".dsk-Card")

    def card(self, name: str) -> Card:
        """The card of the cluster of that name."""
        # Of the text the name is only a part: a screen reader hears the state after it.
        named = self.page.locator(".dsk-Card-title").filter(has_text=re.compile(rf"^{re.escape(name)}(,|$)"))
        return Card(self, self.cards.filter(has=named))

    def card_of(self, id: str) -> Card:
        """The card of a cluster."""
        return Card(self, self.root.locator(f'.dsk-Card[data-cluster="{id}"]'))

    # --- starting ---

    def new(self, profile: str) -> None:
        """Start a cluster from a profile, by the menu beside the one button."""
        self.root.get_by_role("button", name="Choose a profile").click()
        self.page.get_by_role("menuitem", name=re.compile(rf"^{re.escape(profile)}\b")).first.click()

    # --- dashboards ---

    def open_plot(self, title: str) -> None:
        """Open a plot of the cluster whose card is open."""
        plots = self.root.get_by_role("group", name=re.compile("^Plots of"))
        plots.get_by_role("button", name=title, exact=True).click()


class Card:
    """One cluster's card."""

    def __init__(self, panel: Panel, root: Locator) -> None:
        self.panel = panel
        self.page = panel.page
        self.root = root

    @property
    def id(self) -> str:
        """The cluster's id."""
        return self.root.get_attribute("data-cluster") or ""

    def expect_state(self, *states: str, timeout: float = START) -> Card:
        """Wait until it shows one of the states."""
        expect(self.root).to_have_class(re.compile(rf"\bdsk-mod-({'|'.join(states)})\b"), timeout=timeout)
        return self

    def expect_text(self, text: str | re.Pattern[str], timeout: float = START) -> Card:
        """Wait until it says something."""
        expect(self.root).to_contain_text(text, timeout=timeout)
        return self

    def expect_asked(self, workers: int, timeout: float = START) -> Card:
        """Wait until it says for how many workers was asked."""
        expect(self.root).to_contain_text(re.compile(rf"\bof {workers}\b"), timeout=timeout)
        return self

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """One of its buttons."""
        return self.root.get_by_role("button", name=name, exact=isinstance(name, str))

    def open(self) -> Card:
        """Open it, if another one is open."""
        head = self.root.locator(".dsk-Card-name")
        if head.get_attribute("aria-expanded") != "true":
            head.click()
        expect(head).to_have_attribute("aria-expanded", "true")
        return self

    def more(self, item: str | re.Pattern[str]) -> None:
        """Choose from the menu of further actions."""
        self.button(re.compile("^More actions")).click()
        self.page.locator('[role^="menuitem"]').filter(has_text=item).click()

    def scale_to(self, workers: int, meanwhile: Callable[[], object] | None = None) -> None:
        """Ask for a number of workers, in its place."""
        self.button("Scale").click()
        form = self.root.get_by_role("form")
        form.get_by_text("Fixed", exact=True).click()
        form.get_by_role("spinbutton", name="Size").fill(str(workers))
        if meanwhile is not None:
            meanwhile()
        form.get_by_role("button", name=f"Scale to {workers}").click()
        expect(form).to_have_count(0)

    def adapt_to(self, least: int, most: int) -> None:
        """Let it follow the work, in its place."""
        self.button("Scale").click()
        form = self.root.get_by_role("form")
        form.get_by_text("Adaptive", exact=True).click()
        form.get_by_role("spinbutton", name=re.compile("^At least")).fill(str(least))
        form.get_by_role("spinbutton", name=re.compile("^At most")).fill(str(most))
        form.get_by_role("button", name=f"Adapt {least} to {most}").click()
        expect(form).to_have_count(0)

    def stop(self) -> None:
        """Press its stop button."""
        self.button(re.compile("^(Stop |Cancel$)")).click()


class Editor:
    """The form of a profile."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".dsk-Editor:visible")

    def field(self, path: str) -> Locator:
        """The control of a field, by its path: ``options.queue``."""
        return self.root.locator(self._selector(path))

    def _selector(self, path: str) -> str:
        return f'[id$="--{path.replace(".", "/")}"]'

    def more(self) -> None:
        """Open the part of the form that is not needed at first."""
        button = self.root.get_by_role("button", name=re.compile("More"))
        if button.get_attribute("aria-expanded") != "true":
            button.click()

    def error_at(self, path: str) -> Locator:
        """What is said to be wrong at a field."""
        return self.root.locator(".dsk-ProfileField", has=self.page.locator(self._selector(path))).locator(
            ".dsk-ProfileField-errors"
        )

    def save(self) -> None:
        """Press Save."""
        self.root.get_by_role("button", name="Save", exact=True).click()
