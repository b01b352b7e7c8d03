"""A cluster and its progress in marimo, which runs cells and shows widgets in its own way."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, expect

from tests.support.installed import Installed
from tests.ui.conftest import Complaints
from tests.ui.lab import Lab, until
from tests.ui.panel import START, Card, Panel

APP = """
import marimo

app = marimo.App()

@app.cell
def _():
    import time
    import dask_steward as ds
    import marimo as mo
    def nap(seconds):
        time.sleep(seconds)
    return ds, mo, nap

@app.cell
def _(ds):
    cluster = ds.start("small")
    client = cluster.get_client()
    return client, cluster

@app.cell
def _(mo):
    again = mo.ui.button(label="again", value=0, on_click=lambda value: value + 1)
    again
    return (again,)

@app.cell
def _(again, cluster):
    again.value
    cluster
    return

@app.cell
def _(client, ds, nap):
    naps = client.map(nap, [0.05] * 40, pure=False)
    ds.widgets.Progress(naps)
    return

if __name__ == "__main__":
    app.run()
"""


class Marimo(Lab):
    """A notebook as an app of marimo's, in place of JupyterLab."""

    def start(self) -> Marimo:
        (self.notebooks / "app.py").write_text(APP)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [self.installed.program("marimo"), "run", "app.py", "--headless", "--no-token"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(self.port)],
                env=self.env,
                cwd=self.notebooks,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._is_up)
        return self

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.words()
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                return True
        except (URLError, ConnectionError):
            return False


@pytest.fixture(scope="module")
def marimo(environment: Installed) -> Iterator[Marimo]:
    found = Marimo(environment)
    try:
        yield found.start()
    finally:
        found.close()


def test_a_cluster_and_its_progress_are_live(marimo: Marimo, browser: Browser, complaints: Complaints) -> None:
    page = browser.new_page(locale="en-GB")
    complaints.listen(page)
    page.goto(f"http://127.0.0.1:{marimo.port}")
    card = Card(Panel(page), page.locator(".dsk-Card"))

    card.expect_text("2 running")
    progress = page.locator(".dsk-Progress")
    expect(progress).to_contain_text("40 / 40", timeout=START)
    marimo.cli("scale", "small", "3")  # it follows what happens elsewhere
    card.expect_text("3 running")

    # Marimo closes what a cell has made when that is run again.
    page.get_by_role("button", name="again").click()
    expect(page.get_by_text("Nobody can be asked")).to_have_count(0)
    card.scale_to(1)
    card.expect_text("1 running")
    card.more(re.compile("^Workers$"))
    expect(page.locator(".dsk-Details").get_by_role("row")).to_have_count(2, timeout=START)
    page.get_by_role("tab", name="Logs").click()
    expect(page.locator(".dsk-LogViewer")).to_contain_text("distributed", timeout=START)

    card.stop()
    card.expect_state("stopped")
    until(lambda: not marimo.cli("list"))
    assert "Traceback" not in marimo.words(), marimo.words()
    page.close()
