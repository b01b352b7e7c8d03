"""A browser, a JupyterLab for each module, and pages that are ready to be used.

``lab``
    The module's JupyterLab. Modules that want another one (a Slurm, a server that only lets look) define their own.
``open_page``
    Opens a window of a browser of its own on a JupyterLab: ``open_page(lab)``.
``page``
    One such window on ``lab``.
``panel``
    The sidebar in that window.

A page that complained on its console about something of ours, or threw, fails its test.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

from tests.support.installed import Installed, installed
from tests.support.server_log import OURS
from tests.ui.lab import PATIENCE, Lab, until
from tests.ui.panel import Panel

BROWSERS = ("/usr/lib/chromium/chromium-headless-shell", "chromium")
"""Debian's Chromium; rather the one without windows of its own (``chromium-headless-shell``), which costs far less."""

ARGUMENTS = [
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
]
SIZE = {"width": 1280, "height": 800}

BUSY = re.compile(r"took [\d.]+ms to activate|is taking too long to activate")
"""JupyterLab says so of any plugin on a machine that does other things, too."""

DASKS_OWN = re.compile(r"/clusters/\w+/dashboard/")
"""Pages of Dask's dashboard go on calling a scheduler that has ended."""

OUR_CODE = "/extensions/dask-steward/static/"
"""In the address of our scripts."""

expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.get_closest_marker("timeout") is None:
            # Without fixtures: the first test may have to build what is tested.
            item.add_marker(pytest.mark.timeout(180, func_only=True))


@pytest.fixture(scope="session")
def environment(require: Callable[..., None]) -> Installed:
    """The wheel in an environment of its own."""
    require("chromium")
    return installed()


@pytest.fixture(scope="module")
def browser(require: Callable[..., None]) -> Iterator[Browser]:
    """Chromium. For a module only: Playwright's loop would be in the way of other tests' loops."""
    require("chromium")
    with sync_playwright() as playwright:
        program = next(path for path in map(shutil.which, BROWSERS) if path is not None)
        found = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
        try:
            yield found
        finally:
            found.close()


@pytest.fixture(scope="module")
def make_lab(environment: Installed) -> Iterator[Callable[..., Lab]]:
    """Start a JupyterLab, with the arguments of `Lab`; it ends with the module."""
    made: list[Lab] = []

    def make(**options: Any) -> Lab:
        made.append(Lab(environment, **options))
        return made[-1].start()

    try:
        yield make
    finally:
        errors = []
        for one in reversed(made):
            try:
                one.close()
            except Exception as error:
                errors.append(error)
    if errors:
        raise errors[0]


@pytest.fixture(scope="module")
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """The module's JupyterLab."""
    return make_lab()


@pytest.fixture(autouse=True)
def no_cluster_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test begins without a cluster."""
    yield
    # A module whose clusters serve several tests says so.
    if "lab" in request.fixturenames and not getattr(request.module, "KEEP_CLUSTERS", False):
        request.getfixturevalue("lab").stop_clusters()


class Complaints(list[str]):
    """What pages said on their consoles that concerns us, and what they threw."""

    def listen(self, page: Page) -> None:
        """Take down the complaints of a page."""
        page.on("console", self._heard)
        page.on("pageerror", self._thrown)

    def _heard(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        if BUSY.search(message.text) or DASKS_OWN.search(message.text):
            return
        if message.type in ("error", "warning") and (OURS.search(message.text) or OUR_CODE in where):
            self.append(f"{message.type}: {message.text} ({where})")

    def _thrown(self, error: Error) -> None:
        if OURS.search(error.message) or OUR_CODE in (error.stack or ""):  # JupyterLab's own are not ours to judge
            self.append(f"thrown: {error.message}\n{error.stack}")

    def expect(self, pattern: str) -> None:
        """Take complaints away that the test itself has caused."""
        self[:] = [one for one in self if not re.search(pattern, one)]


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """What pages complained about; a test takes away what it has caused: ``complaints.expect(pattern)``."""
    found = Complaints()
    yield found
    assert not found, "the page complained:\n" + "\n".join(found)


@pytest.fixture
def open_page(
    browser: Browser, complaints: Complaints, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Page]]:
    """Open a window of a browser of its own (its own cookies), on a workspace of its own; ready to be used."""
    contexts = []

    def open_(lab: Lab, path: str | None = None, **options: Any) -> Page:
        context = browser.new_context(viewport=SIZE, locale="en-GB", timezone_id="UTC", **options)
        contexts.append(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=f"http://127.0.0.1:{lab.port}")
        context.set_default_timeout(15_000)
        page = context.new_page()
        complaints.listen(page)
        page.goto(lab.url(path or f"/lab/workspaces/{uuid.uuid4().hex[:8]}"))
        wait_until_ready(page)
        return page

    yield open_
    for index, context in enumerate(contexts):
        if request.node.stash.get(FAILED, False):
            _keep_picture(context.pages, request.node.name, index)
        context.close()


def wait_until_ready(page: Page) -> None:
    """Wait until JupyterLab, or Notebook, has restored what it shows."""
    page.wait_for_function("() => window.jupyterapp !== undefined", timeout=PATIENCE * 1000)
    page.evaluate("() => window.jupyterapp.restored.then(() => true)")
    page.wait_for_function("() => !document.querySelector('#jupyterlab-splash')")


def wait_until_saved(lab: Lab, page: Page, done: Callable[[dict[str, Any]], object]) -> None:
    """Wait until a page has stored what it shows with its workspace, a while after a change: a reload restores that."""
    name = page.url.split("/workspaces/")[1].split("?")[0]
    until(lambda: done(lab.ask(f"/lab/api/workspaces/{name}")["data"]))


@pytest.fixture
def page(lab: Lab, open_page: Callable[..., Page]) -> Page:
    """A window on the module's JupyterLab."""
    return open_page(lab)


@pytest.fixture
def panel(page: Page) -> Panel:
    """The sidebar, open."""
    return Panel(page).open()


# --- a picture of every failure ---

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    if outcome.get_result().failed:
        item.stash[FAILED] = True


def _keep_picture(pages: list[Page], name: str, index: int) -> None:
    folder = Path(__file__).resolve().parents[2] / ".cache" / "ui" / "failures"
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w.-]+", "_", name)
    for number, page in enumerate(pages):
        try:
            page.screenshot(path=folder / f"{stem}-{index}-{number}.png", timeout=5_000)
        except Exception as error:  # a page that has crashed has no picture
            print(f"no picture of {name}: {error}")
