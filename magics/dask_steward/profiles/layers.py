"""The folders that hold profiles, first to last, by the rules of Jupyter's config path.

The rules are those of ``jupyter_core.paths.jupyter_config_path`` (5.9), written again because importing
``jupyter_core`` costs time that a kernel does not have, and a site may use the command line without Jupyter; a test
compares the two. One rule differs on purpose: a user's profiles come before those of an environment, also in a virtual
environment, unless ``JUPYTER_PREFER_ENV_PATH`` says so.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dask_steward.errors import UsageError

Level = Literal["user", "environment", "system", "builtin"]

FOLDER = "dask_profiles"
VARIABLE = "DASK_STEWARD_PROFILES"


@dataclass(frozen=True)
class Layer:
    """A folder of profiles; a `system` one belongs to the administrator, who may lock and forbid there."""

    folder: Path
    level: Level
    named: bool = False
    """Whether a user named it, who will want to hear that it does not exist."""


def layers(environ: Mapping[str, str] | None = None) -> list[Layer]:
    """Return the folders that are searched, the one that wins first; they need not exist.

    ``DASK_STEWARD_PROFILES`` (folders with ``os.pathsep`` between) comes first, then ``dask_profiles`` in each folder
    of Jupyter's config path.
    """
    environ = os.environ if environ is None else environ
    found = [Layer(Path(folder).expanduser(), "user", named=True) for folder in _split(environ.get(VARIABLE))]
    found += [Layer(layer.folder / FOLDER, layer.level) for layer in jupyter_config_path(environ)]
    seen: dict[Path, Layer] = {}
    for layer in found:
        # Where one folder has two levels (an environment in /usr/local), the administrator's is the stricter one.
        if layer.folder not in seen or layer.level == "system":
            seen[layer.folder] = layer
    return list(seen.values())


def user_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder that a user's new profiles are written to: the first one named, else the one in Jupyter's own.

    Raises
    ------
    UsageError
        If the environment says that there is none.
    """
    environ = os.environ if environ is None else environ
    named = _split(environ.get(VARIABLE))
    if named:
        return Path(named[0]).expanduser()
    if environ.get("JUPYTER_NO_CONFIG"):
        raise UsageError(
            "JUPYTER_NO_CONFIG is set, so there is no folder for profiles.", hint=f"Name one in {VARIABLE}."
        )
    return _user_config_dir(environ) / FOLDER


def jupyter_config_path(environ: Mapping[str, str]) -> list[Layer]:
    """Return the folders of Jupyter's config path with their levels."""
    if environ.get("JUPYTER_NO_CONFIG"):
        # Jupyter takes a fresh temporary folder then; for profiles that is the same as none, but for an explicit one.
        return []
    explicit = [
        Layer(Path(folder.rstrip(os.sep) or os.sep), "user") for folder in _split(environ.get("JUPYTER_CONFIG_PATH"))
    ]
    user = [Layer(_user_config_dir(environ), "user")]
    base = site.getuserbase() if site.ENABLE_USER_SITE else None
    if base and Path(base, "etc", "jupyter") != user[0].folder:
        user.append(Layer(Path(base, "etc", "jupyter"), "user"))
    system = [Layer(folder, "system") for folder in _system_config_dirs(environ)]
    own = Path(sys.prefix, "etc", "jupyter")
    environment = [] if any(layer.folder == own for layer in system) else [Layer(own, "environment")]
    prefer_environment = _is_set(environ.get("JUPYTER_PREFER_ENV_PATH"))
    middle = [*environment, *user] if prefer_environment else [*user, *environment]
    return [*explicit, *middle, *system]


def _split(folders: str | None) -> list[str]:
    return [folder for folder in (folders or "").split(os.pathsep) if folder]


def _is_set(value: str | None) -> bool:
    return value is not None and value.lower() not in ("no", "n", "false", "off", "0", "0.0")


def _user_config_dir(environ: Mapping[str, str]) -> Path:
    if environ.get("JUPYTER_CONFIG_DIR"):
        return Path(environ["JUPYTER_CONFIG_DIR"])
    if _is_set(environ.get("JUPYTER_PLATFORM_DIRS")):
        import platformdirs

        return Path(platformdirs.user_config_dir("jupyter", appauthor=False))
    return Path(os.path.realpath(environ.get("HOME") or os.path.expanduser("~")), ".jupyter")


def _system_config_dirs(environ: Mapping[str, str]) -> list[Path]:
    if os.name == "nt":
        # %PROGRAMDATA% is writable by everybody unless its owner took care of it; Jupyter trusts it only when told to.
        data = environ.get("PROGRAMDATA") if _is_set(environ.get("JUPYTER_USE_PROGRAMDATA")) else None
        return [Path(data, "jupyter")] if data else []
    if _is_set(environ.get("JUPYTER_PLATFORM_DIRS")):
        import platformdirs

        folders = platformdirs.site_config_dir("jupyter", appauthor=False, multipath=True)
        return [Path(folder) for folder in folders.split(os.pathsep)]
    return [Path("/usr/local/etc/jupyter"), Path("/etc/jupyter")]
