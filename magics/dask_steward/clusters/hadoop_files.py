"""Files on Hadoop's file systems, by Hadoop's own shell: whatever its configuration says (HDFS and its pairs of name
nodes, Kerberos, object stores) holds there, too.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from dask_steward.managers import command, yarn_conf

#: Seconds for an answer. Hadoop's clients try a name node that is down for minutes.
ANSWER_LIMIT = 12.0
#: Seconds for the copy of an archive, and how many bytes of it a second are taken for slow.
COPY_LIMIT, COPY_SPEED = 60.0, 2**20
#: A small Java that is quickly there.
_CLIENT_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m"
_NOISE = re.compile(r"^(SLF4J|WARNING|log4j:|\d\d\d\d-\d\d-\d\d |\d\d/\d\d/\d\d )")
_MODE = re.compile(r"[-dl][-rwxsStT]{9}[+@.]?")
_MISSING = re.compile(r"No such file or directory")


class FilesError(Exception):
    """Hadoop's shell refused, or did not answer; the message is its own words, or ours."""


@dataclass(frozen=True)
class Stat:
    """What a file is: bytes, and when it was written (Hadoop's milliseconds since the epoch)."""

    size: int
    modified: int
    folder: bool


@dataclass(frozen=True)
class Rights:
    """Who may do what with a file or folder, as ``ls`` shows it: ``-rw-r-----``, and a ``+`` where there is more."""

    path: str
    mode: str
    owner: str
    group: str

    def allow(self, user: str, groups: Collection[str] | None) -> bool | None:
        """Tell whether a user may read a file, or go through a folder; None where only the file system knows.

        Parameters
        ----------
        user : str
            Name of the account.
        groups : collection of str or None
            Its groups, as far as this machine knows them; the file system has its own list.

        >>> Rights("/a", "-rw-r-----", "ada", "staff").allow("ada", None)
        True
        >>> [Rights("/a", "-rw-r-----", "ada", "staff").allow("bob", of) for of in (["staff"], ["users"], None)]
        [True, None, None]
        >>> Rights("/a", "drwx------", "ada", "staff").allow("bob", ["staff"])
        False
        """
        needed = 3 if self.mode.startswith("d") else 1  # x of a folder, r of a file
        mine, of_group, of_all = (self.mode[first + needed] in "rxst" for first in (0, 3, 6))
        if user == self.owner:
            return mine
        if of_all and of_group:
            return True
        if self.mode.endswith("+"):
            return None
        if of_group:
            return True if groups is not None and self.group in groups else None
        # Of a group that may less than all others only its members are kept out.
        return None if of_all else False


