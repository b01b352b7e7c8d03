"""A cluster in a notebook's output: the card of the sidebar, live while a cell computes, with buttons that work."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.ui import axe
from tests.ui.conftest import wait_until_ready
from tests.ui.lab import Lab, until
from tests.ui.look import THEMES, picture, set_theme
from tests.ui.notebook import Notebook
from tests.ui.panel import START, Card, Panel

OUTPUT = ".jp-OutputArea-output .dsk-Widget"

BEGIN = 'import dask_steward as ds\ncluster = ds.start("small")\ncluster'

BUSY = {
    "sleep": "import time\ntime.sleep(25)",
    "python": "import time\nend = time.time() + 25\nwhile time.time() < end: sum(range(1000))",
    # One call into C that does not let go of the interpreter's lock, for as long as is needed.
    "c": "import re\nre.match(r'(a+)+$', 'a' * 34 + 'b')",
}
"""Cells that keep a kernel busy."""

SOON = 10_000
"""Milliseconds within which a busy kernel's view must show what has happened; the cells take longer."""


RENDER = """async ([code, card, shadowed]) => {
    const facts = {kind: 'cluster', cluster_id: card.id, followed: true, card};
    window.said = [];
    const model = {get: name => facts[name] ?? null, on() {}, off() {}, send: one => window.said.push(one)};
    document.title = 'Elsewhere';
    document.documentElement.lang = 'en';
    const host = document.createElement('main');
    document.body.append(host);
    const el = document.createElement('div');
    (shadowed ? host.attachShadow({mode: 'open'}) : host).append(el);
    const module = await import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'})));
    module.default.render({model, el});
}"""
"""Draw the widget in whatever page, with a kernel that only listens."""


def card_in(page: Page) -> Card:
    """The card in the only widget of a page."""
    return Card(Panel(page), page.locator(OUTPUT).locator(".dsk-Card"))


def begun(page: Page) -> tuple[Notebook, Card]:
    """Start a cluster in a notebook, and wait until its card shows it running."""
    notebook = Notebook(page)
    notebook.run(BEGIN)
    return notebook, card_in(page).expect_text("2 running")


@pytest.fixture(scope="module")
def plain_lab(make_lab: Callable[..., Lab]) -> Lab:
    """A JupyterLab whose page does not have our half of it, as any other front end of a kernel."""
    found = make_lab()
    folder = found.folder / "config" / "labconfig"
    folder.mkdir()
    (folder / "page_config.json").write_text(json.dumps({"disabledExtensions": {"dask-steward": True}}))
    return found


@pytest.fixture
def plain_page(plain_lab: Lab, open_page: Callable[..., Page]) -> Page:
    """A page without our half of JupyterLab."""
    page = open_page(plain_lab)
    assert not page.evaluate("() => window.jupyterapp.commands.hasCommand('dask-steward:new-cluster')")
    return page


def test_last_expression_is_the_card_of_the_sidebar(lab: Lab, page: Page) -> None:
    notebook, card = begun(page)
    picture(page, "widget", page.locator(OUTPUT))

    # It follows what happens elsewhere.
    lab.cli("scale", "small", "3")
    card.expect_text("3 running")

    # Its details are below it.
    card.more(re.compile("^Workers$"))
    details = page.locator(OUTPUT).locator(".dsk-Details")
    expect(details.get_by_role("row")).to_have_count(4, timeout=START)
    picture(page, "widget-details", page.locator(OUTPUT))
    details.get_by_role("tab", name="Logs").click()
    expect(details).to_contain_text("distributed", timeout=START)
    page.get_by_role("button", name="Hide details").click()

    # Displayed once more it is the same view, twice.
    notebook.run("display(cluster)")
    expect(page.locator(OUTPUT)).to_have_count(2)
    first = Card(card.panel, card.root.first)
    # Nothing runs, so nobody is asked.
    first.stop()
    until(lambda: not lab.cli("list"))
    expect(card.root.first).to_contain_text("stopped", timeout=START)
    expect(card.root.last).to_contain_text("stopped", timeout=START)
    picture(page, "widget-stopped", page.locator(OUTPUT).first)


@pytest.mark.parametrize("kind", BUSY)
def test_view_and_buttons_go_on_while_a_cell_computes(lab: Lab, page: Page, kind: str) -> None:
    notebook, card = begun(page)
    notebook.begin(BUSY[kind])

    lab.cli("scale", "small", "3")
    card.expect_text("3 running", timeout=SOON)
    card.scale_to(1)
    card.expect_text("1 running", timeout=SOON)

    assert notebook.is_busy()
    if kind == "c":
        notebook.end_kernel()  # what no interrupt ends


