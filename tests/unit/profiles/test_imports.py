"""Profiles are read by kernels and servers that do not have Dask loaded, and must not load it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "use", ["ProfileStore", "ProfileStore().resolve('local').expanded({})", "ProfileStore().infos()"]
)
def test_reading_profiles_imports_nothing_heavy(use: str) -> None:
    code = (
        f"import sys; from dask_steward.profiles import ProfileStore; {use};"
        "heavy = ('dask', 'distributed', 'IPython', 'dask_jobqueue', 'jupyter_core', 'tornado', 'asyncio');"
        "print([name for name in heavy if name in sys.modules])"
    )
    path = ":".join(entry for entry in sys.path if entry)
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"
