"""The sidebar as a person meets it: by roles and names. What a test says, it says in these words."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

START = 60_000
"""Milliseconds until a cluster of this machine must run; 2 s is usual."""


class Panel:
    """The sidebar of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".dsk-Sidebar")

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
        """The heading's button of a section: Clusters, Profiles, Dashboards, Held."""
        return self.root.get_by_role("heading", name=re.compile(rf"^{name}\b"))

    # --- cards ---

    @property
    def cards(self) -> Locator:
        """All cards."""
        return self.root.locator("article.dsk-Card")

    def card(self, name: str) -> Card:
        """The card of the cluster of that name."""
        heading = self.page.get_by_role("heading", name=name, exact=True)
        return Card(self.page, self.cards.filter(has=heading))

    def card_of(self, id: str) -> Card:
        """The card of a cluster."""
        return Card(self.page, self.root.locator(f'article.dsk-Card[data-cluster-id="{id}"]'))


class Card:
    """One cluster's card."""

    def __init__(self, page: Page, root: Locator) -> None:
        self.page = page
        self.root = root

    @property
    def id(self) -> str:
        """The cluster's id."""
        return self.root.get_attribute("data-cluster-id") or ""

    def expect_state(self, *states: str, timeout: float = START) -> Card:
        """Wait until it shows one of the states."""
        expect(self.root).to_have_attribute("data-state", re.compile(f"^({'|'.join(states)})$"), timeout=timeout)
        return self

    def expect_text(self, text: str | re.Pattern[str], timeout: float = START) -> Card:
        """Wait until it says something."""
        expect(self.root).to_contain_text(text, timeout=timeout)
        return self

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """One of its buttons."""
        return self.root.get_by_role("button", name=name, exact=isinstance(name, str))

    def select(self) -> Card:
        """Open it, if another one is open."""
        if self.root.get_attribute("aria-current") != "true":
            self.root.get_by_role("heading").first.click()
        return self

    def more(self, item: str | re.Pattern[str]) -> None:
        """Choose from the menu of further actions."""
        self.button(re.compile("^More")).click()
        self.page.get_by_role("menuitem", name=item).click()