class HadoopFiles:
    """Hadoop's file systems as one process sees them.

    Parameters
    ----------
    environment : mapping
        With PATH and HADOOP_CONF_DIR.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._environment["HADOOP_CLIENT_OPTS"] = f"{_CLIENT_OPTIONS} {environment.get('HADOOP_CLIENT_OPTS', '')}"

    def stat(self, uri: str) -> Stat | None:
        """Return what a file is; None if it is not there."""
        return self.stat_all(uri)[0]

    def stat_all(self, *uris: str) -> list[Stat | None]:
        """Return what files are, whose names must differ, by one question."""
        done = self._ask("-stat", "%b|%Y|%F|%n", *uris)
        said = [line for line in _said(done) if not _MISSING.search(line)]
        if done.status != 0 and (said or not _said(done)):
            raise FilesError(_last(said, done))
        found: dict[str, Stat] = {}
        for line in done.out.splitlines():
            parts = line.strip().split("|", 3)
            if len(parts) == 4 and parts[0].isdigit():
                found[parts[3]] = Stat(int(parts[0]), int(parts[1]), "directory" in parts[2])
        return [found.get(uri.rstrip("/").rpartition("/")[2]) for uri in uris]

    @contextlib.contextmanager
    def reading(self, uri: str) -> Iterator[IO[bytes]]:
        """Read a file as it comes; whoever has seen enough leaves."""
        process = subprocess.Popen(
            [*self._program(), "-cat", uri],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            start_new_session=True,
        )
        try:
            if process.stdout is None:  # never with PIPE
                raise FilesError("it cannot be read")
            yield process.stdout
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdout is not None:
                process.stdout.close()
            process.wait()

    def put(self, path: str, uri: str) -> None:
        """Copy a file of this machine to where it is found by others, whole or not at all."""
        folder, _, name = uri.rpartition("/")
        aside = f"{folder}/.{name}.{uuid.uuid4().hex}"
        limit = COPY_LIMIT + os.path.getsize(path) / COPY_SPEED
        self._run("-mkdir", "-p", folder)
        try:
            self._run("-put", path, aside, limit=limit)
            try:
                self._run("-mv", aside, uri)
            except FilesError:
                if self.stat(uri) is None:  # else somebody else was as quick, with the same content
                    raise
                self._run("-rm", "-skipTrash", aside)
        except FilesError:
            with contextlib.suppress(FilesError):
                self._run("-rm", "-f", "-skipTrash", aside)
            raise

    def rights(self, uri: str) -> list[Rights]:
        """Return who may do what with a file and with each folder above it, the file first and the root last."""
        scheme, colon, rest = uri.partition("://")
        authority, _, path = rest.partition("/") if colon else ("", "", uri)
        parts = [part for part in path.split("/") if part]
        base = f"{scheme}://{authority}/" if colon else "/"
        wanted = [base + "/".join(parts[:count]) for count in range(len(parts), -1, -1)]
        found = [
            Rights(one["path"], one["mode"], one["owner"], one["group"])
            for one in _listed(self._run("-ls", "-d", *wanted))
        ]
        if len(found) != len(wanted):
            raise FilesError(f"it does not tell who may read {uri}")
        return found

    def listing(self, uri: str) -> list[dict[str, str]]:
        """Return what is below a folder, at any depth, as ``ls`` shows it."""
        return _listed(self._run("-ls", "-R", uri))

    def touch(self, uri: str) -> None:
        """Make an empty file, or make it new."""
        self._run("-touchz", uri)

    def remove(self, uris: Sequence[str]) -> None:
        """Delete files and folders, with all that is in them."""
        self._run("-rm", "-r", "-f", "-skipTrash", *uris, limit=COPY_LIMIT)

    def home(self) -> str | None:
        """Return this user's folder on the default file system; None where that is this machine's own."""
        try:
            said = yarn_conf.read(self._environment)
        except ValueError as error:
            raise FilesError(str(error)) from error
        default = yarn_conf.value(said, "fs.defaultFS")
        if default.startswith("file:"):
            return None
        user = self._environment.get("HADOOP_USER_NAME") or getpass.getuser()
        table = default.partition("://")[2].strip("/") or "default"
        above = (
            yarn_conf.value(said, f"fs.viewfs.mounttable.{table}.homedir")
            or yarn_conf.value(said, "dfs.user.home.dir.prefix")
            or "/user"
        )
        return f"{default.rstrip('/')}{above.rstrip('/')}/{user}"

    def _program(self) -> list[str]:
        path = self._environment.get("PATH", os.defpath)
        hadoop = command.find("hadoop", path)
        if hadoop is not None:
            return [hadoop, "fs"]
        yarn = command.find("yarn", path)
        if yarn is not None:
            return [yarn, "org.apache.hadoop.fs.FsShell"]
        raise FilesError("there is no command hadoop or yarn on the PATH")

    def _run(self, *arguments: str, limit: float | None = None) -> str:
        done = self._ask(*arguments, limit=limit)
        if done.status != 0:
            raise FilesError(_last(_said(done), done))
        return done.out

    def _ask(self, *arguments: str, limit: float | None = None) -> command.Finished:
        limit = limit or ANSWER_LIMIT
        try:
            done = command.run([*self._program(), *arguments], environment=self._environment, timeout=limit)
        except OSError as error:
            raise FilesError(f"Hadoop's file system shell cannot be run: {error.strerror or error}") from error
        if done.status is None:
            raise FilesError(f"the file system did not answer within {limit:g} s")
        return done


def _listed(text: str) -> list[dict[str, str]]:
    names = ("mode", "replicas", "owner", "group", "size", "day", "time", "path")
    rows = (line.split(None, 7) for line in text.splitlines())
    return [dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names) and _MODE.fullmatch(row[0])]


def _said(done: command.Finished) -> list[str]:
    return [line.strip() for line in done.err.splitlines() if line.strip() and not _NOISE.match(line)]


def _last(said: Sequence[str], done: command.Finished) -> str:
    return (said[-1] if said else f"exit status {done.status}").rstrip(".")
