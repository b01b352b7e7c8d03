"""All arguments of dask-jobqueue's SLURMCluster and all keys of jobqueue.yaml: taken, or refused with a sentence."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import dask
import pytest

from dask_steward.clusters import jobqueue, shapes
from dask_steward.clusters.base import MAIN
from dask_steward.clusters.jobscript import LineEnds
from dask_steward.profiles.groups import merged
from dask_steward.profiles.models import from_json
from dask_steward.profiles.systems.slurm import SlurmOptions, SlurmProfile

LINE = LineEnds("127.0.0.1", 40000, "127.0.0.1", 8786, 120.0, "keeper", "job")
BASE: dict[str, Any] = {"cores": 4, "memory": "8 GB", "processes": 2, "queue": "normal"}
#: Arguments that are no part of a job script, each with what it does instead and where that is tested.
ELSEWHERE = {
    "scheduler_options": "arguments of the scheduler: SlurmSystem.scheduler_arguments",
    "shared_temp_directory": "the state folder, which all nodes see, holds the keys of a cluster",
    "config_name": "names a section of jobqueue.yaml: test_a_section_of_jobqueue_yaml_can_be_named",
    "log_directory": "where the logs of a cluster lie: tests/unit/ledger/test_logs.py",
}


@pytest.fixture(autouse=True)
def plain_configuration() -> Iterator[None]:
    """Dask's configuration without a file of this machine."""
    jobqueue.load_jobqueue()
    with dask.config.set({"jobqueue.slurm": dask.config.get("jobqueue.slurm")}):
        yield


def script_of(options: dict[str, Any], group: str = MAIN, **profile: Any) -> str:
    """Return the job script of a profile with these options, as a keeper renders it."""
    data = from_json({"system": "slurm", "name": "a", "options": options, **profile}).expanded({}).to_json()
    groups = shapes.groups_of(
        data, tag="dask-steward-abcdefghij", scheduler="tls://127.0.0.1:8786", python=None, tls={}, line=LINE, logs="/l"
    )
    return groups[group].script("j1", 1)


def parameters() -> set[str]:
    """Return the names of all arguments of SLURMCluster, those that it hands on to its jobs included."""
    from dask_jobqueue import SLURMCluster
    from dask_jobqueue.core import Job, JobQueueCluster
    from dask_jobqueue.slurm import SLURMJob

    found: set[str] = set()
    for kind in (SLURMCluster, JobQueueCluster, SLURMJob, Job):
        found |= {
            name
            for name, parameter in inspect.signature(kind.__init__).parameters.items()
            if name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        }
    return found


def test_each_argument_is_a_field_or_refused_with_a_sentence() -> None:
    fields, refused = set(SlurmOptions.model_fields), SlurmOptions.not_taken
    unknown = parameters() - fields - set(refused)
    assert unknown == set()
    for name in parameters() & set(refused):
        assert len(refused[name].split()) >= 3, (name, refused[name])
    assert not fields & set(refused)


def test_each_key_of_jobqueue_yaml_is_known() -> None:
    keys = set(dask.config.get("jobqueue.slurm"))
    names = {key.replace("-", "_") for key in keys}
    assert names <= set(SlurmOptions.model_fields) | set(SlurmOptions.not_taken)


#: For each field a value, and what the job script must then hold.
EFFECTS: dict[str, tuple[Any, str]] = {
    "cores": (6, r"^#SBATCH --cpus-per-task=6$"),
    "memory": ("1500 MB", r"^#SBATCH --mem=1431M$"),
    "processes": (4, r" --nworkers 4 "),
    "interface": ("lo", r" --interface lo\b"),
    "nanny": (False, r" --no-nanny\b"),
    "protocol": ("tls://", r" --protocol tls://"),
    "local_directory": ("$SLURM_TMPDIR/x", r'^steward_parent="\$SLURM_TMPDIR/x"$'),
    "death_timeout": ("90 s", r" --death-timeout 90(\.0)?\b"),
    "worker_command": ("my.worker", r" -m my\.worker "),
    "worker_extra_args": (["--lifetime", "55m"], r'"--lifetime" "55m"'),
    "job_extra_directives": (["--exclusive"], r"^#SBATCH --exclusive$"),
    "job_directives_skip": (["--mem"], r"\A(?!(?s:.*)^#SBATCH --mem)"),
    "job_script_prologue": (["module load python"], r"^module load python$"),
    "shebang": ("#!/bin/bash -l", r"\A#!/bin/bash -l$"),
    "python": ("/opt/dask/bin/python", r'"?/opt/dask/bin/python"? -m distributed'),
    "queue": ("large", r"^#SBATCH -p large$"),
    "account": ("climate", r"^#SBATCH -A climate$"),
    "walltime": ("90 min", r"^#SBATCH -t 01:30:00$"),
    "job_cpu": (12, r"^#SBATCH --cpus-per-task=12$"),
    "job_mem": ("16G", r"^#SBATCH --mem=16G$"),
}


