"""Another user of the machine: what it can reach of a cluster, and what it must not."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stage import SlurmStage, Stage, Started, wait_until
from tests.support import leaks

pytestmark = pytest.mark.requires("root", "procfs")

# Everything is imported as root, then the rights are given away for good: what follows is another user's process.
AS_ANOTHER = """
import asyncio, concurrent.futures, json, os, socket, ssl, sys
import distributed, httpx
from distributed.comm import connect

asked = json.load(sys.stdin)
os.setgroups([])
os.setgid(asked["gid"])
os.setuid(asked["uid"])
os.environ.clear()
os.chdir("/")

def words(error):
    return f"{type(error).__name__}: {error}"

async def dask(address, security):
    try:
        comm = await asyncio.wait_for(connect(address, timeout=3, **security.get_connection_args("client")), 5)
        await comm.write({"op": "identity", "reply": True})
        return {"open": repr(await asyncio.wait_for(comm.read(), 3))[:200]}
    except Exception as error:
        return {"closed": words(error)}

# Pages of schedulers and workers, of Dask's own routes.
PAGES = ("/", "/status", "/info/main/workers.html", "/individual-plots.json", "/json/counts.json", "/sitemap.json",
         "/metrics", "/health", "/api/v1/get_workers", "/crossfilter", "/tasks")

def http(base):
    try:
        with httpx.Client(verify=False, timeout=3, trust_env=False) as client:
            answers = {page: client.get(base + page) for page in PAGES}
    except Exception as error:
        return {"closed": words(error)}
    # A server that has no page for anybody tells nothing.
    told = {page: f"{answer.status_code} {answer.text[:100]}" for page, answer in answers.items()
            if answer.status_code != 404}
    # The list of its pages, which Dask always serves, may name no page but itself and Dask's own images and styles.
    listed = json.loads(answers["/sitemap.json"].text)["paths"] if "/sitemap.json" in told else []
    if listed and not [page for page in listed if page != "/sitemap.json" and not page.startswith("/statics/")]:
        del told["/sitemap.json"]
    return {"open": repr(told)} if told else {"closed": "no page"}

def unix(path):
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(3)
            connection.connect(path)
            return {"open": path}
    except OSError as error:
        return {"closed": words(error)}

def read(path):
    try:
        names = os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(100)
        return {"open": repr(names)}
    except OSError as error:
        return {"closed": words(error)}

def own_keys():
    # TLS of one's own making: any certificate must not do.
    return distributed.Security.temporary()

def signal(pid):
    try:
        os.kill(pid, 0)
        return {"open": f"{pid} can be signalled"}
    except OSError as error:
        return {"closed": words(error)}

found = {"uid": os.getuid()}
tries = {}
keys, none = own_keys(), distributed.Security()
with concurrent.futures.ThreadPoolExecutor(32) as pool:  # what is closed often says so by silence
    for port in asked["ports"]:
        where = f"{asked['hosts'][str(port)]}:{port}"
        tries[f"plain dask {port}"] = pool.submit(lambda w: asyncio.run(dask(f"tcp://{w}", none)), where)
        tries[f"own tls {port}"] = pool.submit(lambda w: asyncio.run(dask(f"tls://{w}", keys)), where)
        tries[f"http {port}"] = pool.submit(http, f"http://{where}")
        tries[f"https {port}"] = pool.submit(http, f"https://{where}")
found.update({what: done.result() for what, done in tries.items()})
for path in asked["sockets"]:
    found[f"socket {path}"] = unix(path)
for path in asked["files"]:
    found[f"file {path}"] = read(path)
for pid in asked["pids"]:
    found[f"environ {pid}"] = read(f"/proc/{pid}/environ")
    found[f"memory {pid}"] = read(f"/proc/{pid}/mem")
    found[f"signal {pid}"] = signal(pid)
