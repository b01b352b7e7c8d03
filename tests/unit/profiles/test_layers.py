"""The folders are those of Jupyter's own config path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dask_steward.errors import UsageError
from dask_steward.profiles.layers import jupyter_config_path, layers, user_folder

THEIRS = "import json; from jupyter_core.paths import jupyter_config_path as p; print(json.dumps(p()))"
OURS = (
    "import json, os; from dask_steward.profiles.layers import jupyter_config_path as p;"
    "print(json.dumps([str(layer.folder) for layer in p(os.environ)]))"
)


def ask(code: str, environ: dict[str, str]) -> list[str]:
    base = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    python_path = os.pathsep.join(path for path in sys.path if path)
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**base, "PYTHONPATH": python_path, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"JUPYTER_CONFIG_DIR": "/some/where"},
        {"JUPYTER_CONFIG_PATH": "/first/:/second"},
        {"JUPYTER_PLATFORM_DIRS": "1"},
        {"JUPYTER_PLATFORM_DIRS": "off"},
        {"JUPYTER_PLATFORM_DIRS": "1", "XDG_CONFIG_DIRS": "/etc/a:/etc/b", "XDG_CONFIG_HOME": "/home/x/config"},
        {"HOME": "/nonexistent/home"},
    ],
    ids=lambda environ: " ".join(environ) or "nothing set",
)
@pytest.mark.parametrize("prefer", ["0", "1"])
def test_the_folders_are_those_of_jupyter_core(environ: dict[str, str], prefer: str) -> None:
    environ = {"JUPYTER_PREFER_ENV_PATH": prefer, **environ}
    assert ask(OURS, environ) == ask(THEIRS, environ)


def test_a_user_comes_before_an_environment_unless_told_otherwise() -> None:
    found = [layer.level for layer in jupyter_config_path({"HOME": "/home/x"})]
    assert found.index("user") < found.index("environment") < found.index("system")


def test_named_folders_come_first(tmp_path: Path) -> None:
    found = layers({"DASK_STEWARD_PROFILES": f"{tmp_path}{os.pathsep}/other", "HOME": "/home/x"})
    assert [layer.folder for layer in found[:3]] == [tmp_path, Path("/other"), Path("/home/x/.jupyter/dask_profiles")]
    assert user_folder({"DASK_STEWARD_PROFILES": str(tmp_path)}) == tmp_path


def test_new_profiles_go_to_the_user_and_not_to_an_environment_or_a_shared_folder() -> None:
    environ = {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_CONFIG_PATH": "/shared", "HOME": "/home/x"}
    assert user_folder(environ) == Path("/home/x/.jupyter/dask_profiles")


def test_without_configuration_there_is_no_folder_to_write_to() -> None:
    assert layers({"JUPYTER_NO_CONFIG": "1"}) == []
    with pytest.raises(UsageError, match="DASK_STEWARD_PROFILES"):
        user_folder({"JUPYTER_NO_CONFIG": "1"})


def test_a_folder_that_is_system_and_environment_is_the_administrators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/usr/local")
    found = {str(layer.folder): layer.level for layer in jupyter_config_path({"HOME": "/home/x"})}
    assert found["/usr/local/etc/jupyter"] == "system"
