"""What every test stands on: a state of its own, and a machine that is asked what it has.

A test that needs something of the machine says so::

    @pytest.mark.requires("slurm", "root")
    def test_...

or, where that shows only later, calls ``require("slurm")`` (a fixture). What is missing is a failure when ``CI`` is
true, and elsewhere a skip whose reason stands in pytest's summary.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import leaks, yarn_conf

pytest_plugins = ["tests.support.slurm", "tests.support.sshd", "tests.support.yarn", "tests.support.commands"]

SYSTEM_FOLDERS = "/usr/sbin:/sbin"
"""Where Debian puts slurmctld, slurmd and munged; an ordinary user's PATH lacks them."""

SESSION_VARIABLE = "DASK_STEWARD_TEST_SESSION"
"""In the environment of everything that the tests start, so that what outlives them is found by it."""

GRACE = 5.0
"""Seconds that processes have to leave after the last test: guards look at the queue a little longer than keepers."""


# --- what the machine has ---------------------------------------------------------------------------------------------


def _missing_commands(*commands: str) -> str | None:
    path = os.environ.get("PATH", os.defpath) + os.pathsep + SYSTEM_FOLDERS
    missing = [command for command in commands if shutil.which(command, path=path) is None]
    return f"not found: {', '.join(missing)}" if missing else None


def _missing_root() -> str | None:
    return None if os.geteuid() == 0 else f"needs root, runs as uid {os.geteuid()}"


def _missing_slurm() -> str | None:
    return _missing_commands("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")


def _missing_accounting() -> str | None:
    return _missing_slurm() or _missing_commands("slurmdbd", "sacctmgr", "sacct", "mariadbd", "mariadb-install-db")


def _missing_sshd() -> str | None:
    return _missing_commands("sshd", "ssh", "ssh-keygen")


def _missing_chromium() -> str | None:
    # Either will do: the one without windows, or the whole.
    return _missing_commands("chromium-headless-shell") and _missing_commands("chromium")


def _missing_netns() -> str | None:
    return _missing_root() or _missing_commands("ip", "unshare")


COMPONENTS: dict[str, Callable[[], str | None]] = {
    "root": _missing_root,
    "slurm": _missing_slurm,
    "accounting": _missing_accounting,
    "sshd": _missing_sshd,
    "yarn": yarn_conf.missing,
    "netns": _missing_netns,
    "chromium": _missing_chromium,
    "procfs": lambda: None if Path("/proc/self/environ").exists() else "no /proc",
}
"""Each says what is missing, or None."""


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def _require(*components: str) -> None:
    for component in components:
        if component not in COMPONENTS:
            raise pytest.UsageError(f"unknown component {component!r}; known: {', '.join(sorted(COMPONENTS))}")
        reason = COMPONENTS[component]()
        if reason is None:
            continue
        if _in_ci():
            pytest.fail(f"{component} is required with CI=true: {reason}", pytrace=False)
        pytest.skip(f"NOT RUN, {component} is missing: {reason}")


@pytest.fixture(scope="session")
def require() -> Callable[..., None]:
    """Ask for components in the middle of a test: ``require("slurm", "root")``."""
    return _require


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("requires"):
        _require(*mark.args)


# --- in which order ---------------------------------------------------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several run at once, begin with the modules that wait for minutes: the others fill the time beside them."""
    if _is_worker(config):
        long = {item.path for item in items if item.get_closest_marker("long")}
        items.sort(key=lambda item: item.path not in long)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


# --- a state of its own -----------------------------------------------------------------------------------------------


def _isolate() -> Path:
    """Point everything that a user's real state could be found by to a folder of this run.

    Done before any test module is imported: dask reads its configuration, and IPython its folders, at import.
    Short, since a unix socket's path holds 107 bytes.
    """
    base = Path(tempfile.mkdtemp(prefix="dsk-", dir="/tmp"))
    foreign = ("DASK", "DASK_STEWARD_", "HADOOP_", "JUPYTER", "IPYTHON", "SKEIN_", "SLURM_", "XDG_", "YARN_")
    kept = {"DASK_STEWARD_SEED", "DASK_STEWARD_TIMES"}  # of the fault tests
    # What a worker of pytest-xdist starts belongs to the run that started it, which looks at the end what is left.
    session = os.environ.get(SESSION_VARIABLE) if "PYTEST_XDIST_WORKER" in os.environ else None
    for name in [name for name in os.environ if name.startswith(foreign) and name not in kept]:
        del os.environ[name]
    folders = {
        "HOME": "home",
        "DASK_STEWARD_STATE_DIR": "state",
        "XDG_RUNTIME_DIR": "run",
        "JUPYTER_CONFIG_DIR": "jupyter",
        "JUPYTER_DATA_DIR": "jupyter-data",
        "JUPYTER_RUNTIME_DIR": "jupyter-run",
        "IPYTHONDIR": "ipython",
        "DASK_CONFIG": "dask",
    }
    for name, folder in folders.items():
        (base / folder).mkdir(mode=0o700)
        os.environ[name] = str(base / folder)
    # A shell or a tool found through a version manager must still be found with another HOME.
    real_bin = str(Path(sys.executable).parent)
    os.environ["PATH"] = real_bin + os.pathsep + os.environ.get("PATH", os.defpath)
    os.environ["NO_COLOR"] = "1"
    # ipykernel's debugger warns about frozen modules on standard error, in every kernel.
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    os.environ[SESSION_VARIABLE] = session or uuid.uuid4().hex
    return base


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_BASE] = _isolate()


_BASE = pytest.StashKey[Path]()


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder and a runtime folder for one test alone."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    runtime = Path(tempfile.mkdtemp(prefix="dsk-r", dir="/tmp"))
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(state))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    yield state
    shutil.rmtree(runtime, ignore_errors=True)


# --- a report for every failure ---------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Drop traceback entries without a line, at which pytest (9.2) ends the whole run with an INTERNALERROR.

    They come from CPython (seen with 3.11): something that is finalised while a frame is being left, such as a socket
    that nobody closed, raises at an instruction that belongs to no line.
    """
    if call.excinfo is not None:
        _drop_entries_without_line(call.excinfo.value, set())


def _drop_entries_without_line(error: BaseException | None, seen: set[int]) -> None:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    while error.__traceback__ is not None and error.__traceback__.tb_lineno is None:
        error.__traceback__ = error.__traceback__.tb_next
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        if entry.tb_next.tb_lineno is None:
            entry.tb_next = entry.tb_next.tb_next
        else:
            entry = entry.tb_next
    for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        _drop_entries_without_line(other, seen)


# --- nothing is left behind -------------------------------------------------------------------------------------------


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """The product's own promise, asked of its tests: no process outlives them."""
    base = session.config.stash[_BASE]
    if _is_worker(session.config) or session.config.option.collectonly or not Path("/proc/self/environ").exists():
        shutil.rmtree(base, ignore_errors=True)
        return
    deadline = time.monotonic() + GRACE
    mark = f"{SESSION_VARIABLE}={os.environ[SESSION_VARIABLE]}"
    while (left := leaks.marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    leaks.kill(left)
    session.config.stash[_LEFT] = left
    if left and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(base, ignore_errors=True)


_LEFT = pytest.StashKey[list[leaks.Process]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left = config.stash.get(_LEFT, [])
    if left:
        terminalreporter.section("processes left behind by the tests (now killed)", red=True)
        for process in left:
            terminalreporter.line(str(process))
