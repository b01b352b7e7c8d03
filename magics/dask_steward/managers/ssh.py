"""Hosts that are reached by the system's own ``ssh``: what of ours runs there, start it, end it.

There is no queue. A *job* is a process with all that it starts, known by host, process id and start time together; in
its environment stands to which cluster it belongs, so that a host alone can say what is ours. A host that cannot be
asked is *unknown*, never *empty*.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dask_steward.errors import SubmitRefused
from dask_steward.managers import command, ssh_words
from dask_steward.managers.base import JobState, JobStatus, Manager, Unknown

COMMANDS = ("ssh",)
"""What must be on the PATH."""


HOSTS = "DASK_STEWARD_SSH_HOSTS"
"""Variable of `Ssh.remembered`: the hosts, and how they are reached."""

KEPT = ("PATH", "HOME", "SSH_AUTH_SOCK")
"""Variables by which ssh finds its files and its agent."""

MARK = "DASK_STEWARD_SSH"
"""Variable of every process that we start on a host: tag, key, process id, start time, when it was started, and the
host's name, by which another name of the same machine is told from it."""

FOLDER = "DASK_STEWARD_SSH_FOLDER"
"""Variable of such a process: the folder that its job makes for itself, which goes with it."""

CONNECT_LIMIT = 8
"""Seconds for a connection."""

AT_ONCE = 32
"""Hosts that are asked at the same time."""

# In nobody's way: no prompts, no forwarding, no master that outlives us, and no terminal.
_ALWAYS = (
    "-T", "-x", "-a",
    "-o", "BatchMode=yes",
    "-o", "ControlMaster=no",
    "-o", "ClearAllForwardings=yes",
    "-o", "PermitLocalCommand=no",
    "-o", "RemoteCommand=none",
    "-o", "EscapeChar=none",
    "-o", "ServerAliveCountMax=3",
)  # fmt: skip

