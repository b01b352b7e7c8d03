"""A real Slurm behind the panel: why a job waits, when it will start, and what sbatch says when it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.private_slurm import PrivateSlurm
from tests.ui.axe import three_themes
from tests.ui.lab import Lab, until
from tests.ui.look import WIDTH, picture, set_width
from tests.ui.panel import START, Editor, Panel

PROFILES = {
    "debug": """\
title: Slurm · debug
system: slurm
scale: {jobs: 2}
options: {queue: debug, cores: 2, processes: 1, memory: 600 MB, interface: lo, walltime: "00:10:00"}
""",
    "gpu": """\
title: Slurm · gpu
system: slurm
scale: {jobs: 1}
options: {queue: gpus, cores: 2, processes: 1, memory: 600 MB, interface: lo, walltime: "00:10:00"}
""",
}

pytestmark = [pytest.mark.requires("slurm"), pytest.mark.timeout(240, func_only=True)]


@pytest.fixture(scope="module")
def lab(make_lab: Callable[..., Lab], slurm_of_the_run: PrivateSlurm) -> Lab:
    """A JupyterLab on a login node of a Slurm site."""
    return make_lab(environment={"SLURM_CONF": str(slurm_of_the_run.conf)}, profiles=dict(PROFILES))


@pytest.fixture
def queue(slurm: PrivateSlurm, lab: Lab) -> Iterator[PrivateSlurm]:
    """The site's queue, empty."""
    yield slurm
    lab.stop_clusters()


def test_queued_job_says_why_and_until_when(lab: Lab, queue: PrivateSlurm, page: Page, panel: Panel) -> None:
    set_width(page, WIDTH)
    # Given a site that is full for ten minutes
    others = queue.submit_foreign(3, cpus=4)
    until(lambda: all(job.state == "RUNNING" for job in queue.queue()))

    panel.new("Slurm · debug")

    # Then the card says why there is nothing, in a person's words, and when there will be something.
    card = panel.card("debug").expect_state("pending")
    card.expect_text("2 queued")
    expect(card.root.locator(".dsk-Why-source")).to_contain_text("Slurm", timeout=START)
    expect(card.root.locator(".dsk-Why-source")).to_contain_text(re.compile(r"start about \d\d:\d\d"), timeout=START)
    picture(page, "queued", panel.root)

    # And so does each job, in the tab with the details.
    panel.run("dask-steward:open-details", id=card.id, tab="jobs")
    rows = page.locator(".dsk-Details").get_by_role("row").filter(has_text="queued")
    expect(rows).to_have_count(2, timeout=START)
    ids = {job.id for job in queue.queue() if job.id not in others}
    assert ids
    for id in ids:
        expect(page.locator(".dsk-Details")).to_contain_text(id)
    expect(rows.first).to_contain_text(re.compile(r"\d\d:\d\d"))
    expect(rows.first).to_contain_text(re.compile("Resources|Priority"))
    picture(page, "jobs")

    # When there is room, the page says so by itself.
    queue.run("scancel", *others)
    card.expect_state("running")
    card.expect_text("2 running")
    expect(page.locator(".dsk-Details").get_by_role("row").filter(has_text="queued")).to_have_count(0, timeout=START)
    card.stop()
    until(lambda: not [job for job in queue.queue() if job.id not in others and job.state != "COMPLETING"])


