"""A cluster in a notebook's output: the card of the sidebar, live while a cell computes, with buttons that work."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.ui.lab import Lab
from tests.ui.notebook import Notebook
from tests.ui.panel import START

OUTPUT = ".jp-OutputArea-output .dsk-Widget"


def test_last_expression_shows_a_live_card(lab: Lab, page: Page) -> None:
    notebook = Notebook(page)
    notebook.run('import dask_steward as ds\ncluster = ds.start("small", wait=False)\ncluster')
    card = page.locator(OUTPUT)
    expect(card).to_be_visible(timeout=START)
    expect(card).to_contain_text("small")
    expect(card).to_contain_text("2 running", timeout=START * 3)
