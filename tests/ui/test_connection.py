"""What a page knows, and how soon: other windows, other faces, a server that goes and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.ui.conftest import Complaints
from tests.ui.lab import Lab, until
from tests.ui.look import WANTED, WIDTH, picture, set_theme, set_width
from tests.ui.notebook import Notebook
from tests.ui.panel import START, Panel
from tests.ui.seen import assert_soon, watch


def start(lab: Lab, name: str, **body: Any) -> str:
    """Start a cluster as a program does, wait until it runs, return its id."""
    made = lab.api("clusters", "POST", {"profile": "small", "name": name, **body})
    until(lambda: lab.api(f"clusters/{made['id']}")["state"] == "running")
    return str(made["id"])


def state_of(id: str) -> str:
    """Return the selector of what a cluster's card says."""
    return f'.dsk-Card[data-cluster="{id}"]'


def test_two_windows_agree(lab: Lab, page: Page, panel: Panel, open_page: Callable[..., Page]) -> None:
    other = Panel(open_page(lab)).open()
    id = start(lab, "shared")
    panel.card_of(id).expect_state("running")
    other.card_of(id).expect_state("running")

    # When one window scales it, the other one says so.
    def scale(number: int) -> float:
        workers = 1 if number % 2 == 0 else 2
        says = rf"\bof {workers}\b"
        here, there = (watch(one.page, state_of(id), says) for one in (panel, other))
        panel.run("dask-steward:scale-cluster", id=id, workers=workers)
        return abs(there() - here())

    assert_soon("another window shows the size of the first one", scale)

    # When one window stops it, the other one shows that, too.
    def stop(number: int) -> float:
        one = id if number == 0 else start(lab, f"shared {number}")
        panel.card_of(one).expect_state("running")
        other.card_of(one).expect_state("running")
        here, there = (watch(each.page, state_of(one), ", stopp(ing|ed)") for each in (panel, other))
        panel.run("dask-steward:stop-cluster", id=one)
        return abs(there() - here())

    assert_soon("another window shows the stop of the first one", stop)


def test_cluster_of_a_shell_appears_within_a_second(lab: Lab, panel: Panel) -> None:
    expect(panel.cards).to_have_count(0)

    def appears(number: int) -> float:
        name = f"of the shell {number}"
        seen = watch(panel.page, ".dsk-Card-title", rf"^{name}(,|$)")
        made = lab.cli("start", "small", "--name", name, "--no-wait", "--set", "idle_timeout=10 min")
        took = seen() - made["created"]
        assert panel.card(name).id == made["id"]
        return took

    assert_soon("a cluster of the shell is seen", appears)

    # Not only that it exists: a size that is asked for in the shell is on screen as soon.
    id = panel.cards.first.get_attribute("data-cluster")
    panel.card_of(str(id)).expect_state("running")

    def scaled(number: int) -> float:
        workers = 1 if number % 2 == 0 else 2
        seen = watch(panel.page, state_of(str(id)), rf"\bof {workers}\b")
        lab.cli("scale", str(id), str(workers))
        return seen() - time.time()

    assert_soon("a size from the shell is seen after its command's end", scaled)


def test_cluster_of_a_kernel_appears_within_a_second_and_goes_with_it(lab: Lab, page: Page, panel: Panel) -> None:
    notebook = Notebook(page)
    notebook.run("%load_ext dask_steward")

    def appears(number: int) -> float:
        name = "mine" if number == 0 else f"mine{number}"
        seen = watch(page, ".dsk-Card-title", rf"^{name}(,|$)")
        notebook.run(f"%dask_cluster start small --name {name}")
        return seen() - float(lab.api(f"clusters/{panel.card(name).id}")["created"])

    assert_soon("a cluster of a kernel is seen", appears)
    card = panel.card("mine").expect_state("running")
    owner = lab.api(f"clusters/{card.id}")["owner"]
    assert owner["kernel_id"] == notebook.kernel

    notebook.end_kernel()

    card.expect_state("stopping", "stopped")
    until(lambda: not lab.cli("list"))
    notebook.close()


def test_server_is_killed_and_comes_back(
    lab: Lab, page: Page, panel: Panel, complaints: Complaints, open_page: Callable[..., Page]
) -> None:
    set_width(page, WIDTH)
    notebook = Notebook(page)
    kernels = start(lab, "of a kernel", tenure="kernel", kernel_id=notebook.kernel)
    detached = start(lab, "detached", tenure="detached", set={"idle_timeout": "20 min"})
    panel.card_of(kernels).expect_state("running")
    panel.card_of(detached).expect_state("running")
    dark = Panel(open_page(lab)).open() if WANTED else None
    if dark is not None:
        set_theme(dark.page, "dark")
        set_width(dark.page, WIDTH)
        dark.card_of(detached).expect_state("running")

    lab.kill()

    # The last known state stays, and is told apart from what is known now.
    expect(panel.root.locator(".dsk-mod-stale").first).to_be_visible(timeout=START)
    expect(panel.root).to_contain_text("no news")
    page.keyboard.press("Escape")  # JupyterLab's own dialog about its server
    picture(page, "no-server", panel.root, themes=["light"])
    if dark is not None:
        dark.page.keyboard.press("Escape")
        expect(dark.root.locator(".dsk-mod-stale").first).to_be_visible(timeout=START)
        picture(dark.page, "no-server", dark.root, themes=["dark"])

    lab.start()

    # The page recovers by itself.
    expect(panel.root.locator(".dsk-State.dsk-mod-stale")).to_have_count(0, timeout=START)
    panel.card_of(detached).expect_state("running")
    until(lambda: [one["id"] for one in lab.cli("list")] == [detached])
    card = panel.card_of(kernels)
    if card.root.count():
        card.expect_state("stopping", "stopped", "lost")
    # And it can be used as before.
    panel.run("dask-steward:scale-cluster", id=detached, workers=1)
    panel.card_of(detached).expect_asked(1)
    complaints.expect(r"ERR_CONNECTION_REFUSED|WebSocket|Failed to fetch|net::")
