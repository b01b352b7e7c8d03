"""What a site switches off, what a person folds and moves, and what comes of a cluster that has nothing to do."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import wait_until_ready, wait_until_saved
from tests.ui.lab import PATIENCE, Lab, until
from tests.ui.panel import START, Panel
from tests.ui.seen import watch

KEEP_CLUSTERS = True
"""One cluster serves all tests: the last one is about one that had nothing to do for a minute."""

SIGNS = """async () => {
    const {commands} = window.jupyterapp;
    const there = selector => document.querySelector(selector) !== null;
    const says = (selector, text) => [...document.querySelectorAll(selector)].some(
        node => node.textContent.includes(text)
    );
    return {
        sidebar: there('.jp-SideBar [data-id="dask-steward-sidebar"]'),
        statusbar: there('.dsk-StatusItem-button'),
        launcher: says('.jp-Launcher-section', 'Small'),
        running: says('#jp-running-sessions .jp-AccordionPanel-title', 'Dask Clusters'),
        commands: commands.hasCommand('dask-steward:new-cluster'),
        details: commands.hasCommand('dask-steward:open-details'),
        profiles: commands.hasCommand('dask-steward:edit-profile'),
        dashboards: commands.hasCommand('dask-steward:open-dashboard'),
        notebook: commands.hasCommand('dask-steward:attach-notebook')
    };
}"""
"""By what each part is known that can be switched off."""

UNSEEN = ("attachments", "notifications")
"""Parts that show nothing of themselves in a page where nothing is done."""

NEED = {"commands": ("launcher",)}
"""What cannot be shown without a part: a card of the launcher is a command's."""


@pytest.fixture(scope="module")
def idle(lab: Lab) -> str:
    """The id of a cluster that has nothing to do."""
    made = lab.cli("start", "small", "--name", "idle", "--set", "idle_timeout=20 min")
    return str(made["id"])


@contextmanager
def switched_off(lab: Lab, *parts: str) -> Iterator[None]:
    """Switch parts off as a site does: ``jupyter labextension disable`` writes the same file."""
    path = lab.folder / "config" / "labconfig" / "page_config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"disabledExtensions": {f"dask-steward:{part}": True for part in parts}}))
    try:
        yield
    finally:
        path.unlink()


@pytest.mark.timeout(240, func_only=True)
def test_each_part_can_be_switched_off_and_the_rest_works(lab: Lab, idle: str, page: Page) -> None:
    """And nothing is said about it on the console: the page's fixture looks."""
    parts = [*page.evaluate(SIGNS), *UNSEEN]
    for off in parts:
        with switched_off(lab, off):
            page.reload()
            wait_until_ready(page)
        active = {
            part: page.evaluate("id => window.jupyterapp.isPluginActivated(id)", f"dask-steward:{part}")
            for part in parts
        }
        assert active == {part: part != off for part in parts}
        if off != "statusbar":
            # The model works, so that the rest has something to show.
            expect(page.locator(".dsk-StatusItem-button")).to_have_text(re.compile("1 cluster"), timeout=START)
        gone = {off, *NEED.get(off, ())}
        until_signs(page, {part: part not in gone for part in parts if part not in UNSEEN})
        if off != "sidebar":
            page.evaluate("() => window.jupyterapp.shell.activateById('dask-steward-sidebar')")
            card = Panel(page).card_of(idle).expect_state("running").open()
            expect(card.root).to_contain_text("2 running")


def test_sections_are_as_they_were_left(lab: Lab, idle: str, page: Page, panel: Panel) -> None:
    panel.unfold("Clusters", "Profiles", "Dashboards", "Held")
    panel.section("Profiles").click()
    expect(panel.section("Profiles")).to_have_attribute("aria-expanded", "false")
    # The border above Held is pulled up.
    before = height(panel, "held")
    title = box(panel.section("Held"))
    page.mouse.move(title["x"] + 40, title["y"] - 2)
    page.mouse.down()
    page.mouse.move(title["x"] + 40, title["y"] - 62, steps=8)
    page.mouse.up()
    left = {name: height(panel, name) for name in ("clusters", "dashboards", "held")}
    assert left["held"] > before + 30, (before, left)
    share = left["held"] / sum(left.values())

    def is_kept(told: Any) -> bool:
        sections = (told or {}).get("sections", {})
        held = sections.get("dask-steward-held", {}).get("size", 0)
        return not sections.get("dask-steward-profiles", {}).get("open", True) and abs(held - share) < 0.1

    wait_until_saved(lab, page, lambda told: is_kept(told.get("dask-steward:sidebar")))

    page.reload()
    wait_until_ready(page)

    expect(panel.root).to_be_visible()
    expect(panel.section("Profiles")).to_have_attribute("aria-expanded", "false")
    for name in ("Clusters", "Dashboards", "Held"):
        expect(panel.section(name)).to_have_attribute("aria-expanded", "true")
    found = {name: height(panel, name) for name in left}
    assert all(abs(found[name] - left[name]) <= 4 for name in left), (left, found)


