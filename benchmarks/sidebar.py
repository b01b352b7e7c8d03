"""The sidebar and its server beside dask-labextension 7.0.0, on the same machine with the same packages.

start       from the request (POST here, PUT there) until two workers of one thread are there
screen      from a cluster that somebody else starts or stops (another page, a kernel) to the page that shows it: a
            browser with JupyterLab and the panel open
exit        how long the Jupyter server takes to end after SIGTERM, with four clusters
status      ``/api/status`` while a client runs 5,000 small tasks on a cluster: median and longest answer
memory      of the server's process with five clusters
idle        requests a minute that a page makes when nothing changes
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from support import machine
from support.figures import Figure, parser, report, say
from support.jupyter import PEER, PEER_VERSION, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIDES = ("ours", "peer")
CLUSTERS_AT_EXIT = 4
CLUSTERS_IN_MEMORY = 5
IDLE_SECONDS = 30.0
#: The panel's tab, what is an entry of its list.
PANELS = {
    "ours": ("dask-steward-sidebar", ".dsk-Card"),
    "peer": ("dask-dashboard-launcher", ".dask-ClusterListingItem"),
}
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")

WORK = """
import time
ended = time.monotonic() + 12
while time.monotonic() < ended:
    sum(client.gather(client.map(lambda i, salt: i, range(5000), salt=time.monotonic())))
client.close()
"""


def started() -> Iterator[tuple[str, float]]:
    """Yield the seconds until each side's first cluster of a fresh server can be used."""
    for side in SIDES:
        with Server(side) as server:
            began = time.perf_counter()
            server.start_cluster()
            yield side, time.perf_counter() - began


def exits() -> Iterator[tuple[str, float]]:
    """Yield the seconds that a server with clusters takes to end."""
    for side in SIDES:
        with Server(side) as server:
            for number in range(CLUSTERS_AT_EXIT):
                server.start_cluster(number)
            yield side, server.terminate()


def status_of(server: Server) -> tuple[float, float]:
    """Return median and longest answer (milliseconds) of ``/api/status`` while a client works."""
    code = server.client_code(server.start_cluster()) + WORK
    with subprocess.Popen([sys.executable, "-c", code], env=server.environment) as worker:
        time.sleep(2.0)  # until it has imported Dask
        found = []
        while worker.poll() is None:
            began = time.perf_counter()
            server.call("GET", "/api/status")
            found.append((time.perf_counter() - began) * 1e3)
            time.sleep(0.02)
    return statistics.median(found), max(found)


def memory_of(server: Server) -> float:
    """Return MiB (RSS) of a server with several clusters."""
    for number in range(CLUSTERS_IN_MEMORY):
        server.start_cluster(number)
    time.sleep(1.0)
    return machine.memory(server.pid)["rss"]


class Page:
    """JupyterLab in a browser, with one side's panel open."""

    def __init__(self, server: Server, browser: Browser) -> None:
        self._entry = PANELS[server.side][1]
        self.requests = 0
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{server.url}/lab?token={server.token}&reset")
        page.wait_for_selector("#jp-main-dock-panel", timeout=60_000)
        page.wait_for_function("() => !document.querySelector('#jupyterlab-splash')", timeout=60_000)
        tab = page.locator(f'[data-id="{PANELS[server.side][0]}"]').first
        tab.wait_for(timeout=30_000)
        if page.locator(self._entry).count() == 0 and "lm-mod-current" not in (tab.get_attribute("class") or ""):
            tab.click()
        self.page = page

    def until(self, number: int) -> float:
        """Wait until so many clusters are listed; return when that was."""
        self.page.wait_for_function(
            "([entry, number]) => document.querySelectorAll(entry).length === number",
            arg=[self._entry, number],
            polling=20,
            timeout=60_000,
        )
        return time.perf_counter()

    def idle(self) -> float:
        """Return the requests a minute of a page on which nothing happens."""
        found: list[str] = []
        self.page.wait_for_timeout(8_000)
        self.page.on("request", lambda request: found.append(request.url))
        self.page.wait_for_timeout(IDLE_SECONDS * 1e3)
        ours = [one for one in found if "dask" in one]
        return len(ours) * 60 / IDLE_SECONDS


@contextlib.contextmanager
def opened(side: str) -> Iterator[tuple[Server, Page]]:
    """Yield a server and a page of it."""
    from playwright.sync_api import sync_playwright

    with Server(side, lab=True) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield server, Page(server, browser)
        finally:
            browser.close()


def screen_of(side: str, times: int) -> tuple[list[float], float]:
    """Return the seconds from changes to the screen, and requests a minute afterwards, with one cluster."""
    waits = []
    with opened(side) as (server, page):
        for _ in range(times):
            id = server.start_cluster()
            there = time.perf_counter()
            waits.append(max(0.0, page.until(1) - there))
            server.stop_cluster(id)
            gone = time.perf_counter()
            if side == "ours":  # an ended cluster stays on the list until somebody takes it off
                server.call("DELETE", f"/dask-steward/api/clusters/{id}")
                gone = time.perf_counter()
            waits.append(max(0.0, page.until(0) - gone))
        server.start_cluster()
        page.until(1)
        return waits, page.idle()


def main() -> int:
    given = parser(__doc__ or "", runs=3).parse_args()
    peer = f"{PEER} {PEER_VERSION}"
    start = Figure("request → 2 workers are there", "s", peer, at_most=0.6)
    exit_ = Figure(f"server's exit after SIGTERM, {CLUSTERS_AT_EXIT} clusters", "s", peer, limit=2.0)
    median = Figure("/api/status while a cluster works: median", "ms", peer)
    longest = Figure("… longest", "ms", peer)
    memory = Figure(f"server's memory (RSS), {CLUSTERS_IN_MEMORY} clusters", "MiB", peer)
    screen = Figure("change → screen", "s", peer, limit=1.0)
    slowest = Figure("… slowest", "s", peer, limit=1.0)
    idle = Figure("requests of an idle page", "/min", peer, limit=1.0)

    def side_of(figure: Figure, side: str) -> Callable[[float], None]:
        return (figure.ours if side == "ours" else figure.peer).add

    for _ in range(given.runs):
        for side, seconds in started():
            side_of(start, side)(seconds)
            say(f"{side}: two workers after {seconds:.2f} s")
    for side, seconds in exits():
        side_of(exit_, side)(seconds)
        say(f"{side}: exit after {seconds:.2f} s")
    for side in SIDES:
        with Server(side) as server:
            middle, worst = status_of(server)
        side_of(median, side)(middle)
        side_of(longest, side)(worst)
        with Server(side) as server:
            side_of(memory, side)(memory_of(server))
        say(f"{side}: status {middle:.1f} ms, at most {worst:.0f} ms")
    for side in SIDES:
        waits, requests = screen_of(side, given.runs)
        for wait in waits:
            side_of(screen, side)(wait)
        side_of(slowest, side)(max(waits))
        side_of(idle, side)(requests)
        say(f"{side}: on the screen after {statistics.median(waits):.2f} s, {requests:.0f} requests a minute")
    figures: list[Figure] = [start, exit_, median, longest, memory, screen, slowest, idle]
    return report("sidebar", figures, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
