"""A scheduler of somebody else in a page: shown as foreign, used, let go, and never changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.foreign import ForeignScheduler, foreign_scheduler
from tests.ui.axe import three_themes
from tests.ui.lab import Lab
from tests.ui.look import WIDTH, picture, set_width
from tests.ui.notebook import Notebook
from tests.ui.panel import START, Card, Panel

OUTPUT = ".jp-OutputArea-output .dsk-Widget"


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[ForeignScheduler]:
    """Somebody's scheduler with two workers."""
    with foreign_scheduler(tmp_path, 2) as made:
        yield made


def is_foreign(card: Card) -> None:
    """Fail if a card offers what only the owner may do."""
    expect(card.root).to_contain_text("It belongs to somebody else: it can be used, not stopped or scaled.")
    for name in (re.compile("^Scale"), re.compile("^Stop")):
        expect(card.button(name)).to_have_count(0)
    card.button(re.compile("^More actions")).click()
    menu = card.page.locator(".dsk-Menu")
    expect(menu).to_be_visible()
    expect(menu).not_to_contain_text("Restart workers")
    card.page.keyboard.press("Escape")
    expect(card.button(re.compile("^Detach "))).to_be_visible()


def test_it_is_shown_as_foreign_and_let_go(lab: Lab, page: Page, panel: Panel, foreign: ForeignScheduler) -> None:
    set_width(page, WIDTH)
    notebook = Notebook(page)
    notebook.run(f"import dask_steward as ds\ncluster = ds.attach('{foreign.address}')\ncluster")
    name = f"127.0.0.1:{foreign.port}"
    side = panel.card(name).expect_state("running").open()
    widget = Card(panel, page.locator(OUTPUT).locator(".dsk-Card"))
    for card in (side, widget):
        card.expect_text("2 running")
        is_foreign(card)
    three_themes(page, "#dask-steward-sidebar", OUTPUT)
    picture(page, "foreign", panel.root)

    # Another one on the same port has none of the data, and is not taken for it.
    foreign.stop()
    foreign.start()
    for card in (side, widget):
        card.expect_state("lost")
        card.expect_text("another one (Scheduler-")
        expect(card.button(re.compile("^Detach "))).to_have_count(0)
    assert foreign.alive

    # Attached anew it is let go by its button.
    notebook.run(f"cluster = ds.attach('{foreign.address}', name='theirs')\ncluster")
    again = panel.card("theirs").expect_state("running").open()
    again.expect_text("2 running")
    again.button("Detach theirs").click()
    again.expect_state("stopped")
    again.expect_text("detached by a person")
    expect(page.locator(OUTPUT).last).to_contain_text("detached by a person", timeout=START)
    assert foreign.alive

    # What is saved names neither host nor address.
    notebook.save()
    saved = json.loads((lab.notebooks / notebook.path).read_text())
    outputs = json.dumps([cell.get("outputs") for cell in saved["cells"]])
    assert "of somebody else" in outputs
    assert "127.0.0.1" not in outputs
