"""A caller without Dask (a Jupyter server's environment) starts and sees clusters of an interpreter that has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys, time

class Nobody:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"dask", "distributed", "dask_jobqueue", "bokeh", "tornado"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nobody())
import dask_steward as ds
from dask_steward.control import api

here = {"python": sys.argv[1]}
print(ds.preview("local", workers=1, set=here).workers)
facts = {"kernel_id": "k1", "session": "a.ipynb"}
given = dict(workers=1, set=here, wait=False, client_follows=False, owner_facts=facts)
cluster = api.start("local", name="far", tenure="server", idempotency_key="once", **given)
assert api.start("local", name="far", tenure="server", idempotency_key="once", **given).id == cluster.id
cluster.wait_for_workers(1, timeout=60)
print(cluster.state["owner"]["kernel_id"], cluster.asked)
cluster.rename("near")
cluster.set_tenure("process")
print(cluster.state["name"], cluster.connect_info()["name"], len(cluster.get_logs(keeper=True)))
cluster.close()
again = api.start(**{**cluster.asked, "wait": 60.0, "client_follows": False})
print(again.state["state"], again.name, [one.name for one in ds.clusters()])
again.close()
assert not {"dask", "distributed", "tornado"} & set(sys.modules)
"""


def test_clusters_of_another_interpreter(state_dir: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, sys.executable], capture_output=True, text=True, timeout=240)

    assert done.returncode == 0, done.stderr
    python = {"python": sys.executable}
    assert done.stdout.splitlines() == [
        "1",
        f"k1 { ({'profile': 'local', 'name': 'far', 'tenure': 'server', 'workers': 1, 'set': python}) }",
        "near near 1",
        "running near ['near']",
    ]
