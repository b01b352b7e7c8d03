"""The slurm.conf of a private Slurm, and ports for it."""

from __future__ import annotations

import os
import pwd
import random
import socket
from collections.abc import Sequence
from pathlib import Path

FAST = "SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1,bf_continue"
"""Look at the queue every second. Stock settings wait 3 s after a submit and 30 s between two looks in depth."""

CONFIGURATION = """\
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={d}/munge.socket,cred_expire=10
StateSaveLocation={d}/state
SlurmdSpoolDir={d}/spool-%n
SlurmctldPidFile={d}/slurmctld.pid
SlurmdPidFile={d}/slurmd-%n.pid
SlurmctldLogFile={d}/slurmctld.log
SlurmdLogFile={d}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
{accounting}
JobCompType=jobcomp/filetxt
JobCompLoc={d}/jobcomp.txt
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
ReturnToService=2
KillWait={kill_wait}
Licenses=matlab:1
{scheduler}
{extra}
{nodes}
PartitionName=debug Nodes=ALL Default=YES MaxTime=30:00 DefaultTime=10:00 State=UP DefMemPerCPU=100
PartitionName=normal Nodes=ALL MaxTime=1-0 DefaultTime=1:00:00 State=UP DefMemPerCPU=100
PartitionName=closed Nodes=ALL MaxTime=1-0 State=DOWN
"""


ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={d}/munge.socket
AccountingStorageEnforce=associations,limits,qos
AccountingStoreFlags=job_comment
"""


def render(
    folder: Path,
    ports: Sequence[int],
    *,
    cpus: int,
    mem: int,
    kill_wait: int,
    fast: bool,
    extra: str,
    database_port: int | None = None,
) -> str:
    """Return the configuration of a controller on the first port, and of a node on each of the others.

    With a `database_port` it keeps accounts at the slurmdbd there.
    """
    none = "AccountingStorageType=accounting_storage/none"
    host = socket.gethostname().split(".")[0]
    return CONFIGURATION.format(
        d=folder,
        host=host,
        port=ports[0],
        user=pwd.getpwuid(os.geteuid()).pw_name,
        kill_wait=kill_wait,
        scheduler=FAST if fast else "# the scheduler's intervals are stock",
        extra=extra,
        accounting=none if database_port is None else ACCOUNTING.format(d=folder, port=database_port),
        nodes="\n".join(
            f"NodeName=n{i} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={mem}"
            for i, port in enumerate(ports[1:], 1)
        ),
    )


def free_ports(n: int) -> list[int]:
    """Return ports that are free, outside the range that the kernel gives to outgoing connections."""
    chosen: list[int] = []
    while len(chosen) < n:
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        if port not in chosen:
            chosen.append(port)
    return chosen
