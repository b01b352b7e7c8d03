"""A real YARN behind the panel: why an application waits, its containers, its page, what defends it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.private_yarn import PrivateYarn
from tests.support.yarn import VARIABLES
from tests.ui.axe import three_themes
from tests.ui.lab import Lab, until
from tests.ui.look import WIDTH, picture, set_width
from tests.ui.panel import START, Panel

PROFILE = f"""\
title: YARN · default
system: yarn
scale: {{workers: 2}}
python: {sys.executable}
options: {{environment: "python://{sys.executable}", worker_vcores: 1, worker_memory: 600 MiB}}
"""
"""The keeper runs where skein is, since the wheel's own environment in this test has none."""

pytestmark = [pytest.mark.requires("yarn"), pytest.mark.timeout(300, func_only=True)]


@pytest.fixture(scope="module")
def lab(make_lab: Callable[..., Lab], yarn_of_the_run: PrivateYarn) -> Lab:
    """A JupyterLab on an edge node of a Hadoop site."""
    found = yarn_of_the_run.env
    return make_lab(environment={name: found[name] for name in VARIABLES}, profiles={"default": PROFILE})


@pytest.fixture
def site(yarn: PrivateYarn, lab: Lab) -> Iterator[PrivateYarn]:
    """The site, empty."""
    yield yarn
    lab.stop_clusters()


def test_a_full_queue_then_containers_with_host_and_page(lab: Lab, site: PrivateYarn, page: Page, panel: Panel) -> None:
    set_width(page, WIDTH)
    # Given a queue whose masters fill all that they may.
    _, answer = site.ask("/metrics")
    whole = int(answer["clusterMetrics"]["totalMB"])
    other = site.submit("exec sleep 600", name="others", memory=whole - 256)
    site.foreign.add(other)

    panel.new("YARN · default")

    # Then the card says why there is nothing, in the ResourceManager's words.
    card = panel.card("default").expect_state("pending")
    card.open()
    expect(card.root.locator(".dsk-Why-reason")).to_contain_text(re.compile("wait|queue|room", re.I), timeout=START)
    link = card.root.get_by_role("link", name=re.compile("^application_"))
    expect(link).to_have_attribute(
        "href", re.compile(rf"^{re.escape(site.web)}/cluster/app/application_"), timeout=START
    )

    # And so does the tab of its containers.
    panel.run("dask-steward:open-details", id=card.id, tab="jobs")
    details = page.locator(".dsk-Details")
    expect(details.get_by_role("tab", name=re.compile("^Containers"))).to_have_attribute("aria-selected", "true")
    row = details.get_by_role("row").filter(has_text="application")
    expect(row).to_contain_text("queued", timeout=START)
    expect(details.get_by_role("link", name=re.compile("^application_"))).to_be_visible()
    picture(page, "yarn-application")

    # When there is room, the page says so by itself: containers with their hosts.
    site.kill_application(other)
    card.expect_state("running")
    card.expect_text("2 running")
    rows = details.get_by_role("row").filter(has_text="container_…")
    expect(rows).to_have_count(2, timeout=START)
    expect(rows.first).to_contain_text("connected", timeout=START)
    expect(rows.first).to_contain_text(re.compile(r"localhost|127\.0\.0\.1"))
    assert not re.search(r"\bjobs?\b", details.inner_text(), re.I)
    three_themes(page, ".dsk-Details")

    # And what would give it back without its keeper.
    details.get_by_role("tab", name=re.compile("^Spend")).click()
    facts = details.locator(".dsk-Facts")
    for words in ("Guard", "Line", "Lifetime", "Each container"):
        expect(facts).to_contain_text(words)

    # Its pages: a real one of the ResourceManager.
    address = link.get_attribute("href") or ""
    found = page.request.get(address)
    assert found.ok
    assert "application_" in found.text()

    card.stop()
    until(
        lambda: all(not one.is_ours or one.state in ("FINISHED", "KILLED") for one in site.applications()), timeout=60
    )
    expect(panel.root.locator(".dsk-Card.dsk-mod-running")).to_have_count(0, timeout=START)


def test_profiles_of_its_queues_are_offered(lab: Lab, site: PrivateYarn, page: Page, panel: Panel) -> None:
    panel.run("dask-steward:discover-profiles", system="yarn")
    pane = page.locator(".dsk-Editor:visible")
    expect(pane).to_contain_text("yarn-default", timeout=START)
    expect(pane).to_contain_text("new")