_ID = re.compile(r"(?P<host>[^\s]+):(?P<pid>[0-9]+):(?P<start>[0-9]+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LINE = re.compile(rf"/proc/(\d+)/environ:{MARK}=(\S+) (\S+) (\d+) (\d+) (\d+) (\S+)")

# One grep over all processes: a host may have thousands, and our jobs few.
_LIST = f"""
[ -r /proc/self/environ ] || {{ echo 'steward-refused this host has no /proc'; exit 0; }}
echo steward-begin
grep -sazoH '^{MARK}=.*' /proc/[0-9]*/environ | tr '\\0' '\\n'
echo steward-end
"""

# A job that is told to end tidies up; what is left of it after a second is killed. No process is touched that does not
# carry the mark, whatever became of its number.
_END = f"""
of() {{ grep -lsazE "^{MARK}=$1( |$)" /proc/[0-9]*/environ | sed 's,^/proc/,,; s,/environ$,,' | tr '\\n' ' '; }}
folders() {{
  for pid in $1; do tr '\\0' '\\n' <"/proc/$pid/environ"; done 2>/dev/null | sed -n 's/^{FOLDER}=//p' | sort -u
}}
end() {{
  pids=$(of "$1")
  [ -n "$pids" ] || return
  made=$(folders "$pids")
  case " $pids" in *" ${{2:-none}} "*) kill -TERM "$2" 2>/dev/null ;; *) kill -TERM $pids 2>/dev/null ;; esac
  for turn in 1 2 3 4 5 6 7 8 9 10; do
    pids=$(of "$1")
    [ -n "$pids" ] || return
    sleep 0.1
  done
  kill -KILL $pids 2>/dev/null
  # What was killed could not tidy up, and the cluster's keys lie there.
  printf '%s\\n' "$made" | while read -r folder; do
    case ${{folder##*/}} in dask-steward-*.*) rm -rf -- "$folder" ;; esac
  done
}}
echo steward-begin
"""


@dataclass(frozen=True)
class Host:
    """One host and how ssh reaches it.

    Attributes
    ----------
    name : str
        As the profile names it; ssh may know it by an alias.
    options : tuple of str
        Arguments of ssh.
    """

    name: str
    options: tuple[str, ...] = ()


def hosts_of(options: Mapping[str, Any]) -> tuple[Host, ...]:
    """Return the hosts of a profile's ``options``, in their order; one that stands there twice is there twice."""
    names = [str(one) for one in options.get("hosts") or ()]
    given = options.get("connect_options") or {}
    each = [dict(given)] * len(names) if isinstance(given, Mapping) else [dict(one) for one in given]
    return tuple(Host(name, _arguments(one)) for name, one in zip(names, each, strict=False))


def _arguments(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return ssh's arguments for what asyncssh, and so Dask's SSHCluster, calls by these names."""
    found: list[str] = []
    for name, flag in (("username", "-l"), ("port", "-p"), ("config", "-F"), ("tunnel", "-J")):
        if given.get(name):
            found += [flag, str(given[name])]
    keys = given.get("client_keys") or ()
    for key in [keys] if isinstance(keys, str) else keys:
        found += ["-i", os.path.expanduser(str(key))]
    if keys:
        found += ["-o", "IdentitiesOnly=yes"]
    known = given.get("known_hosts")
    if known == "none":
        found += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    elif known:
        found += ["-o", f"UserKnownHostsFile={os.path.expanduser(str(known))}"]
    for name, option in (("proxy_command", "ProxyCommand"), ("host_key_alias", "HostKeyAlias")):
        if given.get(name):
            found += ["-o", f"{option}={given[name]}"]
    found += ["-o", f"ConnectTimeout={int(given.get('connect_timeout') or CONNECT_LIMIT)}"]
    found += ["-o", f"ServerAliveInterval={int(given.get('keepalive_interval') or 15)}"]
    return tuple(found)


def environment_of(profile: Mapping[str, Any]) -> dict[str, str]:
    """Return what `Ssh.remembered` would say of a profile: for an entry of which nothing else can be read."""
    options = profile.get("options")
    return _remembered(hosts_of(options)) if isinstance(options, Mapping) else {}


def _remembered(hosts: Iterable[Host]) -> dict[str, str]:
    unique = {(host.name, host.options): None for host in hosts}
    return {HOSTS: json.dumps([[name, list(options)] for name, options in unique])}


class Ssh(Manager):
    """The hosts of one cluster.

    Parameters
    ----------
    environment : mapping, optional
        What `remembered` gave to another process; its variables stand behind our own.
    timeout : float
        Seconds that one host may take to answer.
    """

    system = "ssh"
    gone = "its processes have ended"

    def __init__(self, environment: Mapping[str, str] | None = None, timeout: float = 15.0) -> None:
        given = dict(environment or {})
        self.timeout = timeout
        told = given.get(HOSTS)
        self.hosts: tuple[Host, ...] = _read_hosts(told)
        self.known = told is not None
        """Whether it is known at all where something of ours can be."""
        self._environment = {**{name: given[name] for name in KEPT if name in given}, **os.environ}

    def remembered(self) -> dict[str, str]:
        kept = {name: self._environment[name] for name in KEPT if name in self._environment}
        return {**_remembered(self.hosts), **kept}

    def connection(self) -> dict[str, str]:
        return _remembered(self.hosts)

    # -- questions and orders --

    def jobs(self, *, timeout: float | None = None) -> tuple[JobStatus, ...] | Unknown:
        if not self.known:
            return Unknown("the ledger does not say on which hosts its workers are")
        answers = self.jobs_by_host(timeout)
        known = tuple(job for answer in answers.values() if not isinstance(answer, Unknown) for job in answer)
        missing = [answer.reason for answer in answers.values() if isinstance(answer, Unknown)]
        return Unknown("; ".join(missing), known) if missing else known

    def jobs_by_host(self, timeout: float | None = None) -> dict[str, tuple[JobStatus, ...] | Unknown]:
        """Return for each host what of ours runs there, or why it could not be asked."""

        def ask(host: Host) -> tuple[JobStatus, ...] | Unknown:
            done = self.run(host, _LIST, timeout)
            return done if isinstance(done, Unknown) else parse_list(host.name, done.out)

        return self._each(self.hosts, ask)

    def cancel(self, ids: Sequence[str], *, timeout: float | None = None, commands: int = 0) -> Unknown | None:
        by_host: dict[str, list[str]] = {}
        for id in dict.fromkeys(ids):
            found = _ID.fullmatch(id)
            if found is None:
                raise ValueError(f"not a process on a host: {id!r}")
            words = f"end '[^ ]+ [^ ]+ {found['pid']} {found['start']}' {found['pid']} &"
            by_host.setdefault(found["host"], []).append(words)
        return self._order({name: "\n".join([*words, "wait"]) for name, words in by_host.items()}, timeout)

    def cancel_tag(self, tag: str, *, timeout: float | None = None) -> Unknown | None:
        if not _NAME.fullmatch(tag):
            raise ValueError(f"not a tag: {tag!r}")
        return self._order({host.name: f"end '{tag}'" for host in self.hosts}, timeout)

    def _order(self, scripts: Mapping[str, str], timeout: float | None) -> Unknown | None:
        known = {host.name: host for host in self.hosts}
        strangers = [name for name in scripts if name not in known]
        if strangers:
            return Unknown(f"host {strangers[0]} is none of this cluster's")

        def act(host: Host) -> Unknown | None:
            done = self.run(host, f"{_END}{scripts[host.name]}\nexit 0\n", timeout)
            return done if isinstance(done, Unknown) else None

        refused = [one for one in self._each([known[name] for name in scripts], act).values() if one is not None]
        return Unknown("; ".join(one.reason for one in refused)) if refused else None

    def submit(
        self,
        script: str,
        *,
        job_name: str,
        comment: str,
        count: int = 1,
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> tuple[str, ...]:
        raise SubmitRefused("a process is started on a host that its cluster chooses.")

    def explain(self, status: JobStatus, facts: object = None) -> str:
        return f"it runs on {status.node}"

    # -- the wire --

    def arguments(self, host: Host) -> list[str]:
        """Return the ssh command that runs a script, which it reads from its input, on a host.

        Raises
        ------
        FileNotFoundError
            If there is no ssh.
        """
        path = command.find("ssh", self._environment.get("PATH", os.defpath))
        if path is None:
            raise FileNotFoundError("ssh is not on the PATH")
        # Whatever shell the user has there, it understands this.
        return [path, *_ALWAYS, *host.options, "--", host.name, "exec /bin/sh -s"]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of ssh."""
        return dict(self._environment)

    def run(self, host: Host, script: str, timeout: float | None = None) -> command.Finished | Unknown:
        """Run a script on a host; an answer that did not come, or not whole, is `Unknown`."""
        seconds = self.timeout if timeout is None else timeout
        try:
            done = command.run(self.arguments(host), environment=self.environment, timeout=seconds, text=script)
        except OSError as error:
            return Unknown(f"ssh cannot be started: {error.strerror or error}")
        if "steward-refused " in done.out:
            return Unknown(f"host {host.name}: {done.out.partition('steward-refused ')[2].splitlines()[0]}")
        if done.status == 0 and "steward-begin" in done.out:
            return done
        what, way, again = ssh_words.sentence(host.name, done.err or done.out, done.status, seconds)
        return Unreachable(f"{what}. {way}".rstrip("."), again=again)

    def _each(self, hosts: Iterable[Host], act: Callable[[Host], Any]) -> dict[str, Any]:
        """Do something on all hosts, many at a time; an error is raised."""
        todo = list({host.name: host for host in hosts}.values())
        answers: dict[str, Any] = {}
        errors: list[BaseException] = []

        def work() -> None:
            while True:
                try:
                    host = todo.pop()
                except IndexError:
                    return
                try:
                    answers[host.name] = act(host)
                except BaseException as error:  # noqa: BLE001  # raised again by whoever waits for all
                    errors.append(error)

        if len(todo) == 1:
            work()
        else:
            threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(todo)))]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
        if errors:
            raise errors[0]
        return {host.name: answers[host.name] for host in hosts}


@dataclass(frozen=True)
class Unreachable(Unknown):
    """A host did not let us in.

    Attributes
    ----------
    again : bool
        A later try may end otherwise.
    """

    again: bool = True


def parse_list(host: str, out: str) -> tuple[JobStatus, ...] | Unknown:
    r"""Return the jobs in what a host has told of its processes; only a whole answer is one.

    >>> parse_list("n1", "steward-begin\nsteward-end\n")
    ()
    """
    lines = out.splitlines()
    if "steward-begin" not in lines or "steward-end" not in lines:
        return Unknown(f"host {host}: its answer is not whole")
    found: dict[tuple[str, ...], None] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is not None and match[7] == host:
            found[match.groups()[1:6]] = None
    return tuple(
        JobStatus(
            id=f"{host}:{pid}:{start}",
            name=tag,
            state=JobState.RUNNING,
            native="running",
            node=host,
            comment=f"{tag}:{key}",
            submitted=float(at),
            started=float(at),
        )
        for tag, key, pid, start, at in found
    )


def _read_hosts(told: str | None) -> tuple[Host, ...]:
    try:
        return tuple(Host(str(name), tuple(str(one) for one in options)) for name, options in json.loads(told or "[]"))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{HOSTS} cannot be read: {error}") from error
