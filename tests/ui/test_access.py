"""For everybody: no fault that axe-core finds in three themes, all actions by keyboard, from 200 to 600 pixels."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.ui.axe import three_themes
from tests.ui.keyboard import Keyboard
from tests.ui.lab import Lab, until
from tests.ui.look import picture, set_width
from tests.ui.notebook import Notebook
from tests.ui.panel import START, Panel

SIDEBAR = "#dask-steward-sidebar"
DIALOG = ".jp-Dialog"

BROKEN = """\
title: Broken
system: local
scale: {workers: two}
"""


@pytest.mark.timeout(240, func_only=True)
def test_no_fault_in_three_themes(lab: Lab, page: Page, panel: Panel) -> None:
    set_width(page, 320)
    three_themes(page, SIDEBAR)  # nothing yet

    (lab.profiles / "broken.yaml").write_text(BROKEN)
    panel.new("Small")
    lab.cli("start", "small", "--name", "second", "--set", "idle_timeout=10 min")
    card = panel.card("small").expect_state("running").open()
    card.expect_text("2 running")
    card.button("Scale").click()
    panel.unfold("Profiles", "Dashboards", "Held")
    expect(panel.root).to_contain_text("Broken")
    three_themes(page, SIDEBAR)

    card.root.get_by_role("form").get_by_text("Adaptive", exact=True).click()
    three_themes(page, SIDEBAR)
    page.keyboard.press("Escape")

    # The tabs of the details.
    panel.run("dask-steward:open-details", id=card.id, tab="workers")
    details = page.locator(".dsk-Details")
    expect(details.get_by_role("row")).to_have_count(3, timeout=START)
    for tab in details.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        three_themes(page, ".dsk-Details")

    # A tab with a dashboard, and one that has nothing to show.
    panel.run("dask-steward:open-dashboard", id=card.id, path="individual-task-stream", title="Task Stream")
    expect(page.locator(".dsk-Page:visible iframe")).to_be_visible(timeout=START)
    three_themes(page, ".dsk-Page")
    panel.run("dask-steward:open-dashboard-url", url=f"http://127.0.0.1:{lab.port}/no-such-page")
    expect(page.locator(".dsk-PageNotice:visible")).to_contain_text("There is no such page", timeout=START)
    three_themes(page, ".dsk-Page:has(.dsk-mod-alone)")

    # A form for a profile, with what is wrong in it.
    panel.run("dask-steward:edit-profile", name="broken")
    expect(page.locator(".dsk-Editor")).to_be_visible()
    three_themes(page, ".dsk-Editor")

    # Dialogs and menus.
    card.button(re.compile("^More actions")).click()
    three_themes(page, ".dsk-Menu")
    page.keyboard.press("Escape")
    for command in (
        "new-cluster",
        "rename-cluster",
        "scale-cluster",
        "adapt-cluster",
        "set-tenure",
        "save-as-profile",
        "open-dashboard-url",
    ):
        panel.run(f"dask-steward:{command}", id=card.id)
        expect(page.locator(DIALOG)).to_be_visible()
        three_themes(page, DIALOG)
        page.keyboard.press("Escape")
        expect(page.locator(DIALOG)).to_have_count(0)


@pytest.mark.timeout(240, func_only=True)
def test_every_action_by_keyboard_alone(lab: Lab, page: Page) -> None:
    keyboard, panel = Keyboard(page), Panel(page)
    notebook = Notebook(page)
    keyboard.press("Escape")

    keyboard.palette("Show Dask Clusters")
    expect(panel.root).to_be_visible()

    # Start.
    keyboard.reach(panel.root.get_by_role("button", name="Choose a profile"))
    keyboard.press("Enter")
    keyboard.choose("Small")
    card = panel.card("small").expect_state("running")
    card.expect_text("2 running")

    # Scale, adapt.
    keyboard.reach(card.button("Scale"))
    keyboard.press("Enter")
    expect(card.root.get_by_role("form")).to_be_visible()
    keyboard.type("3")
    keyboard.press("Enter")
    card.expect_text("3 running")
    keyboard.reach(card.button("Scale"))
    keyboard.press("Enter")
    keyboard.reach(card.root.get_by_role("radio", name="Fixed"), "Shift+Tab")
    keyboard.press("ArrowRight")
    keyboard.reach(card.root.get_by_role("spinbutton", name=re.compile("^At most")))
    keyboard.type("2")
    keyboard.press("Enter")
    until(lambda: lab.api(f"clusters/{card.id}")["adapt"])

    # The menu: rename, save, copy, restart, whom it ends with.
    def more(label: str) -> None:
        keyboard.reach(panel.root.get_by_role("button", name=re.compile("^More actions for (small|other)")))
        keyboard.press("Enter")
        keyboard.choose(label)

    more("Rename")
    keyboard.type("other")
    keyboard.press("Enter")
    card = panel.card("other").expect_state("running")
    more("Save as profile")
    keyboard.type("kept")
    keyboard.press("Enter")
    until(lambda: (lab.profiles / "kept.yaml").exists())
    more("Copy")
    page.wait_for_function("async () => (await navigator.clipboard.readText()).startsWith('tls://')")
    more("Restart workers")
    more("Stays until it is stopped")
    until(lambda: lab.api(f"clusters/{card.id}")["tenure"] == "detached")

    # A notebook: its code; a dashboard; the details and their tables.
    notebook.activate()
    keyboard.palette("Show Dask Clusters")
    more("Insert client code")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.content?.widgets?.some("
        "cell => /Client|attach/.test(cell.model.sharedModel.source))"
    )
    keyboard.palette("Show Dask Clusters")
    more("Details")
    tabs = page.locator(".dsk-Details")
    expect(tabs).to_be_visible()
    keyboard.reach(tabs.get_by_role("tab", selected=True))
    keyboard.press("ArrowRight")
    expect(tabs.locator("[data-tab=jobs][aria-selected=true]")).to_be_visible()
    keyboard.press("ArrowLeft")
    heading = tabs.get_by_role("columnheader", name=re.compile("Memory")).get_by_role("button")
    keyboard.reach(heading)
    keyboard.press("Enter")
    expect(tabs.get_by_role("columnheader", name=re.compile("Memory"))).to_have_attribute(
        "aria-sort", re.compile("ascending|descending")
    )

    # Sections fold; a profile is deleted.
    keyboard.palette("Show Dask Clusters")
    profiles = panel.section("Profiles")
    keyboard.reach(profiles)
    before = profiles.get_attribute("aria-expanded")
    keyboard.press("Enter")
    expect(profiles).not_to_have_attribute("aria-expanded", str(before))
    if before == "true":
        keyboard.press("Enter")
    keyboard.reach(panel.root.get_by_role("button", name=re.compile("^More actions for the profile kept", re.I)))
    keyboard.press("Enter")
    keyboard.choose("Delete")
    expect(page.locator(DIALOG)).to_be_visible()
    keyboard.reach(page.locator(DIALOG).get_by_role("button", name="Delete"))
    keyboard.press("Enter")
    until(lambda: not (lab.profiles / "kept.yaml").exists())

    # Stop.
    keyboard.palette("Show Dask Clusters")
    keyboard.reach(panel.root.get_by_role("button", name="Stop other"))
    keyboard.press("Enter")
    until(lambda: not lab.cli("list"))


@pytest.mark.parametrize("width", [200, 600])
def test_from_narrow_to_wide(lab: Lab, page: Page, panel: Panel, width: int) -> None:
    panel.new("Small")
    card = panel.card("small").expect_state("running")
    card.expect_text("2 running")
    set_width(page, width)
    box = panel.root.bounding_box()
    assert box is not None
    assert abs(box["width"] - width) < 30, box

    card.button("Scale").click()
    panel.unfold("Profiles", "Dashboards", "Held")

    assert over_the_edge(page) == []
    assert too_small(page) == []
    picture(page, f"width-{width}", panel.root)


def over_the_edge(page: Page) -> list[str]:
    """Return what of the panel lies outside of it, or would have to be scrolled sideways."""
    return list(
        page.evaluate(
            """selector => {
                const panel = document.querySelector(selector).getBoundingClientRect();
                const found = [];
                for (const node of document.querySelectorAll(`${selector} *`)) {
                    const box = node.getBoundingClientRect();
                    const style = getComputedStyle(node);
                    const hidden = box.width <= 1 || box.height <= 1 || style.visibility === 'hidden';
                    if (!hidden && (box.right > panel.right + 1 || box.left < panel.left - 1)) {
                        found.push(`outside: ${node.tagName}.${node.className} ${box.left}-${box.right}`);
                    }
                    if (['auto', 'scroll'].includes(style.overflowX) && node.scrollWidth > node.clientWidth + 1
                        && node.tagName !== 'PRE' && node.tagName !== 'INPUT') {
                        found.push(`scrolls sideways: ${node.tagName}.${node.className}`);
                    }
                }
                return found;
            }""",
            SIDEBAR,
        )
    )


def too_small(page: Page) -> list[str]:
    """Return the buttons that are smaller than what a finger or an unsteady hand needs (WCAG 2.2: 24 pixels)."""
    return list(
        page.evaluate(
            """selector => [...document.querySelectorAll(`${selector} button, ${selector} select`)].flatMap(node => {
                const box = node.getBoundingClientRect();
                if (box.width === 0 || node.closest('p') !== null) { return []; }  // a link in a sentence
                return box.width < 24 || box.height < 24
                    ? [`${node.getAttribute('aria-label') ?? node.textContent}: ${box.width} × ${box.height}`] : [];
            })""",
            SIDEBAR,
        )
    )
