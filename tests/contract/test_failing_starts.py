"""A start that fails leaves nothing, and says why in one sentence with the cause's own words."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from tests.contract.site import Site, bare_python


@pytest.fixture(autouse=True)
def nothing_left(site: Site) -> Iterator[None]:
    """Whatever a failed start had taken was given back by the time that it raised."""
    yield
    assert ds.clusters() == []
    site.assert_nothing_left(timeout=5)


def failure(site: Site, **options: Any) -> ds.StartFailed:
    """Start, and return the error that it ends with."""
    with pytest.raises(ds.StartFailed) as caught:
        site.start(**options)
    assert "Traceback" not in str(caught.value)
    return caught.value


def test_scheduler_port_taken(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        field = "options.scheduler_port" if site.system == "local" else "options.scheduler_options.port"

        error = failure(site, set={field: port})

    assert str(port) in error.message
    assert "in use" in error.message
    assert "\n" not in error.message


@pytest.mark.also_on("ssh")
def test_interface_unknown(site: Site) -> None:
    wrong: dict[str, Any] = {"options.interface": "nosuch0"}
    if site.system == "ssh":
        wrong = {"options.scheduler_options.interface": "nosuch0", "options.scheduler_options.host": None}

    error = failure(site, set=wrong)

    assert "nosuch0" in error.message
    assert "lo" in error.message  # those that there are


@pytest.mark.only_on("slurm")
def test_wrong_partition_in_the_words_of_sbatch(site: Site) -> None:

    error = failure(site, set={"options.queue": "debgu"})

    assert "sbatch" in error.message
    assert "invalid partition specified: debgu" in error.message


@pytest.mark.only_on("slurm")
def test_closed_partition_shows_its_reason_and_gives_the_place_back(site: Site) -> None:

    with pytest.raises(ds.StartFailed) as caught:
        site.start(set={"options.queue": "closed"}, wait=8)

    assert "closed" in str(caught.value).lower() or "PartitionDown" in str(caught.value)


@pytest.mark.also_on("ssh")
def test_import_error_of_the_workers_with_their_last_words(site: Site) -> None:
    error = failure(site, set=site.preload("no_such_module_x"))

    assert "No module named 'no_such_module_x'" in error.message


def test_an_interpreter_without_dask(site: Site, tmp_path: Path) -> None:
    python = bare_python(tmp_path / "bare")

    error = failure(site, set={"python": str(python)})

    assert str(python) in error.message
    assert "cannot import" in error.message


@pytest.mark.only_on("slurm")
def test_workers_of_an_interpreter_without_dask(site: Site, tmp_path: Path) -> None:
    python = bare_python(tmp_path / "bare")

    error = failure(site, set={"options.python": str(python)})

    assert error.message.startswith(f"options.python: {python} has no distributed")


def test_no_interpreter(site: Site) -> None:
    error = failure(site, set={"python": "/no/such/python"})

    assert "/no/such/python" in error.message
    assert error.field == "python"


@pytest.mark.only_on("local")
def test_unknown_profile(site: Site) -> None:
    before = len(site.entries())

    with pytest.raises(ds.ProfileNotFound, match="locall") as caught:
        ds.start("locall")

    assert "local" in str(caught.value)
    assert caught.value.exit_code == 2
    assert len(site.entries()) == before


@pytest.mark.only_on("local")
def test_unknown_option_is_told_before_anything_starts(site: Site) -> None:
    before = len(site.entries())

    with pytest.raises(ds.ProfileError, match="colour"):
        site.start(set={"options.colour": "red"})

    assert len(site.entries()) == before


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"workers": -1}, "0 or more"),
        ({"workers": 1, "jobs": 2}, "one unit"),
        ({"adapt": (3, 1)}, "above"),
        ({"adapt": 3}, "minimum, maximum"),
        ({"tenure": "weekend"}, "weekend"),
    ],
    ids=str,
)
@pytest.mark.only_on("local")
def test_wrong_arguments(site: Site, options: dict[str, Any], word: str) -> None:
    before = len(site.entries())

    with pytest.raises(ds.UsageError, match=word) as caught:
        site.start(**options)

    assert caught.value.exit_code == 2
    assert len(site.entries()) == before


def never_ready(site: Site, tmp_path: Path) -> dict[str, Any]:
    """Return what keeps workers from coming: a job that may not begin, a worker that imports for ever."""
    if site.on_queue:
        return {"options.job_extra_directives": ["--begin=now+1hour"]}
    slow = tmp_path / "slow_preload.py"
    slow.write_text("import time\ntime.sleep(600)\n")
    return site.preload(str(slow))


def test_time_limit_of_the_caller(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ds.StartTimeout, match=r"not ready within 4 s") as caught:
        site.start(set=never_ready(site, tmp_path), wait=4)

    assert caught.value.exit_code == 4
    if site.on_queue:
        assert "BeginTime" in str(caught.value)


def test_time_limit_of_the_profile(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ds.StartTimeout, match=r"not ready within 3 s"):
        site.start(set={**never_ready(site, tmp_path), "start_timeout": "3 s"})


@pytest.mark.asyncio
async def test_time_limit_of_an_awaited_start(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ds.StartTimeout):
        await site.start(set=never_ready(site, tmp_path), wait=3, asynchronous=True)


def test_a_bad_preload_is_the_keepers_death_for_nobody(site: Site, tmp_path: Path) -> None:
    """A worker that dies at once, again and again, ends as one sentence as well."""
    deadly = tmp_path / "deadly.py"
    deadly.write_text("import os\nos._exit(7)\n")
    error = failure(site, set=site.preload(str(deadly)), workers=1, wait=30)

    assert error.message


@pytest.mark.only_on("local")
def test_a_state_folder_that_is_a_file(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "file"
    folder.write_text("not a folder")
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(folder))

    with pytest.raises(ds.StateFolderError, match="cannot be"):
        site.start()

    monkeypatch.undo()


@pytest.mark.only_on("local")
def test_a_runtime_folder_that_is_open_to_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # Short, since a path that is too long for a socket is passed over.
    with tempfile.TemporaryDirectory(prefix="dsk-o", dir="/tmp") as base, monkeypatch.context() as patch:
        os.mkdir(os.path.join(base, "dask-steward"), 0o755)
        patch.setenv("XDG_RUNTIME_DIR", base)
        with pytest.raises((ds.StartFailed, ds.StateFolderError), match="open to others") as caught:
            site.start()

    assert "Traceback" not in str(caught.value)


def test_the_shell_says_the_same_with_exit_code_4(site: Site, tmp_path: Path) -> None:
    settings = [part for key, value in never_ready(site, tmp_path).items() for part in ("--set", f"{key}={value}")]

    done = subprocess.run(
        [sys.executable, "-m", "dask_steward.cli", "start", site.system, "--wait", "4", *settings],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 4, done.stderr
    assert "not ready within 4 s" in done.stderr
    assert "Traceback" not in done.stderr
