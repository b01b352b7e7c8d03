"""The options of a system are the arguments of the Dask class that it uses."""

from __future__ import annotations

import inspect
from typing import Any

import dask.multiprocessing
import dask.threaded
import pytest
from distributed import LocalCluster, Nanny, Scheduler, Worker

from dask_steward.errors import ProfileError
from dask_steward.profiles import Profile, registry
from dask_steward.profiles.fields import Model
from dask_steward.profiles.queue import SchedulerOptions


def options_of(system: str) -> type[Model]:
    kind, problem = registry.find(system)
    assert problem is None
    return kind.model_fields["options"].annotation


def arguments(*functions: Any) -> set[str]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    found = [p for function in functions for p in inspect.signature(function).parameters.values()]
    return {parameter.name for parameter in found if parameter.kind not in kinds} - {"self"}


def test_slurm_takes_the_arguments_of_dask_jobqueue(monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    monkeypatch.setattr(signal, "signal", lambda *_: None)  # 0.9.0 replaces the handler of SIGINT when it is imported
    from dask_jobqueue.core import Job, JobQueueCluster
    from dask_jobqueue.slurm import SLURMCluster, SLURMJob

    theirs = arguments(SLURMCluster.__init__, JobQueueCluster.__init__, SLURMJob.__init__, Job.__init__)
    options = options_of("slurm")
    taken, explained = set(options.model_fields), set(options.not_taken)
    assert taken <= theirs
    assert theirs - taken <= explained, "each argument that profiles do not take has a sentence that says why"
    assert not taken & explained


def test_scheduler_options_are_arguments_of_the_scheduler() -> None:
    theirs = arguments(Scheduler.__init__)
    taken, explained = set(SchedulerOptions.model_fields), set(SchedulerOptions.not_taken)
    assert taken <= theirs
    assert theirs - taken <= explained
    assert not taken & explained


def test_local_options_are_arguments_of_local_cluster_and_its_workers() -> None:
    cluster = arguments(LocalCluster.__init__)
    options = options_of("local")
    taken, explained = set(options.model_fields), set(options.not_taken)
    assert taken <= cluster | arguments(Worker.__init__, Nanny.__init__)
    assert cluster - taken <= explained
    assert not taken & explained


def test_one_machine_options_are_arguments_of_the_schedulers() -> None:
    assert set(options_of("threads").model_fields) <= arguments(dask.threaded.get)
    assert set(options_of("processes").model_fields) <= arguments(dask.multiprocessing.get)
    assert not options_of("synchronous").model_fields


@pytest.mark.parametrize("system", registry.names())
def test_fields_that_may_be_none_are_none_by_default(system: str) -> None:
    """Null in a file means "not given": that only works where not giving a value means None."""
    kind, _ = registry.find(system)

    def check(model: type[Model]) -> None:
        for name, info in model.model_fields.items():
            if type(None) in getattr(info.annotation, "__args__", ()):
                assert info.get_default(call_default_factory=True) is None, name

    check(kind)
    check(options_of(system))


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("project", "x", "dask-jobqueue renamed it: use account"),
        ("partition", "x", "use queue"),
        ("job_name", "x", "Steward names the jobs"),
        ("processes", 9, "is more than options.cores, 8"),
        ("walltime", "a\nb", "must be a walltime"),
        ("walltime", 0, "must be more than nothing"),
        ("queue", "a\nb", "must not hold a line end"),
        ("queue", "a\x00", "must not hold the character U+0000"),
        ("job_extra_directives", "--gres=gpu\n#SBATCH -A other", "must not hold a line end"),
        ("job_extra_directives", "#SBATCH --hold", "is written without #SBATCH, which is added; did you mean --hold?"),
        ("job_extra_directives", "-J mine", "-J cannot be set: Steward names the jobs"),
        ("job_extra_directives", "--array=1-5", "Steward decides how many jobs there are"),
        ("job_extra_directives", "-t 5", "-t contradicts options.walltime"),
        ("job_extra_directives", "--partition=x", "--partition contradicts options.queue"),
        ("job_directives_skip", "", "must not be empty"),
        ("shebang", "/bin/sh", "must begin with #!"),
        ("protocol", "tcp://", "does not go with security: tls"),
        ("protocol", "http://", "is not one of the words that are known; allowed: tls://, tcp://"),
        ("job_mem", "4 parsecs", "must be memory such as 4G"),
        ("job_cpu", -1, "must be a whole number"),
        ("scheduler_options.dashboard_address", ":0", "use dashboard: off, socket, tcp or tcp:PORT"),
        ("death_timeout", "soon", "must be a duration"),
        ("nanny", "perhaps", "must be true or false"),
    ],
)
def test_what_slurm_does_not_take(site, field: str, value: object, sentence: str) -> None:
    site.write("a", "system: slurm\noptions: {cores: 8, queue: normal, walltime: '01:00:00'}")
    with pytest.raises(ProfileError) as caught:
        site.store.resolve("a", {f"options.{field}": value})
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("walltime", "2 h", "02:00:00"),
        ("walltime", 90, "01:30:00"),
        ("walltime", "1-12", "1-12:00:00"),
        ("walltime", "unlimited", "UNLIMITED"),
        ("job_mem", "4g", "4G"),
        ("job_mem", 512, "512"),
        ("job_mem", "4 GiB", "4096M"),
        ("memory", "120 GB", 120_000_000_000),
        ("job_extra_directives", "--exclusive", ("--exclusive",)),
        ("job_script_prologue", "module load a\nexport B=c\n", ("module load a\nexport B=c",)),
        ("nanny", "no", False),
        ("death_timeout", "2 min", 120),
    ],
)
def test_what_slurm_takes(site, field: str, value: object, read: object) -> None:
    site.write("a", "system: slurm")
    assert getattr(site.store.resolve("a", {f"options.{field}": value}).options, field) == read


