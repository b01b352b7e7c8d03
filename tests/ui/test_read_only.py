"""A site that lets people look and not touch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.ui.lab import Lab
from tests.ui.look import WIDTH, picture, set_width
from tests.ui.panel import Panel

AUTHORIZER = """\
from jupyter_server.auth import Authorizer


class OnlyLook(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "dask-steward" or action == "read"
"""

KEEP_CLUSTERS = True
"""This server cannot end them: the tests do it by the command."""

ACTIONS = ("Scale", "Insert code", "Try again", "Edit profile", "Sweep", "New", "Choose a profile", "Stop all clusters")


@pytest.fixture(scope="module")
def lab(make_lab: Callable[..., Lab], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A JupyterLab that only lets one look."""
    folder = tmp_path_factory.mktemp("authorizer")
    (folder / "only_look.py").write_text(AUTHORIZER)
    return make_lab(
        environment={"PYTHONPATH": str(folder)}, config={"ServerApp": {"authorizer_class": "only_look.OnlyLook"}}
    )


@pytest.fixture(autouse=True)
def end_clusters(lab: Lab) -> object:
    """Each test begins without a cluster."""
    yield
    lab.cli("stop", "--all", check=False)


def test_everything_is_seen_and_nothing_can_be_done(lab: Lab, page: Page, panel: Panel) -> None:
    set_width(page, WIDTH)
    lab.cli("start", "small", "--name", "seen", "--set", "idle_timeout=10 min")
    card = panel.card("seen").expect_state("running")
    card.expect_text("2 running")
    expect(panel.root).to_contain_text("Read-only.")
    picture(page, "read-only", panel.root)

    for name in ACTIONS:
        expect(panel.root.get_by_role("button", name=name)).to_have_count(0)
    expect(panel.root.get_by_role("button", name="Stop seen")).to_have_count(0)
    # Nor by the palette.
    for command in ("new-cluster", "scale-cluster", "stop-cluster", "stop-all", "sweep", "rename-cluster"):
        assert not page.evaluate(
            "([id, args]) => window.jupyterapp.commands.isEnabled(id, args)",
            [f"dask-steward:{command}", {"id": card.id}],
        ), command

    # The server itself refuses what a page might ask.
    answers = page.evaluate(
        """async id => {
            const token = document.cookie.match(/_xsrf=([^;]+)/)?.[1] ?? '';
            const ask = async (method, path) => (await fetch(`/dask-steward/api/${path}`, {
                method, headers: {'X-XSRFToken': token, 'Content-Type': 'application/json'}, body: '{}'
            })).status;
            return [
                await ask('POST', 'clusters'), await ask('POST', `clusters/${id}/scale`),
                await ask('DELETE', `clusters/${id}`), await ask('PATCH', `clusters/${id}`), await ask('POST', 'sweep')
            ];
        }""",
        card.id,
    )
    assert answers == [403] * 5
    assert [one["state"] for one in lab.cli("list")] == ["running"]
