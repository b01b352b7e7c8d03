"""The YARN of the benchmarks, and the same cluster asked of both sides: dask-yarn's own, with what cures it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.private_yarn import PrivateYarn

WORKERS = 2

CURES = """\
# dask-yarn 0.9 runs with no Dask since 2022: names that it imports are gone, and one argument that it gives.
try:
    import dask.utils, distributed, distributed.cli.utils, distributed.utils
except ImportError:
    pass
else:
    distributed.utils.format_bytes = dask.utils.format_bytes
    distributed.utils.parse_timedelta = dask.utils.parse_timedelta
    distributed.cli.utils.install_signal_handlers = lambda loop, cleanup=None: None
    begin = distributed.Scheduler.__init__

    def without_loop(self, *arguments, loop=None, **more):
        begin(self, *arguments, **more)

    distributed.Scheduler.__init__ = without_loop
"""

PYTHON = """\
#!/bin/sh
PYTHONPATH={folder}:$PYTHONPATH exec {python} "$@"
"""

PROFILE = f"""\
system: yarn
options: {{environment: "python://{sys.executable}", worker_vcores: 1, worker_memory: 512 MiB, n_workers: {WORKERS}}}
dashboard: "off"
"""


def cured(folder: Path) -> Path:
    """Write a Python in which dask-yarn works, for its containers as for the kernel; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(CURES)
    python = folder / "python"
    python.write_text(PYTHON.format(folder=folder, python=sys.executable))
    python.chmod(0o755)
    return python


def environment(yarn: PrivateYarn, cures: Path | None = None) -> dict[str, str]:
    """Return what makes a process ask this YARN."""
    names = ("JAVA_HOME", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "SKEIN_CONFIG", "PATH")
    found = {name: yarn.env[name] for name in names}
    if cures is not None:
        found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(cures.parent), os.environ.get("PYTHONPATH")]))
    return found


def by_hand(python: Path, deploy_mode: str) -> str:
    """Return lines that make dask-yarn's cluster."""
    arguments = (
        f"environment='python://{python}', worker_vcores=1, worker_memory='512 MiB', n_workers={WORKERS}, "
        f"scheduler_memory='512 MiB', deploy_mode={deploy_mode!r}, name='by-hand'"
    )
    return f"from dask_yarn import YarnCluster; cluster = YarnCluster({arguments})"