print(json.dumps(found))
"""


def unused_uid() -> int:
    """Return a uid that no account of this machine has."""
    taken = {one.pw_uid for one in pwd.getpwall()}
    return next(uid for uid in range(54321, 60000) if uid not in taken)


def listening(pids: set[int]) -> dict[int, str]:
    """Return the TCP ports that processes listen on, and an address by which each is reached."""
    sockets = set()
    for pid in pids:
        try:
            links = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        sockets.update(link[8:-1] for link in links if link.startswith("socket:["))
    found = {}
    for name in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and fields[9] in sockets:
                host, _, port = fields[1].partition(":")
                octets = [str(int(host[i : i + 2], 16)) for i in (6, 4, 2, 0)]
                found[int(port, 16)] = ".".join(octets) if len(host) == 8 and int(host, 16) else "127.0.0.1"
    return found


def unix_sockets(pids: set[int]) -> set[str]:
    """Return the paths of the unix sockets on which processes listen; abstract ones begin with @."""
    inodes = set()
    for pid in pids:
        try:
            links = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            continue
        inodes.update(link[8:-1] for link in links if link.startswith("socket:["))
    rows = [row.split() for row in Path("/proc/net/unix").read_text().splitlines()[1:]]
    # The control socket is renamed once it listens; the kernel goes on calling it by its first name.
    return {row[7].removesuffix(".new") for row in rows if len(row) > 7 and row[6] in inodes and row[3] == "00010000"}


def try_everything(started: Started, processes: list[leaks.Process], more: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Have another user try all that a cluster has, and return what came of it."""
    pids = {process.pid for process in processes}
    ports = listening(pids)
    sockets = unix_sockets(pids)
    assert started.entry.socket in sockets
    folder = started.folder
    files = [folder, *folder.rglob("*"), *more]
    uid = unused_uid()
    asked = {
        "uid": uid,
        "gid": uid,
        "ports": sorted(ports),
        "hosts": ports,
        "sockets": [f"\0{path[1:]}" if path.startswith("@") else path for path in sorted(sockets)],
        "files": [str(path) for path in files],
        "pids": sorted(pids),
    }
    for path in (folder / "tls" / "key.pem", folder / "holdings.jsonl", folder / "entry.json"):
        assert path in files
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AS_ANOTHER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found.pop("uid") == uid
    return found


def opened(found: dict[str, Any]) -> dict[str, str]:
    """Return what was open to another user."""
    return {what: result["open"] for what, result in found.items() if "open" in result}


def test_another_user_reaches_nothing_of_a_local_cluster(stage: Stage) -> None:
    """Given a cluster of this host, when another user tries each port, socket and file of it, then all are closed.

    There is no password in Dask: who reaches a scheduler runs code as its owner.
    """
    kernel = stage.kernel()
    started = stage.start("local", "workers=2, set={'options.threads_per_worker': 1}", kernel=kernel)
    wait_until("two workers are connected", lambda: started.running == 2)
    wait_until("Dask's pages are there", lambda: started.state["scheduler"]["dashboard"])
    scratch = Path(str(started.entry.facts["scratch"]))
    processes = started.processes()
    # The parent folders of the test are open to all: the cluster's own rights must do.
    for parent in (stage.folder, *stage.folder.parents[:3]):
        parent.chmod(0o755)
    found = try_everything(started, processes, (scratch, *scratch.rglob("*")))
    assert len([what for what in found if what.startswith("plain dask")]) >= 3  # scheduler, two workers
    dashboard = started.state["scheduler"]["dashboard"]
    assert f"socket {dashboard}" in found
    assert opened(found) == {}, opened(found)


@pytest.mark.requires("slurm")
def test_another_user_reaches_nothing_of_a_cluster_on_slurm(slurm_stage: SlurmStage) -> None:
    """Given jobs on Slurm, when another user tries each port of keeper and workers, then none lets it in.

    The line takes calls from anywhere, but tells a stranger nothing; the job's script, which holds its secrets, and its
    log are the owner's alone.
    """
    started = slurm_stage.full()
    jobs = slurm_stage.ours(started, "RUNNING")
    everybody = slurm_stage.slurm.processes_on_nodes()
    workers = [one for one in everybody if one.environment.get("SLURM_JOB_NAME") == started.tag]
    assert len(jobs) == 3
    for parent in (slurm_stage.folder, *slurm_stage.folder.parents[:3]):
        parent.chmod(0o755)
    spool = list(slurm_stage.slurm.folder.glob("spool-n*/job*/*"))
    found = try_everything(
        started, [*started.processes(), *workers], (slurm_stage.scratch, *slurm_stage.scratch.rglob("*"), *spool)
    )
    assert any(path.name == "slurm_script" for path in spool)
    assert len([what for what in found if what.startswith("plain dask")]) >= 5  # scheduler, line, three workers
    # The folder above the workers' own is made by the job for anybody's jobs, as $TMPDIR is.
    allowed = {f"file {slurm_stage.scratch}"}
    there = {what: words for what, words in opened(found).items() if what not in allowed}
    assert there == {}, there