def test_a_section_is_moved_to_another_panel_and_back(lab: Lab, idle: str, page: Page, panel: Panel) -> None:
    def choose(title: Locator, item: str) -> None:
        title.click(button="right")
        page.locator(".lm-Menu-item", has_text=item).click()

    profiles = page.locator("#dask-steward-profiles")
    choose(panel.section("Profiles"), "Move to File Browser")
    expect(panel.section("Profiles")).to_have_count(0)
    # JupyterLab's own memory of what was moved where, whatever it calls it.
    wait_until_saved(
        lab, page, lambda told: any("section" in key and "dask-steward-profiles" in str(told[key]) for key in told)
    )

    page.reload()
    wait_until_ready(page)

    # It is where it was put, and works there.
    page.evaluate("() => window.jupyterapp.shell.activateById('filebrowser')")
    browser = page.locator("#filebrowser")
    expect(browser.locator("#dask-steward-profiles")).to_be_visible()
    expect(profiles).to_contain_text("Small", timeout=START)
    title = browser.locator(".jp-AccordionPanel-title").filter(has_text="Profiles")
    choose(title, "Move back")
    expect(browser.locator("#dask-steward-profiles")).to_have_count(0)
    panel.open()
    titles = panel.root.locator(".jp-AccordionPanel-title .lm-AccordionPanel-titleLabel")
    # In its place for the eye, and for the Tab key.
    expect(titles).to_have_text(["Clusters", "Profiles", "Dashboards", "Held"])
    tops = [box(one)["y"] for one in titles.all()]
    assert tops == sorted(tops)


def test_status_bar_warns_of_what_is_held_for_nothing(lab: Lab, idle: str, open_page: Callable[..., Page]) -> None:
    since = until(lambda: lab.api(f"clusters/{idle}")["idle_since"])
    lab.set_settings("dask-steward/plugin", {"idleWarningMinutes": 1})
    try:
        page = open_page(lab)
        seen = watch(page, ".dsk-StatusItem-idle", "idle")
        item = page.locator(".dsk-StatusItem-button")
        expect(item).to_contain_text("1 cluster", timeout=START)
        # After a minute and not before; the page finds that out by itself, since nothing changes on the server.
        expect(item).to_contain_text("idle", timeout=(max(0, since + 60 - time.time()) + PATIENCE) * 1000)
        assert seen() >= since + 60
        expect(item).to_have_accessible_name(re.compile("“idle” has had nothing to do for .* and still holds 2 cores"))
    finally:
        lab.set_settings("dask-steward/plugin", {})

    # Nobody is warned before the time that is set: 15 minutes, unless somebody chose another one.
    other = open_page(lab).locator(".dsk-StatusItem-button")
    expect(other).to_contain_text("1 cluster", timeout=START)
    expect(other).not_to_contain_text("idle")


def until_signs(page: Page, wanted: dict[str, bool]) -> None:
    """Wait until a page shows those parts that it should; what it restores comes one after the other."""
    deadline = time.monotonic() + PATIENCE
    while (found := page.evaluate(SIGNS)) != wanted:
        assert time.monotonic() < deadline, {part: there for part, there in found.items() if there != wanted[part]}
        page.wait_for_timeout(50)


def box(locator: Locator) -> Any:
    """Return where something is."""
    found = locator.bounding_box()
    assert found is not None
    return found


def height(panel: Panel, name: str) -> float:
    """Return how many pixels of a section are shown."""
    return float(box(panel.page.locator(f"#dask-steward-{name}"))["height"])
