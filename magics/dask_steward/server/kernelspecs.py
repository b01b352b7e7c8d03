"""The interpreters of Jupyter's kernels, and whether clusters can run in them.

A server often has no Dask itself; the environments of its kernels have it. Each interpreter is looked at once, in a
process of its own, and again when it or its packages have changed.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.utils import ensure_async

from dask_steward.errors import UsageError
from dask_steward.interpreters import LOOK_LIMIT, output_of
from dask_steward.server.base import Handler, in_thread
from dask_steward.server.models import Told
from dask_steward.server.operations import operation

#: Interpreters that are looked at once: each look is a process that imports from disks which may be slow.
LOOKS_AT_ONCE = 4

_MARK = "dask-steward:"
_LOOK = f"""
import importlib.metadata as m, importlib.util as u, json, sys, sysconfig
def version(name):
    try:
        return m.version(name)
    except Exception:
        return None
print("{_MARK}" + json.dumps({{
    "dask": version("dask") if u.find_spec("dask") else None,
    "distributed": u.find_spec("distributed") is not None,
    "cryptography": u.find_spec("cryptography") is not None,
    "python": list(sys.version_info[:2]),
    "packages": sysconfig.get_paths()["purelib"],
}}))
"""


class Kernelspec(Told):
    """A kernel, and whether a cluster can run in its environment."""

    name: str
    display_name: str
    python: str | None
    dask: str | None
    why_not: str | None


class Kernelspecs(Told):
    """All kernels of this server."""

    kernelspecs: tuple[Kernelspec, ...]


class Interpreters:
    """Knows what is in interpreters.

    Parameters
    ----------
    manager : KernelSpecManager
        Jupyter's own.
    """

    def __init__(self, manager: KernelSpecManager) -> None:
        self._manager = manager
        self._known: dict[str, tuple[tuple[float, ...], dict[str, Any]]] = {}
        self._under_way: dict[str, asyncio.Task[dict[str, Any]]] = {}
        self._free = asyncio.Semaphore(LOOKS_AT_ONCE)

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Interpreters:
        """Return the ones of a server, by the settings of its web application."""
        found = settings.get("dask_steward_interpreters")
        if not isinstance(found, cls):
            found = settings["dask_steward_interpreters"] = cls(settings["kernel_spec_manager"])
        return found

    async def all(self) -> list[Kernelspec]:
        """Return every kernel of this server, by name."""
        specs = await self._specs()
        found = await asyncio.gather(*(self._of(name, specs[name]["spec"]) for name in sorted(specs)))
        return list(found)

    async def _specs(self) -> dict[str, dict[str, Any]]:
        # Jupyter's manager searches folders, some managers ask conda.
        found: dict[str, dict[str, Any]] = await ensure_async(await in_thread(self._manager.get_all_specs))
        return found

    async def python_of(self, name: str) -> str:
        """Return the interpreter of a kernelspec.

        Raises
        ------
        UsageError
            If there is no such kernelspec, or clusters cannot run there.
        """
        found = await self._specs()
        if name not in found:
            raise UsageError(
                f"environment: no kernelspec is called {name!r}.",
                field="environment",
                value=name,
                hint=f"There are: {', '.join(found) or 'none'}.",
            )
        spec = await self._of(name, found[name]["spec"])  # only this one: the first look at each takes a second
        if spec.why_not is not None or spec.python is None:
            raise UsageError(
                f"environment: no cluster can run in {spec.display_name}: {spec.why_not}.",
                field="environment",
                value=name,
            )
        return spec.python

    async def default(self) -> str | None:
        """Return the interpreter of clusters for which nobody chose one; None stands for this server's own.

        The server's own, if it has what a cluster needs; else that of Jupyter's default kernel, else of the first one
        that fits. Where none does, the server's own says best what is missing.
        """
        if why_not(await self._look(sys.executable)) is None:
            return None
        fitting = {one.name: one.python for one in await self.all() if one.why_not is None}
        return fitting.get("python3") or next(iter(fitting.values()), None)

    async def _of(self, name: str, spec: Mapping[str, Any]) -> Kernelspec:
        title = str(spec.get("display_name") or name)
        language = str(spec.get("language") or "")
        python = interpreter_in([str(word) for word in spec.get("argv") or ()], spec.get("env") or {})
        if language.lower() != "python":
            return Kernelspec(name=name, display_name=title, python=None, dask=None, why_not=f"it runs {language}")
        if python is None:
            why = "its command does not say which Python it runs"
            return Kernelspec(name=name, display_name=title, python=None, dask=None, why_not=why)
        found = await self._look(python)
        return Kernelspec(name=name, display_name=title, python=python, dask=found.get("dask"), why_not=why_not(found))

    async def _look(self, python: str) -> dict[str, Any]:
        known = self._known.get(python)
        if known is not None and known[0] == await in_thread(_changed_at, python, known[1].get("packages")):
            return known[1]
        task = self._under_way.get(python)
        if task is None:
            task = self._under_way[python] = asyncio.create_task(self._ask(python))
            task.add_done_callback(lambda _: self._under_way.pop(python, None))
        return await asyncio.shield(task)

    async def _ask(self, python: str) -> dict[str, Any]:
        async with self._free:
            found = await in_thread(look_here if python == sys.executable else look_at, python)
        if not found.get("again"):
            changed = await in_thread(_changed_at, python, found.get("packages"))
            self._known[python] = (changed, found)
        return found


def interpreter_in(argv: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the Python that a kernel's command runs; None where the command does not say it.

    Examples
    --------
    >>> interpreter_in(["bash", "-c", "module load x; python -m ipykernel_launcher"], {}) is None
    True
    """
    folders = [word for word in argv[1:] if os.path.isabs(word) and os.path.isfile(os.path.join(word, "bin", "python"))]
    if folders:  # nb_conda_kernels and `conda run -p`: a runner, with the environment's folder among its words
        return os.path.join(folders[-1], "bin", "python")
    if not argv or not _is_python(argv[0]):
        return None
    if argv[0] in ("python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info)):
        return sys.executable  # jupyter_client starts that, too
    path = environment.get("PATH", "").replace("${PATH}", os.environ.get("PATH", os.defpath))
    return shutil.which(argv[0], path=path or None) or argv[0]


def _is_python(command: str) -> bool:
    return os.path.basename(command).startswith("python")


def look_at(python: str) -> dict[str, Any]:
    """Return what an interpreter says of itself; ``why`` where it says nothing, ``again`` where it may tomorrow."""
    try:
        printed = output_of(python, _LOOK)
    except subprocess.TimeoutExpired:
        return {"why": f"{python} did not answer within {LOOK_LIMIT:g} s", "again": True}
    except OSError as error:
        return {"why": f"{python} cannot be run: {error.strerror or error}", "again": True}
    for line in reversed(printed.splitlines()):
        if line.startswith(_MARK):
            try:
                found = json.loads(line.removeprefix(_MARK))
            except ValueError:
                continue
            return found if isinstance(found, dict) else {}
    return {"why": f"{python} is no Python: it did not run a line of it", "again": True}


def look_here(python: str) -> dict[str, Any]:
    """Return what `look_at` would of this process's own interpreter, without a process; nothing is imported."""
    importlib.invalidate_caches()  # what was installed since this process started counts, too
    names = ("dask", "distributed", "cryptography")
    there = {name: importlib.util.find_spec(name) is not None for name in names}
    try:
        version = importlib.metadata.version("dask") if there["dask"] else None
    except importlib.metadata.PackageNotFoundError:
        version = None
    packages = sysconfig.get_paths()["purelib"]
    return {**there, "dask": version, "python": list(sys.version_info[:2]), "packages": packages}


def why_not(found: Mapping[str, Any]) -> str | None:
    """Return why a cluster cannot run in an interpreter; None when it can."""
    if "why" in found:
        return str(found["why"])
    version = tuple(found.get("python") or (0, 0))
    if version < (3, 10):
        return f"its Python is {'.'.join(map(str, version))}; 3.10 or newer is needed"
    needed = {"dask": "Dask", "distributed": "distributed", "cryptography": "cryptography"}
    missing = [words for name, words in needed.items() if not found.get(name)]
    return f"it has no {' and no '.join(missing)}" if missing else None


def _changed_at(python: str, packages: str | None) -> tuple[float, ...]:
    """Return when an interpreter and its packages last changed: an install makes or removes folders there."""
    return tuple(_time(path) for path in (python, os.path.realpath(python), packages) if path)


def _time(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


class All(Handler):
    """The kernels of this server."""

    @operation("read", "Kernels, and whether a cluster can run in the environment of each.", answers={200: Kernelspecs})
    async def get(self) -> None:
        """Look at all of them."""
        self.reply(Kernelspecs(kernelspecs=tuple(await Interpreters.of(self.settings).all())))


ROUTES: list[tuple[str, type[Handler]]] = [("kernelspecs", All)]
