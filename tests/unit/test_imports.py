"""Modules that are imported ahead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def python(code: str, *, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": str(path)},
    )
    return done.stdout.strip()


def module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


def test_what_a_process_has_imported_is_told_and_nothing_else(tmp_path: Path) -> None:
    module(tmp_path, "xarray", "")
    module(tmp_path, "mine", "")
    code = "import xarray, mine; from dask_steward import imports; print(imports.imported())"
    assert python(code, path=tmp_path) == "['xarray']"


def test_only_known_modules_are_imported_and_a_broken_one_hurts_nobody(tmp_path: Path) -> None:
    module(tmp_path, "xarray", "raise RuntimeError('broken')")
    module(tmp_path, "zarr", "")
    module(tmp_path, "mine", "print('imported')")
    code = (
        "import sys; from dask_steward import imports; imports.import_known(['xarray', 'mine', 'zarr', 'h5netcdf_']);"
        "print([name in sys.modules for name in ('xarray', 'mine', 'zarr')])"
    )
    assert python(code, path=tmp_path) == "[False, False, True]"


def test_who_needs_a_module_that_is_being_imported_waits_for_it(tmp_path: Path) -> None:
    module(tmp_path, "xarray", "import time; time.sleep(0.3); ready = True")
    code = "from dask_steward import imports; imports.import_aside(['xarray']); import xarray; print(xarray.ready)"
    assert python(code, path=tmp_path) == "True"
