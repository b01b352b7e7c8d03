"""What a person gets: the wheel, installed into a fresh environment that has never seen this repository.

The wheel is built once for each state of the sources, from a copy of them, so that a build neither disturbs the work
tree nor is disturbed by it. Node.js is needed for the build of the front end and for nothing after that: the
environment is made, and the servers of the tests run, with a PATH on which there is none.

Everything lies in ``.cache/ui``; what belongs to other states of the sources is removed. ``python -m
tests.support.installed`` makes it, so that no test has to wait for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "ui"

INSTALLED = ("jupyterlab", "notebook>=7.4", "ipykernel", "bokeh", "anywidget", "marimo")
"""What stands beside the wheel in the environment: what its extra `lab` asks for, Notebook 7, and marimo."""

NODE = {"node", "nodejs", "npm", "npx", "corepack", "yarn", "yarnpkg", "jlpm"}

_SOURCES = (
    "magics",
    "labextension",
    "jupyter-config",
    "package.json",
    "pyproject.toml",
    "install.json",
    "tsconfig.json",
    "yarn.lock",
    ".yarnrc.yml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
)
"""What a wheel is made of."""

_KEPT = 2
"""Builds of other states of the sources that are kept, since two runs may be under way."""


def _sources() -> list[Path]:
    """Return the files that git has or would take, below what a wheel is made of; relative paths."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_SOURCES]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(path for name in out.split("\0") if name and (ROOT / (path := Path(name))).is_file())


def _digest(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(str(path).encode() + b"\0" + (ROOT / path).read_bytes() + b"\0")
    return found.hexdigest()[:12]


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    """One process at a time: workers of pytest-xdist want the same build."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None, limit: float = 900) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=limit,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def path_without_node() -> str:
    """Return a PATH with every program of the system but Node.js."""
    folder = CACHE / "bin"
    with _locked("bin"):
        if not folder.exists():
            new = CACHE / f"bin.{os.getpid()}"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            for place in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
                for program in Path(place).iterdir() if Path(place).is_dir() else []:
                    link = new / program.name
                    if program.name not in NODE and not link.is_symlink():
                        link.symlink_to(program)
            new.rename(folder)
    return str(folder)


def _for_tools(path: str) -> dict[str, str]:
    """Return the environment of builds and installations: the user's own home, where a registry may be configured."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "HOME")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    cache = home / ".cache"
    if not os.access(cache if cache.exists() else home, os.W_OK):
        env["XDG_CACHE_HOME"] = str(ROOT / ".cache")
    return {**env, "HOME": str(home), "PATH": path}


def _build(target: Path, paths: list[Path]) -> None:
    if not (ROOT / "node_modules").is_dir():
        raise RuntimeError("node_modules is missing, so that the front end cannot be built; run `make setup`")
    tree = target / "tree"
    for path in paths:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, tree / path)
    (tree / "node_modules").symlink_to(ROOT / "node_modules")
    # The environment of the tests comes first, for jlpm and jupyter-builder.
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    _run(Path(sys.executable).parent / "jlpm", "run", "build:prod", cwd=tree, env=_for_tools(tools))
    (tree / "node_modules").unlink()
    # The front end is there by now, so that this step needs no Node.js: what an installation from an sdist does.
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target]
    _run(*build, cwd=tree, env=_for_tools(path_without_node()))


def wheel() -> Path:
    """Return the wheel of the sources as they are now."""
    with _locked("wheel"):
        paths = _sources()
        target = CACHE / f"wheel-{_digest(paths)}"
        if not list(target.glob("*.whl")):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            _build(target, paths)
            _forget("wheel-*", target)
        os.utime(target)
        (found,) = target.glob("*.whl")
        return found


def _forget(pattern: str, kept: Path) -> None:
    others = sorted(
        (one for one in CACHE.glob(pattern) if one.is_dir() and one != kept), key=lambda one: one.stat().st_mtime
    )
    for one in others[:-_KEPT]:
        shutil.rmtree(one, ignore_errors=True)


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it.

    Attributes
    ----------
    folder : Path
        The environment.
    path : str
        A PATH with its programs and those of the system, without Node.js.
    """

    folder: Path
    path: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def program(self, name: str) -> Path:
        """One of its programs."""
        return self.folder / "bin" / name

    def run(
        self, *command: str, env: dict[str, str] | None = None, limit: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs with nothing of this process's settings; its output and errors as text."""
        return subprocess.run(
            [str(self.program(command[0])), *command[1:]],
            env={**os.environ, "PATH": self.path, **(env or {})},
            capture_output=True,
            text=True,
            timeout=limit,
            stdin=subprocess.DEVNULL,
        )


def _uv() -> str | None:
    private = ROOT / ".cache" / "uv-venv" / "bin" / "uv"
    return shutil.which("uv") or (str(private) if private.exists() else None)


def _install(folder: Path, built: Path) -> None:
    env = _for_tools(path_without_node())
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    uv = _uv()
    if uv is not None:
        _run(uv, "venv", "--quiet", "--python", sys.executable, folder, env=env)
        python = folder / "bin" / "python"
        _run(uv, "pip", "install", "--quiet", "--python", python, *constraints, built, *INSTALLED, env=env)
    else:
        _run(sys.executable, "-m", "venv", folder, env=env)
        _run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *constraints, built, *INSTALLED, env=env)


def installed() -> Installed:
    """Return a fresh environment with the wheel of the sources as they are now.

    ``STEWARD_UI_ENVIRONMENT`` names another one, for who changes tests and does not want to wait for builds.
    """
    chosen = os.environ.get("STEWARD_UI_ENVIRONMENT")
    if chosen:
        return _environment(Path(chosen))
    built = wheel()
    with _locked("environment"):
        folder = CACHE / built.parent.name.replace("wheel-", "environment-")
        stamp = folder / "made"
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, built)
            stamp.touch()
            _forget("environment-*", folder)
        os.utime(folder)
    return _environment(folder)


def _environment(folder: Path) -> Installed:
    path = os.pathsep.join([str(folder / "bin"), path_without_node()])
    return Installed(folder, path)


if __name__ == "__main__":
    print(installed().folder)
