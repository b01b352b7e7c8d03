"""Packs an environment: run by its own interpreter, as a program of its own, which imports nothing of ours.

    python yarn_pack.py PREFIX ARCHIVE

A conda environment is packed by conda-pack, a virtual one by venv-pack. What is installed in editable form, so from
folders outside of the environment, is put into it as if it had been installed.
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
import threading
from collections.abc import Iterator

#: Folders that no worker reads: JupyterLab's pages, C headers.
LEFT_OUT = ("share/jupyter/*", "include/*")
#: What a project has beside its packages.
_BESIDE = {
    "setup.py",
    "conftest.py",
    "noxfile.py",
    "tests",
    "test",
    "docs",
    "examples",
    "node_modules",
    "build",
    "dist",
}


def main() -> int:
    """Pack, and say in one line why not."""
    prefix, archive = sys.argv[1:3]
    threading.Thread(target=_leave_alone, args=(os.path.dirname(archive),), daemon=True).start()
    try:
        if os.path.isdir(os.path.join(prefix, "conda-meta")):
            _pack_conda(prefix, archive)
        else:
            _pack_venv(prefix, archive)
    except ImportError as error:
        sys.stderr.write(f"{error.name or error} is not installed\n")
        return 1
    except Exception as error:  # noqa: BLE001  # whatever a packer makes of an environment; who started it reads it
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return 1
    return 0


def _leave_alone(folder: str) -> None:
    """End, with all that was written, when whoever wanted the archive is gone."""
    sys.stdin.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _pack_conda(prefix: str, archive: str) -> None:
    import conda_pack  # type: ignore[import-untyped]

    # What pip has replaced of a package is packed as it is now.
    found = conda_pack.CondaEnv.from_prefix(prefix, ignore_editable_packages=True, ignore_missing_files=True)
    for pattern in LEFT_OUT:
        found = found.exclude(pattern)
    own = [conda_pack.core.File(source, target, is_conda=False) for source, target in _editable(prefix)]
    found.files[:] = [one for one in found.files if not _misleading(prefix, one.target)] + own
    found.pack(output=archive, format="tar.gz", compress_level=1, force=True)


def _pack_venv(prefix: str, archive: str) -> None:
    import venv_pack.core  # type: ignore[import-untyped]

    # It refuses what is editable, which is packed here. This process does nothing else.
    venv_pack.core.check_no_editable_packages = lambda context: None
    found = venv_pack.core.Env(prefix)
    for pattern in LEFT_OUT:
        found = found.exclude(pattern)
    own = [venv_pack.core.File(source, target) for source, target in _editable(prefix)]
    found.files[:] = [one for one in found.files if not _misleading(prefix, one.target)] + own
    found.pack(output=archive, format="tar.gz", compress_level=1, force=True)


def _editable(prefix: str) -> Iterator[tuple[str, str]]:
    """Yield source and place in the archive of each file of what is installed in editable form."""
    folder = os.path.relpath(_site_packages(prefix), prefix)
    for source, target in editable_files(prefix):
        yield source, os.path.join(folder, target)


def _misleading(prefix: str, target: str) -> bool:
    """Tell whether a file of the environment makes Python look outside of it."""
    site = _site_packages(prefix)
    above, name = os.path.split(os.path.join(prefix, target))
    return above == site and _leads_outside(site, name, prefix)


def _site_packages(prefix: str) -> str:
    folder = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return os.path.join(prefix, "lib", folder, "site-packages")


def _leads_outside(site: str, name: str, prefix: str) -> bool:
    """Tell whether a file of site-packages makes Python look outside of the environment."""
    if name.startswith("__editable__") and name.endswith((".py", ".pth")):
        return True
    return name.endswith(".pth") and any(_outside(path, prefix) for path in _paths(os.path.join(site, name)))


def _paths(file: str) -> list[str]:
    """Return the folders that a ``.pth`` file adds."""
    with open(file, encoding="utf-8", errors="replace") as lines:
        given = [line.strip() for line in lines]
    return [
        os.path.normpath(os.path.join(os.path.dirname(file), line))
        for line in given
        if line and not line.startswith(("#", "import ", "import\t"))
    ]


def _outside(path: str, prefix: str) -> bool:
    return not os.path.realpath(path).startswith(os.path.realpath(prefix) + os.sep) and os.path.isdir(path)


def editable_files(prefix: str) -> Iterator[tuple[str, str]]:
    """Yield source and place below site-packages of each file of what is installed in editable form."""
    site = _site_packages(prefix)
    for name in sorted(os.listdir(site)):
        file = os.path.join(site, name)
        if name.endswith(".pth"):
            for path in _paths(file):
                if _outside(path, prefix):
                    yield from _importable(path)
        elif name.startswith("__editable__") and name.endswith("_finder.py"):
            for package, path in _mapping(file).items():
                yield from _tree(path, package.replace(".", "/"))


def _mapping(file: str) -> dict[str, str]:
    """Return which folder setuptools' finder of an editable package takes for which package."""
    with open(file, encoding="utf-8") as text:
        tree = ast.parse(text.read())
    for node in tree.body:
        names = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        if [getattr(name, "id", None) for name in names] == ["MAPPING"]:
            return dict(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    return {}


def _importable(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the files of the packages and modules of a folder that is on the path."""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name in _BESIDE or name.startswith("."):
            continue
        if name.endswith(".py") or os.path.isfile(os.path.join(path, "__init__.py")):
            yield from _tree(path, name)


def _tree(path: str, target: str) -> Iterator[tuple[str, str]]:
    if os.path.isfile(path):
        yield path, target
        return
    for above, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name not in ("__pycache__", "node_modules", ".git")]
        inside = os.path.relpath(above, path)
        for name in files:
            yield os.path.join(above, name), os.path.normpath(os.path.join(target, inside, name))


if __name__ == "__main__":
    sys.exit(main())