def test_refused_by_sbatch(lab: Lab, queue: PrivateSlurm, page: Page, panel: Panel) -> None:
    set_width(page, WIDTH)
    panel.new("Slurm · gpu")

    # A card says what sbatch said, not a dialog; and what to do next.
    card = panel.card("gpu").expect_state("failed")
    card.expect_text("invalid partition specified: gpus")
    first = card.id
    for name in ("Edit profile", "Try again", "Log"):
        expect(card.button(name)).to_be_visible()
    picture(page, "failed", panel.root)

    # Try again: another start of the same, which fails likewise.
    card.button("Try again").click()
    until(lambda: len([one for one in lab.api("clusters?all=1")["clusters"] if one["state"] == "failed"]) >= 1)
    failed = panel.cards.filter(has_text="invalid partition specified: gpus")
    expect(failed.locator(f'xpath=self::*[@data-cluster!="{first}"]').first).to_be_visible(timeout=START)

    # Its log is where the reason is.
    failed.first.get_by_role("button", name="Log", exact=True).click()
    expect(page.locator(".dsk-Log, .dsk-LogViewer").last).to_contain_text("gpus", timeout=START)

    # Edit: the profile's form; with the partition put right the same cluster starts.
    failed.first.get_by_role("button", name="Edit profile").click()
    editor = Editor(page)
    editor.field("options.queue").fill("debug")
    editor.save()
    until(lambda: "queue: debug" in (lab.profiles / "gpu.yaml").read_text())
    failed.first.get_by_role("button", name="Try again").click()
    expect(panel.root.locator(".dsk-Card.dsk-mod-running")).to_have_count(1, timeout=START)


def test_new_profile_by_the_form_with_three_wrong_fields(
    lab: Lab, queue: PrivateSlurm, page: Page, panel: Panel
) -> None:
    panel.run("dask-steward:new-profile", system="slurm")
    editor = Editor(page)
    editor.root.get_by_label("Name", exact=True).fill("mine")
    editor.more()
    right = {
        "options.queue": "debug",
        "options.cores": "2",
        "options.memory": "600 MB",
        "options.walltime": "00:10:00",
        "options.interface": "lo",
        "options.processes": "1",
    }
    wrong = {"options.memory": "12O GB", "options.cores": "-1", "options.walltime": "ten minutes"}
    for path, text in {**right, **wrong}.items():
        editor.field(path).fill(text)

    # All three are said at once, each at its field and in one list.
    editor.save()
    for path in wrong:
        expect(editor.error_at(path)).to_be_visible(timeout=START)
        expect(editor.field(path)).to_have_attribute("aria-invalid", "true")
    expect(editor.root.locator(".dsk-Problems")).to_contain_text("3 things are wrong")
    assert not (lab.profiles / "mine.yaml").exists()
    picture(page, "form-wrong")

    # The list leads to the field.
    editor.root.locator(".dsk-Problems").get_by_role("button").filter(has_text="memory").first.click()
    expect(editor.field("options.memory")).to_be_focused()

    for path in wrong:
        editor.field(path).fill(right[path])
        expect(editor.error_at(path)).to_have_count(0, timeout=START)
    # Beside it: the job script, and when it would start.
    preview = editor.root.locator(".dsk-Preview")
    expect(preview).to_contain_text("#SBATCH", timeout=START)
    expect(preview).to_contain_text("-p debug")
    expect(preview).to_contain_text("Expected start")
    editor.save()
    until(lambda: (lab.profiles / "mine.yaml").exists())
    picture(page, "form")
    text = (lab.profiles / "mine.yaml").read_text()
    assert "600 MB" in text

    # It is in the list at once, and starts.
    panel.new("mine")
    panel.cards.filter(has_text="mine").first.wait_for()
    expect(panel.root.locator(".dsk-Card.dsk-mod-running")).to_have_count(1, timeout=START)


def test_profiles_are_discovered(lab: Lab, queue: PrivateSlurm, page: Page, panel: Panel) -> None:
    panel.run("dask-steward:discover-profiles", system="slurm")
    found = page.locator(".dsk-Discover > li")
    expect(found.filter(has_text="normal")).to_have_count(1, timeout=START)
    picture(page, "discover")
    found.locator("summary").first.click()
    three_themes(page, ".dsk-Editor:has(.dsk-Discover)")
    before = {path.name for path in lab.profiles.glob("*.yaml")}
    page.get_by_role("button", name="Write the profiles").click()
    until(lambda: {path.name for path in lab.profiles.glob("*.yaml")} - before)
    expect(page.locator(".dsk-Preview-news")).to_contain_text(re.compile("written"), timeout=START)
    three_themes(page, ".dsk-Editor:has(.dsk-Discover)")
