"""The same in Notebook 7, which has no shell of JupyterLab's."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.ui.lab import Lab, until
from tests.ui.look import picture
from tests.ui.panel import START, Panel

EMPTY = {"cells": [], "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}}, "nbformat": 4}


def test_panel_and_toolbar(lab: Lab, open_page: Callable[..., Page]) -> None:
    lab.ask(
        "/api/contents/seven.ipynb",
        "PUT",
        {"type": "notebook", "format": "json", "content": {**EMPTY, "nbformat_minor": 5}},
    )
    page = open_page(lab, "/notebooks/seven.ipynb")
    page.wait_for_function("() => document.querySelector('.jp-Notebook') !== null")

    # The notebook's toolbar says that it has no cluster, and offers some.
    button = page.get_by_role("button", name=re.compile("Dask|cluster", re.I)).first
    expect(button).to_be_visible(timeout=START)

    # The panel is at the side, as in JupyterLab.
    panel = Panel(page).open()
    panel.new("Small")
    card = panel.card("small").expect_state("running")
    card.expect_text("2 running")
    picture(page, "notebook-7")
    card.stop()
    until(lambda: not lab.cli("list"))


def test_tree_has_no_complaint(lab: Lab, open_page: Callable[..., Page]) -> None:
    """The page with the list of files loads the same plugins."""
    page = open_page(lab, "/tree")
    assert page.evaluate("() => window.jupyterapp.commands.hasCommand('dask-steward:new-cluster')")
