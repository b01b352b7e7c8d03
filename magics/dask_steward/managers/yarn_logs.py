"""Logs of containers: from their nodes while the application runs, and what YARN has gathered of them after its end."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from dask_steward.managers import command
from dask_steward.managers.base import Unknown

#: Most bytes of a log that are brought here.
MOST = 4_000_000
#: Most bytes of all logs of an application together, of those that were gathered.
MOST_OF_ALL = 64_000_000
#: What a worker's container writes, and the part of the application's master that is ours.
WORKER, MASTER = "dask.worker.log", "application.driver.log"
#: Logs of a container that say how YARN started it, and nothing of what ran there.
_LAUNCHING = ("launch_container.sh", "directory.info", "prelaunch.out", "prelaunch.err", "container_tokens")
_HEAD = re.compile(r"Container: (container_\S+)(?: on \S+)?")
#: What ``yarn logs`` says where it was answered, and there are none, of Hadoop 2 and 3.
_NONE = re.compile(
    r"Can not find (?:any log file|the logs)|Log aggregation has not completed|does not have any log files"
)
#: Begin of a container's id, which attempt, and its number in that.
_NUMBER = re.compile(r"(container_(?:e[0-9]+_)?[0-9]+_[0-9]+_)([0-9]+)_([0-9]+)")
#: Numbers one after the other without logs, after which no more are looked for: YARN gives some out that nobody uses.
GAP = 10
#: An option that an older ``yarn`` does not know.
_OLD = re.compile(r"Unrecognized option")


def running(node: str, container: str, user: str, *, scheme: str = "http", timeout: float) -> str | Unknown:
    """Return the log of a container of an application that runs, whether the container does or not.

    Parameters
    ----------
    node : str
        ``host:port`` of its NodeManager's web.
    container : str
        YARN's id of it.
    user : str
        Who asks, where the site believes it.
    scheme : str
        ``http`` or ``https``.
    timeout : float
        Seconds.
    """
    # Here, since a guard imports none of these.
    import http.client
    import urllib.error
    import urllib.request

    base = f"{scheme}://{node}/ws/v1/node/containerlogs/{quote(container)}"
    query = urlencode({"user.name": user, "size": -MOST})
    texts = []
    for name in (WORKER, MASTER):
        asked = urllib.request.Request(f"{base}/{name}?{query}", headers={"Accept": "text/plain"})
        try:
            with urllib.request.urlopen(asked, timeout=timeout) as answer:
                text = answer.read(MOST + 4096).decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            if error.code in (404, 500):
                continue  # no log of this name
            return Unknown(f"the NodeManager at {node} refuses the log (HTTP {error.code})")
        except (OSError, http.client.HTTPException) as error:
            return Unknown(f"the NodeManager at {node} cannot be asked: {getattr(error, 'reason', None) or error}")
        texts += [part for _, part in parse(text).get(container, {"": text}).items()]
    return "".join(texts) if texts else Unknown(f"the NodeManager at {node} has no log of {container}")


def gathered(
    application: str,
    environment: Mapping[str, str],
    *,
    owner: str | None = None,
    containers: int = 1,
    timeout: float,
) -> dict[str, dict[str, str]] | Unknown | None:
    """Return by container and name the logs that YARN has gathered of an application that is over.

    By the ``yarn`` command, a Java process of a second or two.

    Parameters
    ----------
    application : str
        Its id.
    environment : mapping
        What `Yarn.remembered` gave, over our own.
    owner : str, optional
        On whose behalf it ran, where that is somebody else.
    containers : int
        About how many it had: the more, the less of each is brought.
    timeout : float
        Seconds.

    Returns
    -------
    dict, Unknown or None
        None where YARN answers that it has none; it gathers them when the application is over, so perhaps not yet.
    """
    whole = {**os.environ, **environment}
    path = command.find("yarn", whole.get("PATH", os.defpath))
    if path is None:
        return Unknown("there is no command yarn on the PATH, which reads the logs that YARN has gathered")
    arguments = [path, "logs", "-applicationId", application, *(["-appOwner", owner] if owner else [])]
    most = min(MOST, MOST_OF_ALL // max(1, containers))
    try:
        done = command.run([*arguments, "-size", str(-most)], environment=whole, timeout=timeout)
        if _OLD.search(done.err + done.out):
            done = command.run(arguments, environment=whole, timeout=timeout)
    except OSError as error:
        return Unknown(f"{path} cannot be started: {error.strerror or error}")
    if done.status is None:
        return Unknown(f"yarn logs gave no answer within {timeout:g} s")
    found = _trimmed(done.out)
    if found:
        return found
    told = done.err + done.out
    if _NONE.search(told):
        return None
    said = [line.strip() for line in told.splitlines() if line.strip() and " INFO " not in line]
    return Unknown(f"yarn logs failed (status {done.status}): {said[-1][:300] if said else 'it says nothing'}")


def served(
    master: str, base: str, user: str, *, containers: int = 1, timeout: float
) -> dict[str, dict[str, str]] | Unknown | None:
    """Return the same from a server that shows what was gathered: the timeline's, or that of MapReduce's history.

    Parameters
    ----------
    master : str
        The container of the application's last master: it does not list an application's containers, which are numbered
        from that on.
    base : str
        Its address, as ``yarn.log.server.web-service.url`` names it.
    user, containers, timeout
        As for `running` and `gathered`; the time is for all of them together.
    """
    named = _NUMBER.fullmatch(master)
    if named is None:
        return Unknown(f"{master} is no container")
    query = urlencode({"user.name": user, "size": -min(MOST, MOST_OF_ALL // max(1, containers))})
    deadline = time.monotonic() + timeout
    found: dict[str, dict[str, str]] = {}
    for attempt in range(1, int(named[2]) + 1):
        number, missed = 0, 0
        while missed < GAP:
            number += 1
            id = f"{named[1]}{attempt:02d}_{number:06d}"
            where = f"{base.rstrip('/')}/containers/{id}/logs"
            listed = _get(f"{where}?{urlencode({'user.name': user})}", "application/json", deadline)
            if isinstance(listed, Unknown):
                return listed
            missed = missed + 1 if listed is None else 0
            for name in (WORKER, MASTER):
                if listed is None or f'"{name}"' not in listed:
                    continue
                text = _get(f"{where}/{name}?{query}", "text/plain", deadline)
                if isinstance(text, Unknown):
                    return text
                for container, logs in _trimmed(text or "").items():
                    found.setdefault(container, {}).update(logs)
    return found or None


def _get(url: str, kind: str, deadline: float) -> str | Unknown | None:
    """Return what a server shows; None where it knows nothing of that."""
    import http.client
    import urllib.error
    import urllib.request

    left = deadline - time.monotonic()
    server = url.partition("?")[0].partition("/containers/")[0]
    if left <= 0:
        return Unknown(f"{server} took too long")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": kind}), timeout=left) as answer:
            return str(answer.read(MOST + 4096).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        return None if error.code in (404, 500) else Unknown(f"{server} refuses the logs (HTTP {error.code})")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Unknown(f"{server} cannot be asked: {getattr(error, 'reason', None) or error}")


def _trimmed(text: str) -> dict[str, dict[str, str]]:
    """Return logs that were gathered: a blank line stands between each and its end."""
    return {
        id: {name: log[:-1] if log.endswith("\n\n") else log for name, log in logs.items()}
        for id, logs in parse(text).items()
    }


def parse(text: str) -> dict[str, dict[str, str]]:
    r"""Return logs by container and name, from what the node or ``yarn logs`` writes.

    >>> parse("Container: container_1 on n1\nLogType:a.log\nLogLength:2\nLogContents:\nhi\nEnd of LogType:a.log\n")
    {'container_1': {'a.log': 'hi\n'}}
    """
    found: dict[str, dict[str, list[str]]] = {}
    id = name = None
    inside = False
    for line in text.splitlines(keepends=True):
        if inside and name is not None and line.startswith(f"End of LogType:{name}"):
            inside, name = False, None
        elif inside and id is not None and name is not None:
            found.setdefault(id, {}).setdefault(name, []).append(line)
        elif (head := _HEAD.fullmatch(line.rstrip())) is not None:
            id = head[1]
        elif line.startswith("LogType:"):
            name = line.partition(":")[2].strip()
        elif line.startswith("LogContents:"):
            inside = True
    return {
        id: {name: "".join(lines) for name, lines in logs.items() if name not in _LAUNCHING}
        for id, logs in found.items()
        if set(logs) - set(_LAUNCHING)
    }
