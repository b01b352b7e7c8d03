"""What else a person does without a mouse: plots, what is held, clusters that have ended, the form of a profile.

The first half is in test_access.py: start, scale, adapt, the menu of a card, the details, stop.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.ui.keyboard import Keyboard
from tests.ui.lab import Lab, until
from tests.ui.panel import START, Editor, Panel

NOWHERE = """\
title: Nowhere
system: local
scale: {workers: 1}
options: {interface: nowhere0}
"""
"""Fails at its start: there is no such interface."""


def test_plot_and_sweep(lab: Lab, page: Page) -> None:
    lab.cli("start", "small", "--name", "kept", "--set", "idle_timeout=10 min")
    keyboard, panel = Keyboard(page), Panel(page)
    keyboard.palette("Show Dask Clusters")
    panel.card("kept").expect_state("running")

    # A plot: by its button, and by the filter.
    plots = panel.root.get_by_role("group", name="Plots of kept")
    keyboard.reach(plots.get_by_role("button", name="Task Stream", exact=True))
    keyboard.press("Enter")
    expect(page.locator(".dsk-Page:visible iframe")).to_be_visible(timeout=START)
    expect(page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="Task Stream")).to_have_count(1)
    keyboard.palette("Show Dask Clusters")
    keyboard.reach(plots.get_by_role("button", name=re.compile(r"^All \d+")))
    keyboard.press("Enter")
    expect(panel.root.get_by_role("searchbox", name="Filter plots")).to_be_focused()
    keyboard.type("bandwidth")
    keyboard.reach(plots.get_by_role("button", name=re.compile("bandwidth", re.I)))
    keyboard.press("Enter")
    expect(page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=re.compile("bandwidth", re.I))).to_have_count(1)

    # What is held, and sweep.
    keyboard.palette("Show Dask Clusters")
    held = panel.section("Held")
    keyboard.reach(held)
    keyboard.press("Enter")
    expect(held).to_have_attribute("aria-expanded", "true")
    keyboard.reach(panel.root.get_by_role("button", name="Sweep"))
    keyboard.press("Enter")
    expect(panel.root.locator(".dsk-Held-told")).to_have_text(re.compile(r"\w+"), timeout=START)


def test_try_again_and_dismiss(lab: Lab, page: Page) -> None:
    (lab.profiles / "nowhere.yaml").write_text(NOWHERE)
    keyboard, panel = Keyboard(page), Panel(page)
    keyboard.palette("Show Dask Clusters")
    keyboard.reach(panel.root.get_by_role("button", name="Start a cluster from Nowhere"))
    keyboard.press("Enter")
    card = panel.card("nowhere").expect_state("failed")
    card.expect_text("nowhere0")
    first = card.id

    keyboard.reach(card.button("Try again"))
    keyboard.press("Enter")

    # Another start of the same, which fails likewise; then both are taken off the list.
    second = panel.root.locator(f'.dsk-Card.dsk-mod-failed:not([data-cluster="{first}"])')
    expect(second).to_have_count(1, timeout=START)
    while left := panel.cards.count():
        keyboard.reach(panel.cards.first.get_by_role("button", name=re.compile("^Take .* off the list$")))
        keyboard.press("Enter")
        expect(panel.cards).to_have_count(left - 1)
    expect(panel.root).to_contain_text("No cluster yet")
    (lab.profiles / "nowhere.yaml").unlink()


def test_form_of_a_profile(lab: Lab, page: Page) -> None:
    keyboard, panel, editor = Keyboard(page), Panel(page), Editor(page)
    keyboard.palette("Show Dask Clusters")
    keyboard.reach(panel.root.get_by_role("button", name="New profile…"))
    keyboard.press("Enter")

    # Its name has the focus; the rest is reached from there.
    name = editor.root.get_by_label("Name", exact=True)
    expect(name).to_be_focused()
    keyboard.type("typed")
    keyboard.reach(editor.field("options.threads_per_worker"))
    keyboard.type("2x")
    keyboard.press("Control+s")

    # What is wrong is said, has the focus, and leads to its field.
    problems = editor.root.locator(".dsk-Problems")
    expect(problems).to_contain_text("1 thing is wrong")
    keyboard.reach(problems.get_by_role("button").first)
    keyboard.press("Enter")
    expect(editor.field("options.threads_per_worker")).to_be_focused()
    keyboard.type("2")
    expect(editor.error_at("options.threads_per_worker")).to_have_count(0)
    assert not (lab.profiles / "typed.yaml").exists()
    keyboard.reach(editor.root.get_by_role("button", name="Save", exact=True), "Shift+Tab")
    keyboard.press("Enter")
    until(lambda: (lab.profiles / "typed.yaml").exists())
    assert "threads_per_worker: 2" in (lab.profiles / "typed.yaml").read_text()
