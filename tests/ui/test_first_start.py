"""From an empty panel to a result, and back to nothing: what a person does in the first five minutes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.ui.lab import PATIENCE, Lab, until
from tests.ui.look import WIDTH, picture, set_width
from tests.ui.notebook import Notebook
from tests.ui.panel import START, Panel

COMPUTE = """\
import time
import dask.array as da

def slowly(block):
    time.sleep(0.25)
    return block

blocks = da.ones((2000, 2000), chunks=500).map_blocks(slowly, dtype=float).persist()
print("mean", round(float(blocks.mean().compute()), 3))"""
"""Sixteen blocks of a quarter of a second: long enough for whoever looks on to see it."""

COMPUTING = 16 * 0.25
"""Seconds that its tasks take together."""


def test_first_five_minutes(lab: Lab, page: Page, panel: Panel) -> None:
    set_width(page, WIDTH)

    # Given nothing at all, the panel says what to do first.
    expect(panel.root).to_contain_text("No cluster yet")
    picture(page, "empty", panel.root)

    # When the one button is pressed, a card is there at once, and soon the cluster.
    panel.new("Small")
    card = panel.card("small")
    card.expect_state("starting", "pending", "running", timeout=15_000)
    picture(page, "starting", panel.root)
    card.expect_state("running")
    card.expect_text("2 running")
    (known,) = lab.cli("list")
    assert (known["id"], known["name"]) == (card.id, "small")
    picture(page, "running", panel.root)

    # Scale: in the card, with what it means before it is done.
    card.scale_to(3, meanwhile=lambda: picture(page, "scale", panel.root))
    card.expect_text("3 running")
    assert lab.api(f"clusters/{card.id}")["workers"]["asked"] == 3

    # Adapt, and back to what it was for.
    card.adapt_to(1, 2)
    card.expect_text("adaptive, 1 to 2")
    until(lambda: lab.api(f"clusters/{card.id}")["adapt"])
    limits = lab.api(f"clusters/{card.id}")["adapt"]
    assert (limits["minimum"], limits["maximum"]) == (1, 2)
    picture(page, "adaptive", panel.root)
    card.scale_to(2)
    until(lambda: lab.api(f"clusters/{card.id}")["adapt"] is None)
    card.expect_text("2 running")

    # A dashboard is a tab with plots that Bokeh has drawn.
    notebook = Notebook(page)
    panel.open_plot("Task Stream")
    frame = page.frame_locator(".dsk-Page iframe").first
    expect(frame.locator(".bk-Canvas, .bk-CanvasPanel, canvas").first).to_be_attached(timeout=START)

    # The client's code is a cell that a person can read.
    notebook.activate()
    card.button("Insert code").click()
    until_page(page, lambda: any("Client" in source or "attach" in source for source in notebook.sources()))
    notebook.run_all()
    picture(page, "notebook")
    assert notebook.run(COMPUTE).splitlines()[-1] == "mean 1.0"
    # It was computed there, and not beside it; the cluster says so with its next word.
    until_page(page, lambda: lab.api(f"clusters/{card.id}")["spend"]["busy"] >= COMPUTING)

    # Stop: nothing runs any more, as the card says, so nothing is asked; and then there is nothing.
    tasks = card.root.get_by_role("progressbar", name="Tasks")
    expect(tasks).to_have_attribute("aria-valuetext", re.compile(r"^(\d+) / \1 · 0/s$"), timeout=START)
    card.stop()
    card.expect_state("stopping", "stopped")
    until(lambda: not lab.cli("list"), PATIENCE)
    assert lab.cli("held") == []
    notebook.close()


def until_page(page: Page, done: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Wait for something in a page; time.sleep would hold its events up."""
    deadline = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {done}"
        page.wait_for_timeout(100)