@pytest.mark.parametrize("kind", ["sleep", "python"])
def test_without_our_half_of_jupyterlab_the_kernel_does_it(plain_lab: Lab, plain_page: Page, kind: str) -> None:
    """The clicks reach a thread of the busy kernel, which speaks to the keeper."""
    notebook, card = begun(plain_page)
    notebook.begin(BUSY[kind])

    plain_lab.cli("scale", "small", "3")
    card.expect_text("3 running", timeout=SOON)
    card.scale_to(1)
    card.expect_text("1 running", timeout=SOON)
    card.more(re.compile("^Workers$"))
    expect(plain_page.locator(OUTPUT).get_by_role("row")).to_have_count(2, timeout=SOON)
    plain_page.get_by_role("tab", name="Logs").click()
    expect(plain_page.locator(OUTPUT).locator(".dsk-LogViewer")).to_contain_text("distributed", timeout=SOON)
    card.stop()
    card.expect_state("stopping", "stopped", timeout=SOON)

    assert notebook.is_busy()
    plain_lab.stop_clusters()


def test_after_a_reload_it_is_live_again(lab: Lab, page: Page) -> None:
    notebook, card = begun(page)
    notebook.save()

    page.reload()
    wait_until_ready(page)
    notebook.again()

    card.expect_text("2 running")
    lab.cli("scale", "small", "3")
    card.expect_text("3 running")
    card.scale_to(1)
    card.expect_text("1 running")


def test_after_a_reload_in_a_busy_kernel_the_server_shows_it(lab: Lab, page: Page) -> None:
    """JupyterLab's manager of widgets waits for the kernel; nobody else does."""
    notebook, card = begun(page)
    notebook.save()
    notebook.begin(BUSY["sleep"])

    page.reload()
    wait_until_ready(page)

    card.expect_text("2 running", timeout=2 * SOON)
    card.scale_to(1)
    card.expect_text("1 running", timeout=SOON)


def test_a_notebook_that_is_opened_again_shows_something_true(lab: Lab, page: Page) -> None:
    notebook, card = begun(page)
    lab.cli("start", "small", "--name", "other")
    notebook.run('ds.get("other")')
    notebook.save()
    notebook.end_kernel()
    until(lambda: [one["name"] for one in lab.cli("list")] == ["other"])

    page.reload()
    wait_until_ready(page)

    # The server knows both, and that one lives.
    first, last = card.root.first, card.root.last
    expect(first).to_have_class(re.compile("dsk-mod-(stopped|lost)"), timeout=START)
    expect(last).to_contain_text("2 running", timeout=START)
    # What it knows no more is what was saved.
    lab.stop_clusters()
    page.reload()
    wait_until_ready(page)
    saved = page.locator(".jp-OutputArea-output").first
    expect(saved).to_contain_text("2 running", timeout=START)
    expect(page.locator(OUTPUT)).to_have_count(0)
    expect(page.get_by_text("model not found")).to_have_count(0)


def test_two_tabs_show_the_same(lab: Lab, page: Page, open_page: Callable[..., Page]) -> None:
    notebook, card = begun(page)
    notebook.save()
    other = open_page(lab, f"/lab/workspaces/second/tree/{notebook.path}")
    card_in(other).expect_text("2 running")

    card.scale_to(3)

    card_in(other).expect_text("3 running")
    other.context.close()
    card.scale_to(1)
    card.expect_text("1 running")


def test_after_a_kernel_restart_it_says_how_its_cluster_ended(lab: Lab, page: Page) -> None:
    notebook, card = begun(page)

    notebook.restart()

    # It belonged to the kernel.
    card.expect_state("stopped", "lost", "failed")
    until(lambda: not lab.cli("list"))


def test_after_a_kernel_restart_without_our_half_it_shows_the_last_state(plain_lab: Lab, plain_page: Page) -> None:
    notebook, card = begun(plain_page)

    notebook.restart()

    card.expect_state("stale")
    card.expect_text("2 of 2 workers running")
    card.expect_text("run the cell again")
    expect(card.button("Scale")).to_have_count(0)
    picture(plain_page, "widget-restarted", plain_page.locator(OUTPUT))
    plain_lab.stop_clusters()


