"""Where else clusters show themselves: status bar, Running panel, launcher, palette, settings, dashboards' tabs."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.support.server_log import complaints
from tests.ui.conftest import wait_until_ready, wait_until_saved
from tests.ui.lab import Lab, until
from tests.ui.look import picture
from tests.ui.notebook import Notebook
from tests.ui.panel import START, Panel, press_under_mouse


def test_status_bar_sums_up_and_opens_the_panel(lab: Lab, page: Page) -> None:
    item = page.locator(".dsk-StatusItem-button")
    expect(item).to_have_count(0)

    lab.cli("start", "small", "--set", "idle_timeout=10 min")

    expect(item).to_have_text(re.compile(r"1 cluster · 2/2 workers"), timeout=START)
    item.click()
    expect(Panel(page).root).to_be_visible()


def test_running_panel_lists_clusters_with_their_jobs_and_stops_them(lab: Lab, page: Page, panel: Panel) -> None:
    lab.cli("start", "small", "--name", "one", "--set", "idle_timeout=10 min")
    lab.cli("start", "small", "--name", "two", "--set", "idle_timeout=10 min")
    panel.card("two").expect_state("running")
    page.evaluate("() => window.jupyterapp.shell.activateById('jp-running-sessions')")
    running = page.locator("#jp-running-sessions")
    items = running.locator(".dsk-RunningCluster")
    expect(items).to_have_count(2, timeout=START)
    expect(items.filter(has_text="one")).to_contain_text(re.compile("2.*worker|2/2"))
    picture(page, "running", running)

    # Shut one down, then all.
    item = items.filter(has_text="one")
    press_under_mouse(item, item.locator(".jp-RunningSessions-itemShutdown").first)
    until(lambda: [one["name"] for one in lab.cli("list")] == ["two"])
    expect(items).to_have_count(1, timeout=START)
    running.get_by_text("Stop All", exact=True).click()
    page.locator(".jp-Dialog").get_by_role("button", name=re.compile("Stop All")).click()
    until(lambda: not lab.cli("list"))
    expect(items).to_have_count(0, timeout=START)


def test_launcher_has_a_card_for_each_profile_that_asks_for_one(lab: Lab, page: Page) -> None:
    page.evaluate("() => { void window.jupyterapp.commands.execute('launcher:create'); }")
    cards = page.locator(".jp-Launcher-section", has_text="Dask").locator(".jp-LauncherCard")
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text("Small")
    cards.click()
    panel = Panel(page).open()
    panel.card("small").expect_state("starting", "running")


def test_every_command_says_what_it_takes_and_is_in_the_palette(page: Page) -> None:
    described = page.evaluate(
        """async () => {
            const {commands} = window.jupyterapp;
            const ours = commands.listCommands().filter(id => id.startsWith('dask-steward:'));
            return Object.fromEntries(await Promise.all(ours.map(async id => {
                const about = await commands.describedBy(id);
                return [id, {args: about.args, label: commands.label(id), caption: commands.caption(id)}];
            })));
        }"""
    )
    assert len(described) >= 20
    for id, about in described.items():
        assert about["label"], id
        assert about["args"] is not None, id
        for name, field in about["args"].get("properties", {}).items():
            assert field.get("description"), (id, name)


def test_settings_have_titles_and_work(lab: Lab, page: Page) -> None:
    page.evaluate("() => { void window.jupyterapp.commands.execute('settingeditor:open', {query: 'Dask'}); }")
    editor = page.locator(".jp-SettingsPanel, .jp-SettingsEditor").first
    expect(editor).to_contain_text(re.compile("Dask", re.I), timeout=START)
    expect(editor.get_by_label(re.compile("status bar", re.I)).first).to_be_visible()
    picture(page, "settings")

    lab.cli("start", "small", "--set", "idle_timeout=10 min")
    item = page.locator(".dsk-StatusItem-button")
    expect(item).to_be_visible(timeout=START)
    editor.get_by_label(re.compile("status bar", re.I)).first.uncheck()
    expect(item).to_have_count(0, timeout=START)
    editor.get_by_label(re.compile("status bar", re.I)).first.check()
    expect(item).to_be_visible(timeout=START)


def test_dashboards_are_tabs_that_come_back_after_a_reload(lab: Lab, page: Page, panel: Panel) -> None:
    lab.cli("start", "small", "--name", "kept", "--set", "idle_timeout=10 min")
    card = panel.card("kept").expect_state("running").open()
    panel.run("dask-steward:open-dashboard-layout", id=card.id)
    tabs = page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="kept")
    expect(tabs).to_have_count(3, timeout=START)
    for frame in page.locator(".dsk-Page:visible iframe").all():
        drawn = frame.content_frame.locator(".bk-Canvas, .bk-CanvasPanel, canvas, .bk-Figure").first
        expect(drawn).to_be_attached(timeout=START)
    picture(page, "dashboards")
    wait_until_saved(
        lab, page, lambda told: str(told.get("layout-restorer:data")).count("dask-steward-dashboards:") >= 3
    )

    page.reload()
    wait_until_ready(page)

    expect(tabs).to_have_count(3, timeout=START)
    expect(page.locator(".dsk-Page:visible iframe").first).to_be_visible(timeout=START)


def test_a_plot_is_found_by_its_name(lab: Lab, page: Page, panel: Panel) -> None:
    lab.cli("start", "small", "--name", "kept", "--set", "idle_timeout=10 min")
    panel.card("kept").expect_state("running").open()
    panel.unfold("Dashboards")
    plots = panel.root.get_by_role("group", name=re.compile("^Plots of"))
    plots.get_by_role("button", name=re.compile(r"^All \d+")).click()
    panel.root.get_by_role("searchbox", name="Filter plots").fill("bandwidth")
    names = plots.get_by_role("button").filter(has_not_text=re.compile("^(Fewer|All)"))
    expect(names.first).to_contain_text(re.compile("bandwidth", re.I))
    for name in names.all_inner_texts():
        assert "bandwidth" in name.lower()


def test_any_dashboard_by_its_url(lab: Lab, page: Page, panel: Panel) -> None:
    made = lab.cli("start", "small", "--name", "kept", "--set", "idle_timeout=10 min")
    panel.card("kept").expect_state("running")
    path = f"dask-steward/api/clusters/{made['id']}/dashboard/status"
    panel.run("dask-steward:open-dashboard-url", url=path)
    frame = page.frame_locator(".dsk-Page iframe").first
    expect(frame.locator(".bk-Canvas, .bk-CanvasPanel, canvas, .bk-Figure").first).to_be_attached(timeout=START)

    panel.run("dask-steward:open-dashboard-url", url=f"http://127.0.0.1:{lab.port}/no-such-page")
    expect(page.locator(".dsk-PageNotice:visible")).to_contain_text("There is no such page", timeout=START)


def test_notebook_toolbar_shows_the_cluster_and_attaches_one(lab: Lab, page: Page, panel: Panel) -> None:
    lab.cli("start", "small", "--name", "mine", "--set", "idle_timeout=10 min")
    panel.card("mine").expect_state("running")
    notebook = Notebook(page)
    button = page.locator(".jp-NotebookPanel-toolbar:visible").get_by_role("button", name=re.compile("Dask"))
    expect(button).to_have_accessible_name("This notebook uses no Dask cluster")

    button.click()
    page.locator(".lm-Menu-item", has_text="Attach to").click()  # Lumino gives an entry with a submenu no role
    page.locator(".lm-Menu").last.get_by_role("menuitem", name=re.compile("mine")).click()

    # What attaches it is a cell that can be read.
    expect(button).to_contain_text("mine", timeout=START)
    assert any("mine" in source for source in notebook.sources())
    # The cluster of the notebook in front is the first card, and says so.
    expect(panel.cards.first).to_contain_text("this notebook", timeout=START)
    picture(page, "toolbar")


def test_a_card_is_dragged_into_a_notebook(lab: Lab, page: Page, panel: Panel) -> None:
    lab.cli("start", "small", "--name", "mine", "--set", "idle_timeout=10 min")
    card = panel.card("mine").expect_state("running")
    notebook = Notebook(page)
    before = len(notebook.sources())
    head = card.root.locator(".dsk-Card-head").bounding_box()
    cell = page.locator(".jp-Notebook:visible .jp-Cell").first.bounding_box()
    assert head is not None
    assert cell is not None
    page.mouse.move(head["x"] + 20, head["y"] + head["height"] / 2)
    page.mouse.down()
    page.mouse.move(cell["x"] + 60, cell["y"] + 10, steps=12)
    page.mouse.up()
    page.wait_for_function(
        "before => window.jupyterapp.shell.currentWidget.content.widgets.length > before", arg=before
    )
    assert any("Client" in source or "mine" in source for source in notebook.sources())


def test_each_new_notebook_gets_the_cluster(lab: Lab, open_page: Callable[..., Page]) -> None:
    lab.set_settings("dask-steward/plugin", {"autoAttach": "name", "autoAttachName": "mine"})
    try:
        page = open_page(lab)
        lab.cli("start", "small", "--name", "mine", "--set", "idle_timeout=10 min")
        Panel(page).open().card("mine").expect_state("running")
        notebook = Notebook(page)
        page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.content.widgets"
            ".some(cell => cell.model.sharedModel.source.includes('mine'))"
        )
        assert "mine" in notebook.sources()[0]
    finally:
        lab.set_settings("dask-steward/plugin", {})


def test_long_actions_are_told_of(lab: Lab, page: Page, panel: Panel) -> None:
    panel.new("Small")
    toast = page.locator(".jp-toastContainer, .Toastify__toast").first
    expect(toast).to_contain_text(re.compile("small", re.I), timeout=START)
    panel.card("small").expect_state("running")


def test_log_of_jupyterlab_has_no_word_of_ours(lab: Lab, page: Page, panel: Panel) -> None:
    """Started, used and looked at: no warning, no error, no deprecation of ours."""
    panel.new("Small")
    panel.card("small").expect_state("running")
    panel.card("small").stop()
    until(lambda: not lab.cli("list"))
    assert lab.words()
    assert complaints(lab.words(), lab.installed.folder) == []
