"""What each room may import, proved by importing it: the part of the layer rules that import-linter cannot see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dask_steward

MAGICS = Path(dask_steward.__file__).resolve().parent.parent
PACKAGE = MAGICS / "dask_steward"


def modules_of(room: str) -> list[str]:
    """Return the names of a room's modules: a package's, or that of a single file."""
    path = PACKAGE / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    names = (".".join(file.relative_to(MAGICS).with_suffix("").parts) for file in files)
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def imported_by(code: str, *flags: str) -> set[str]:
    """Run `code` in a fresh interpreter that sees the package, and return the top-level modules that are there then."""
    program = (
        f"import sys; sys.path.insert(0, {str(MAGICS)!r})\n{code}\n"
        "print('\\n'.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, *flags, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("room", ["errors", "units", "ledger", "managers", "release"])
def test_lower_rooms_need_no_installed_package(room: str) -> None:
    # -S: no site-packages at all, as the guard is run; whatever is not standard library raises.
    code = "\n".join(f"import {module}" for module in modules_of(room))
    found = imported_by(code, "-I", "-S")
    assert "dask_steward" in found


@pytest.mark.parametrize("room", ["ledger", "managers", "release"])
def test_guard_stays_light(room: str) -> None:
    code = "\n".join(f"import {module}" for module in modules_of(room))
    heavy = {"asyncio", "http", "email", "ssl", "typing_extensions", "multiprocessing", "unittest"}
    assert not imported_by(code, "-I", "-S") & heavy


def test_importing_the_package_loads_nothing_that_is_not_needed_yet() -> None:
    heavy = {
        "dask",
        "distributed",
        "dask_jobqueue",
        "pydantic",
        "httpx",
        "IPython",
        "ruamel",
        "tornado",
        "cryptography",
    }
    assert not imported_by("import dask_steward", "-I") & heavy


def test_loading_the_magics_loads_neither_dask_nor_models() -> None:
    heavy = {"dask", "distributed", "dask_jobqueue", "pydantic", "httpx", "ruamel", "tornado", "cryptography"}
    assert not imported_by("import dask_steward.magics", "-I") & heavy


def test_jobqueue_is_imported_only_when_a_script_is_rendered() -> None:
    # Importing dask_jobqueue replaces the process's SIGINT handler.
    code = "\n".join(
        f"import {module}" for module in [*modules_of("clusters"), *modules_of("keeper"), *modules_of("control")]
    )
    assert "dask_jobqueue" not in imported_by(code, "-I")
