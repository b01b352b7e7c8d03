"""A system on which the contract is tried."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask_steward as ds
from dask_steward.ledger import entries
from tests.support import leaks
from tests.support.private_slurm import PrivateSlurm
from tests.support.private_sshd import PrivateSshd
from tests.support.private_yarn import PrivateYarn

PROFILES = {
    "local": """\
title: This host
system: local
scale: {workers: 2}
options: {threads_per_worker: 2, memory_limit: 600 MB}
""",
    "slurm": """\
title: A queue
system: slurm
scale: {jobs: 2}
options: {queue: debug, cores: 2, memory: 600 MB, processes: 1, interface: lo, walltime: "00:10:00"}
""",
    "ssh": """\
title: Hosts
system: ssh
scale: {{jobs: 2}}
options:
  hosts: [127.0.0.1, 127.0.0.2, 127.0.0.3, 127.0.0.4]
  connect_options: {connect}
  worker_options: {{nthreads: 2, memory_limit: 600 MB}}
  scheduler_options: {{host: 127.0.0.1}}
environment: {{PYTHONPATH: {root}}}
""",
    "yarn": """\
title: An application
system: yarn
scale: {{jobs: 2}}
options: {{environment: "python://{python}", worker_vcores: 2, worker_memory: 600 MB, host: 127.0.0.1}}
environment: {{PYTHONPATH: {root}}}
""",
}
#: What tests send to workers is found there; a worker over ssh begins in its user's home.
ROOT = Path(__file__).resolve().parents[2]
#: Seconds within which something that must happen has to happen, on a busy machine.
PATIENCE = 40.0


def until(done: Callable[[], Any], timeout: float = PATIENCE) -> Any:
    """Wait until `done` returns something true, and return that."""
    deadline = time.monotonic() + timeout
    while not (found := done()):
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {done}"
        time.sleep(0.05)
    return found


def profile_of(system: str, sshd: PrivateSshd | None = None) -> str:
    """Return the text of a system's profile."""
    text = PROFILES[system]
    if system in ("local", "slurm"):
        return text
    connect = json.dumps(sshd.connect_options) if sshd is not None else ""
    return text.format(connect=connect, root=json.dumps(str(ROOT)), python=sys.executable)


@dataclass
class Site:
    """A system to start clusters on, with a ledger of its own.

    Attributes
    ----------
    system : str
        Its name, and that of its profile.
    state : Path
        The state folder.
    profiles : Path
        The folder that holds its profile.
    slurm : PrivateSlurm or None
        Where the jobs go.
    sshd : PrivateSshd or None
        By which hosts are reached.
    yarn : PrivateYarn or None
        Where the application goes.
    """

    system: str
    state: Path
    profiles: Path
    slurm: PrivateSlurm | None
    sshd: PrivateSshd | None = None
    yarn: PrivateYarn | None = None

    @property
    def on_queue(self) -> bool:
        """Whether workers are jobs of a queue."""
        return self.slurm is not None or self.yarn is not None

    def preload(self, module: str) -> dict[str, Any]:
        """Return the field by which each worker loads a module or script before it starts."""
        if self.system == "slurm":
            return {"options.worker_extra_args": ["--preload", module]}
        return {f"options.{'worker_options.' if self.system in ('ssh', 'yarn') else ''}preload": [module]}

    def start(self, **options: Any) -> Any:
        """Start a cluster of two workers, or as the options say."""
        return ds.start(self.system, **options)

    def entries(self) -> list[entries.Entry]:
        """Return all entries of the ledger."""
        found, problems = entries.list_entries(str(self.state / "dask-steward" / "clusters"))
        assert not problems, problems
        return found

    def left(self, of: str | None = None) -> list[str]:
        """Return what is there of a cluster, or of any of this site: processes of this host, jobs of the queue."""
        ids = [entry.id for entry in self.entries() if of in (None, entry.id)]
        found = [str(one) for id in ids for one in leaks.marked(f"DASK_STEWARD_CLUSTER={id}")]
        found += [str(one) for id in ids for one in leaks.marked(f"DASK_STEWARD_GUARD={id}")]
        if self.sshd is not None:
            tags = tuple(f"{entries.tag(id)} " for id in ids)
            marked = leaks.marked("DASK_STEWARD_SSH")
            found += [str(one) for one in marked if one.environment.get("DASK_STEWARD_SSH", "").startswith(tags)]
        if self.yarn is not None:
            mine = [one for id in ids for one in self.yarn.with_tag(entries.tag(id))]
            found += [f"{one.id} is {one.state}" for one in mine]
            found += [
                str(one) for one in self.yarn.containers() if any(entries.tag(id) in str(one.environment) for id in ids)
            ]
            found += [f"staging folder {one}" for one in self.yarn.staging()]
        if self.slurm is not None:
            ours = {entries.tag(id) for id in ids}
            found += [str(job) for job in self.slurm.queue() if job.name in ours and job.state != "COMPLETING"]
        return found

    def assert_nothing_left(self, timeout: float = PATIENCE, *, of: str | None = None) -> None:
        """Fail unless soon neither process nor job is there, and the ledger holds nothing (of one cluster)."""
        deadline = time.monotonic() + timeout
        while (left := self.left(of)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left
        assert [one for one in ds.held() if of in (None, one.cluster)] == []


def bare_python(folder: Path) -> Path:
    """Make an interpreter that has no package at all."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    return folder / "bin" / "python"
