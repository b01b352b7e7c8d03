"""Jobs that cannot reach the scheduler, or speak another Dask: known at the first one, in a sentence with a way out."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dask_steward as ds
from tests.contract.site import Site, until
from tests.faults.stage import system

pytestmark = [pytest.mark.parametrize("site", ["slurm"], indirect=True, scope="module"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def nowhere() -> Iterator[str]:
    """An address of a network that this host is in, and that no host has: as on the far side of a login node."""
    number = random.SystemRandom().randrange(1, 255)
    network, far, near = f"10.214.{number}", f"dsk-far{number}", f"dsk-near{number}"
    system("ip", "netns", "add", far)
    try:
        system("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", far)
        system("ip", "address", "add", f"{network}.1/24", "dev", near)
        system("ip", "link", "set", near, "up")
        system("ip", "-n", far, "link", "set", far, "up")
        yield f"{network}.7"
    finally:
        system("ip", "netns", "del", far)  # the pair goes with it


@pytest.fixture(autouse=True)
def nothing_left(site: Site) -> Iterator[None]:
    yield
    assert ds.clusters() == []
    site.assert_nothing_left()


def failure(site: Site, **options: object) -> ds.StartFailed:
    with pytest.raises(ds.StartFailed) as caught:
        site.start(**options)
    return caught.value


@pytest.mark.requires("netns")
def test_a_scheduler_out_of_the_jobs_reach(site: Site, nowhere: str) -> None:
    """Given an address that no node reaches, when the first job starts, then it says so; nobody waits for a worker."""
    error = failure(site, set={"options.scheduler_options.contact_address": f"{nowhere}:9"}, jobs=1)

    first = error.message.splitlines()[0]
    assert re.match(
        rf"Job \d+ on n\d cannot reach the scheduler at tls://{nowhere}:9 \(.+\): set options\.interface", first
    )
    for word in ("scheduler_options.host", "contact_address", "firewall", "line.ports", "place: job"):
        assert word in first
    assert "Traceback" not in error.message


def test_a_scheduler_port_behind_a_firewall(site: Site) -> None:
    """The line gets through and the scheduler's port does not: the same sentence, with the system's own words."""
    error = failure(site, set={"options.scheduler_options.contact_address": "127.0.0.3:9"}, jobs=2)

    said = r"Job [\d_]+ on n\d cannot reach the scheduler at tls://127\.0\.0\.3:9 \(Connection refused\)"
    assert re.match(said, error.message)


@pytest.mark.requires("netns")
def test_a_host_that_nobody_reaches(site: Site, nowhere: str) -> None:
    """Neither line nor scheduler: the job itself cannot tell the keeper, its log and its exit status do."""
    where = {"line.host": nowhere, "options.scheduler_options.contact_address": f"{nowhere}:9"}

    error = failure(site, set=where, jobs=1)

    assert f"cannot reach the scheduler at tls://{nowhere}:9" in error.message
    assert "either nobody wants this job any more, or" in error.message  # the end of its log


def other_dask(folder: Path, version: str) -> Path:
    """Return a folder that, on PYTHONPATH, makes Dask look like another version."""
    for package in ("dask", "distributed"):
        info = folder / f"{package}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    return folder


def test_a_worker_of_another_version_is_named_while_it_works(site: Site, tmp_path: Path) -> None:
    folder = other_dask(tmp_path / "other", "2020.1.0")

    with site.start(set={"environment": {"PYTHONPATH": str(folder)}}, jobs=1) as cluster:
        warnings = until(lambda: [one for one in cluster.state["warnings"] if "Other versions" in one])

    assert len(warnings) == 1
    assert "with distributed 2020.1.0, dask 2020.1.0" in warnings[0]
    assert "options.python" in warnings[0]


def test_a_worker_that_the_scheduler_does_not_understand(site: Site, tmp_path: Path) -> None:
    """Given workers whose registration the scheduler cannot read, then the cluster fails and says it is the version."""
    folder = other_dask(tmp_path / "other", "2020.1.0")
    # What an old release did: it registered with words that today's scheduler does not know.
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Old:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name != 'distributed.cli.dask_worker': return None\n"
        "        import distributed.comm.core as core\n"
        "        before = core.Comm.handshake_info\n"
        "        def without(self):\n"
        "            told = before(self)\n"
        "            del told['pickle-protocol']\n"
        "            return told\n"
        "        core.Comm.handshake_info = without\n"
        "        return None\n"
        "sys.meta_path.insert(0, Old())\n"
    )
    options = {"environment": {"PYTHONPATH": str(folder)}, "options.death_timeout": "4 s"}

    error = failure(site, set=options, jobs=1)

    assert error.message.startswith("The workers' Dask is of another version than the scheduler's (dask 20")
    assert re.search(r"\(job \d+ on n\d\)", error.message)
