"""The environment of the process that owns a cluster, packed once for each state that it is in."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable

from dask_steward.clusters import yarn_pack
from dask_steward.clusters.yarn_archive import cache_folder
from dask_steward.errors import StartFailed

# Neither our modules nor those of the folder that we are in may be found under the names of others.
_PROGRAM = (
    "import sys; sys.path[:] = filter(None, sys.path)\n"
    "import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
)
#: Seconds for the packing of a large environment on a slow file system.
PACK_LIMIT = 1800.0
#: Seconds between two words about how far it is.
TELL_INTERVAL = 1.0
#: Seconds after which an archive that was not used is removed when the next one is made.
UNUSED_LIMIT = 30 * 86400.0


async def packed(prefix: str, waiting: Callable[[str], None]) -> str:
    """Return the path of an archive of an environment as it is now, packing it if there is none.

    Parameters
    ----------
    prefix : str
        Folder of this process's environment.
    waiting : callable
        Told in words for a person how far it is.

    Raises
    ------
    StartFailed
        If it is no environment that can be packed.
    """
    check(prefix)
    waiting(f"looking whether {prefix} has changed since it was packed")
    folder = os.path.join(cache_folder(), "environments")
    state = await asyncio.to_thread(state_of, prefix)
    archive = os.path.join(
        folder, f"{os.path.basename(prefix.rstrip('/')).lstrip('.') or 'environment'}-{state}.tar.gz"
    )
    if os.path.exists(archive):
        with contextlib.suppress(OSError):
            os.utime(archive)  # when it was used last
        return archive
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _remove_unused(folder)
        aside = tempfile.mkdtemp(prefix=".", dir=folder)
    except OSError as error:
        raise _failed(prefix, f"{folder} cannot be written: {error.strerror or error}") from error
    try:
        await _pack(prefix, aside, archive, waiting)
    except OSError as error:
        raise _failed(prefix, error.strerror or str(error)) from error
    finally:
        await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
    return archive


def check(prefix: str) -> None:
    """Refuse what no packer takes: an interpreter that belongs to its machine."""
    conda = os.path.isdir(os.path.join(prefix, "conda-meta"))
    if not conda and not os.path.isfile(os.path.join(prefix, "pyvenv.cfg")):
        raise StartFailed(
            f"options.environment: kernel would pack {prefix}, neither a virtual environment nor one of conda.",
            field="options.environment",
            value="kernel",
            hint=f"Where every node has it write python://{sys.executable}; else name an archive of venv-pack or "
            "conda-pack.",
        )


def state_of(prefix: str) -> str:
    """Return a digest of what is in an environment: names, sizes and times of all files, those in editable form too.

    What Python writes by itself while it runs does not count.
    """
    found = hashlib.sha256(prefix.encode())
    for above, folders, files in os.walk(prefix):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        inside = os.path.relpath(above, prefix)
        if inside == "share/jupyter" or inside == "include":
            folders[:] = []
            continue
        for name in sorted(files):
            _add(found, os.path.join(above, name))
    with contextlib.suppress(OSError):
        for source, target in yarn_pack.editable_files(prefix):
            found.update(target.encode("utf-8", "surrogateescape"))
            _add(found, source)
    return found.hexdigest()[:24]


def _add(found: hashlib._Hash, path: str) -> None:
    try:
        status = os.lstat(path)
    except OSError:
        return
    found.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))


def _remove_unused(folder: str) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            if time.time() - os.stat(path).st_mtime > UNUSED_LIMIT:
                os.unlink(path)


async def _pack(prefix: str, aside: str, archive: str, waiting: Callable[[str], None]) -> None:
    """Pack in a process of its own: it takes seconds of a core, and changes its packer for itself alone."""
    made = os.path.join(aside, os.path.basename(archive))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PROGRAM, os.path.abspath(yarn_pack.__file__)),
        prefix,
        made,
        # Its end tells the packer that nobody wants the archive any more.
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # The packers write aside first.
        env={**os.environ, "TMPDIR": aside},
        start_new_session=True,
    )
    telling = asyncio.create_task(_tell(prefix, aside, waiting))
    try:
        said = await asyncio.wait_for(_last_words(process), PACK_LIMIT)
    except asyncio.TimeoutError as error:
        raise _failed(prefix, f"it took longer than {PACK_LIMIT:g} s") from error
    finally:
        telling.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        raise _failed(prefix, said or f"exit status {process.returncode}")
    os.replace(made, archive)


async def _last_words(process: asyncio.subprocess.Process) -> str:
    if process.stderr is None:  # never with PIPE
        raise RuntimeError("the packer cannot be heard")
    said = (await process.stderr.read()).decode("utf-8", "replace").strip().splitlines()
    await process.wait()
    return said[-1].rstrip(".") if said else ""


async def _tell(prefix: str, aside: str, waiting: Callable[[str], None]) -> None:
    while True:
        size = 0
        with contextlib.suppress(OSError), os.scandir(aside) as found:
            size = max((one.stat().st_size for one in found), default=0)
        waiting(f"packing {prefix} for the containers: {size / 1e6:.0f} MB so far")
        await asyncio.sleep(TELL_INTERVAL)


def _failed(prefix: str, why: str) -> StartFailed:
    return StartFailed(
        f"options.environment: the environment {prefix} cannot be packed: {why}.",
        field="options.environment",
        value="kernel",
        hint="Name an archive that you have packed, or what every node has (venv://, conda://, python://).",
    )