@pytest.mark.parametrize("ports", ["40000-40100", "40000 - 40100", 40000, "40000"])
def test_ports_of_the_line(site, ports: object) -> None:
    site.write("a", "system: slurm")
    assert site.store.resolve("a", {"line.ports": ports}).line.ports in ("40000-40100", "40000-40000")


@pytest.mark.parametrize("ports", ["40100-40000", "0-5", "1-99999", "a-b", "1-2-3", "", True])
def test_what_are_no_ports(site, ports: object) -> None:
    site.write("a", "system: slurm")
    with pytest.raises(ProfileError, match="must be a range of ports"):
        site.store.resolve("a", {"line.ports": ports})


class _EntryPoint:
    name = "elsewhere"

    def __init__(self, found: object) -> None:
        self.found = found

    def load(self) -> object:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def other_package(monkeypatch: pytest.MonkeyPatch):
    def install(found: object) -> None:
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [_EntryPoint(found)])
        registry._foreign.cache_clear()
        registry._load.cache_clear()

    yield install
    monkeypatch.undo()
    registry._foreign.cache_clear()
    registry._load.cache_clear()


class ElsewhereProfile(Profile):
    """A system of another package."""

    builtin = {"title": "Elsewhere"}  # noqa: RUF012  # as a package would write it


def test_another_package_adds_a_system(site, other_package) -> None:
    other_package(ElsewhereProfile)
    assert "elsewhere" in registry.names()
    assert site.store.resolve("elsewhere").title == "Elsewhere"


@pytest.mark.parametrize("found", [ImportError("no module named elsewhere"), dict, ValueError("broken")])
def test_a_package_that_is_broken_stops_its_own_profiles_only(site, other_package, found: object) -> None:
    other_package(found)
    site.write("a", "system: elsewhere")
    assert "cannot be loaded from its package" in site.problems("a")[0]
    assert site.store.resolve("local").system == "local"