def test_in_notebook_7(lab: Lab, open_page: Callable[..., Page]) -> None:
    cell = {"cell_type": "code", "source": BEGIN, "metadata": {}, "outputs": [], "execution_count": None, "id": "a"}
    meta = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    body = {"cells": [cell], "metadata": meta, "nbformat": 4, "nbformat_minor": 5}
    lab.ask("/api/contents/widget7.ipynb", "PUT", {"type": "notebook", "format": "json", "content": body})
    page = open_page(lab, "/notebooks/widget7.ipynb")
    page.wait_for_function(
        "async () => { const one = window.jupyterapp.shell.currentWidget;"
        "await one?.sessionContext?.ready; return Boolean(await one?.sessionContext?.session?.kernel?.info); }"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")

    card = card_in(page).expect_text("2 running")
    card.scale_to(1)
    card.expect_text("1 running")
    picture(page, "widget-notebook-7")
    card.stop()
    until(lambda: not lab.cli("list"))


@pytest.mark.parametrize("look", ["light", "dark", "shadow"])
def test_in_a_page_without_jupyterlab(lab: Lab, open_page: Callable[..., Page], look: str) -> None:
    """As VS Code (no theme of JupyterLab's) and marimo (a shadow root) show it, from the same bundle."""
    lab.cli("start", "small")
    until(lambda: lab.api("clusters")["clusters"][0]["workers"]["running"] == 2)
    (facts,) = lab.api("clusters")["clusters"]
    page = open_page(lab, color_scheme="dark" if look == "dark" else "light")
    page.goto("about:blank")
    code = lab.installed.run(
        "python", "-c", "from dask_steward.widgets import bundle; print(bundle.BUNDLE.read_text())"
    )

    page.evaluate(RENDER, [code.stdout, facts, look == "shadow"])

    place = page.locator(".dsk-Widget")
    expect(place).to_contain_text("2 running")
    expect(place).to_have_class(re.compile("dsk-mod-alone"))
    colour = place.evaluate("one => getComputedStyle(one.querySelector('.dsk-Card-name')).color")
    background = place.evaluate("one => getComputedStyle(one).backgroundColor")
    assert colour != background
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 384) == (look == "dark")
    if look != "shadow":
        picture(page, "widget-elsewhere", place, themes=[look])
    place.get_by_role("button", name=re.compile("More actions")).click()
    menu = page.get_by_role("menuitem", name="Workers", exact=True)
    assert menu.evaluate("one => getComputedStyle(one.closest('.dsk-Menu')).position") == "fixed"
    menu.click()
    assert page.evaluate("() => window.said.filter(one => one.kind === 'ask').map(one => one.what)") == ["rows"]
    if look != "shadow":
        assert axe.violations(page, ".dsk-Widget") == []


@pytest.mark.timeout(240, func_only=True)
def test_no_fault_in_three_themes(lab: Lab, page: Page) -> None:
    notebook, card = begun(page)
    found = []

    def look(what: str, *selectors: str) -> None:
        for theme in THEMES:
            set_theme(page, theme)
            found.extend(f"[{theme}, {what}] {one}" for one in axe.violations(page, *selectors))
        set_theme(page, "light")

    look("card", OUTPUT)
    card.button("Scale").click()
    look("form", OUTPUT)
    page.keyboard.press("Escape")
    card.more(re.compile("^Workers$"))
    for tab in page.locator(OUTPUT).get_by_role("tab").all():
        tab.click()
        look(tab.inner_text(), OUTPUT)
    page.get_by_role("button", name="Hide details").click()
    notebook.run(
        "client = cluster.get_client()\nx = client.map(lambda n: 1 / (n - 5), range(10))\n"
        "import distributed\ndistributed.wait(x)\nds.widgets.Progress(x)"
    )
    progress = page.locator(f"{OUTPUT} .dsk-Progress")
    expect(progress).to_contain_text("ZeroDivisionError", timeout=START)
    look("progress", f"{OUTPUT}:has(.dsk-Progress)")

    assert not found, "\n".join(found)


def test_progress_is_live_while_it_computes(lab: Lab, page: Page) -> None:
    notebook, _ = begun(page)
    notebook.run(
        "import time\nimport dask\nclient = cluster.get_client()\n"
        "@dask.delayed\ndef load(number):\n    time.sleep(0.1)\n    return b'x' * 1_000_000\n"
        "@dask.delayed\ndef analyse(data):\n    time.sleep(0.2)\n    return len(data)\n"
        "@dask.delayed\ndef total(sizes):\n    return sum(sizes)\n"
        "x = total([analyse(load(number)) for number in range(30)]).persist()\nds.widgets.Progress(x)"
    )
    progress = page.locator(f"{OUTPUT} .dsk-Progress")
    # The kernel waits for the result, and is busy.
    notebook.begin("x.compute()")
    expect(progress).to_contain_text("analyse", timeout=START)
    tasks = progress.get_by_role("progressbar", name="Tasks")
    expect(tasks).to_have_attribute("aria-valuenow", re.compile(r"^(1\d|[2-4]\d)$"), timeout=START)
    assert notebook.is_busy()
    picture(page, "widget-progress", progress)
    expect(progress).to_contain_text("61 / 61", timeout=START)
    expect(progress).to_contain_text("done")

    notebook.run(
        "y = client.submit(lambda: 1 / 0)\ndistributed = client.gather([y], errors='skip')\nds.widgets.Progress(y)"
    )
    failed = page.locator(f"{OUTPUT} .dsk-Progress").last
    expect(failed).to_contain_text("ZeroDivisionError", timeout=START)
    failed.get_by_text("Traceback", exact=True).click()
    expect(failed).to_contain_text("in <lambda>")
    picture(page, "widget-error", failed)