def test_each_field_is_tried() -> None:
    assert set(EFFECTS) | set(ELSEWHERE) == set(SlurmOptions.model_fields)


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_an_argument_has_its_effect(name: str) -> None:
    value, expected = EFFECTS[name]
    changed = {**BASE, name: value}
    if name == "nanny":
        changed["processes"] = 1
    assert re.search(expected, script_of(changed), re.MULTILINE), script_of(changed)
    if name not in ("local_directory", "processes"):
        assert not re.search(expected, script_of(BASE), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(EFFECTS) - {"nanny", "protocol"}))
def test_jobqueue_yaml_gives_what_the_profile_does_not(name: str) -> None:
    value, expected = EFFECTS[name]
    # dask-jobqueue's file takes seconds, and a walltime as Slurm writes it.
    value = {"death_timeout": 90, "walltime": "01:30:00"}.get(name, value)
    options = {key: kept for key, kept in BASE.items() if key != name}
    with dask.config.set({f"jobqueue.slurm.{name.replace('_', '-')}": value}):
        assert re.search(expected, script_of(options), re.MULTILINE), script_of(options)


@pytest.mark.parametrize(
    ("old", "value", "expected"),
    [
        ("env-extra", ["module load old"], r"^module load old$"),
        ("job-extra", ["--nice=5"], r"^#SBATCH --nice=5$"),
        ("extra", ["--lifetime", "5m"], r'"--lifetime" "5m"'),
    ],
)
def test_a_file_with_names_of_old_is_read(old: str, value: list[str], expected: str) -> None:
    with dask.config.set({f"jobqueue.slurm.{old}": value}):
        assert re.search(expected, script_of(BASE), re.MULTILINE), script_of(BASE)


def test_a_section_of_jobqueue_yaml_can_be_named() -> None:
    with dask.config.set({"jobqueue.slurm-gpu": {**dask.config.get("jobqueue.slurm"), "queue": "gpus", "cores": 3}}):
        script = script_of({"config_name": "slurm-gpu", "memory": "1 GB"})
    assert "#SBATCH -p gpus" in script
    assert "#SBATCH --cpus-per-task=3" in script


@pytest.mark.parametrize("memory", ["1500 MB", "1 GB", "8 GB", "120 GiB", "777 MB"])
def test_memory_is_asked_for_as_written_where_dask_jobqueue_rounds(memory: str) -> None:
    from dask.utils import parse_bytes
    from dask_jobqueue.slurm import slurm_format_bytes_ceil

    asked = int(re.search(r"--mem=(\d+)M", script_of({**BASE, "memory": memory}))[1])  # type: ignore[index]
    wanted = parse_bytes(memory)
    assert 0 <= asked * 2**20 - wanted < 2**20
    rounded = slurm_format_bytes_ceil(wanted)
    scale = {"K": 2**10, "M": 2**20, "G": 2**30}[rounded[-1]]
    assert asked * 2**20 <= int(rounded[:-1]) * scale


def test_a_group_has_its_own_values_and_its_resources() -> None:
    groups = {"big": {"resources": {"bigmem": 1, "slots": 2.5}, "options": {"memory": "64 GB", "queue": "large"}}}
    script = script_of(BASE, "big", groups=groups)
    assert "#SBATCH -p large" in script
    assert re.search(r"^#SBATCH --mem=61036M$", script, re.MULTILINE)
    assert re.search(r"--resources\"? \"?bigmem=1 slots=2\.5", script)
    assert "--resources" not in script_of(BASE, groups=groups)


def test_the_options_of_a_group_are_the_same_in_profile_and_keeper() -> None:
    groups = {"big": {"options": {"memory": "64 GB", "job_extra_directives": ["--exclusive"]}}}
    profile = SlurmProfile.model_validate({"options": BASE, "groups": groups})
    expected = merged(profile.options, profile.groups["big"]).model_dump(mode="json")
    assert shapes.options_of(profile.to_json(), "big") == expected
