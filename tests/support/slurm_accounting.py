"""The database of a private Slurm: a MariaDB and a slurmdbd that listen to nobody else."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

CLUSTER = "private"
ACCOUNT = "lab"
SOCKET = "mariadb.socket"
DATA = "mariadb"

CONFIGURATION = """\
AuthType=auth/munge
AuthInfo=socket={d}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser={user}
PidFile={d}/slurmdbd.pid
LogFile={d}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser={user}
StorageLoc=slurm
"""


def missing() -> list[str]:
    """Return the programs that this machine lacks for accounting."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return [
        name
        for name in ("slurmdbd", "sacctmgr", "sacct", "mariadbd", "mariadb-install-db")
        if not shutil.which(name, path=path)
    ]


def database(folder: Path) -> list[str]:
    """Make an empty database under a folder, and return the arguments of its server."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    made = subprocess.run(
        [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={folder / DATA}",
            f"--user={user}",
            f"--auth-root-socket-user={user}",
            "--auth-root-authentication-method=socket",
            "--skip-test-db",
        ],
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        raise RuntimeError(f"mariadb-install-db: {made.stdout[-1000:]}{made.stderr[-1000:]}")
    return [
        "--no-defaults",
        f"--datadir={folder / DATA}",
        f"--socket={folder / SOCKET}",
        f"--pid-file={folder / 'mariadb.pid'}",
        f"--user={user}",
        "--skip-networking",
        # Nothing of it outlives the test.
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-lock-wait-timeout=900",
    ]


def environment(folder: Path) -> dict[str, str]:
    """Return the variables by which slurmdbd finds the database: its configuration has no word for a socket."""
    return {"MYSQL_UNIX_PORT": str(folder / SOCKET)}


def write_conf(folder: Path, port: int) -> None:
    """Write the slurmdbd.conf, which must be nobody else's to read."""
    text = CONFIGURATION.format(d=folder, port=port, user=pwd.getpwuid(os.geteuid()).pw_name)
    descriptor = os.open(folder / "slurmdbd.conf", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def add_account(run: Callable[..., subprocess.CompletedProcess[str]]) -> bool:
    """Register the cluster, an account and this user; return whether the database took it."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    orders = (
        ("cluster", CLUSTER),
        ("account", ACCOUNT, f"Cluster={CLUSTER}"),
        ("user", user, f"Account={ACCOUNT}", f"DefaultAccount={ACCOUNT}", f"Cluster={CLUSTER}"),
    )
    for order in orders:
        done = run("sacctmgr", "-i", "add", *order, check=False)
        if done.returncode != 0 and "already exists" not in done.stdout + done.stderr:
            return False
    return True
