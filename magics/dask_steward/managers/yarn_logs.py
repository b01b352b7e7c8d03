"""Logs of containers, from their nodes while the application runs."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from dask_steward.managers.base import Unknown

#: Most bytes of a log that are brought here.
MOST = 4_000_000
#: Logs of a container that say how YARN started it, and nothing of what ran there.
_LAUNCHING = ("launch_container.sh", "directory.info", "prelaunch.out", "prelaunch.err", "container_tokens")
_HEAD = re.compile(r"Container: (container_\S+)(?: on \S+)?")


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
    for name in ("dask.worker.log", "application.driver.log"):
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


def parse(text: str) -> dict[str, dict[str, str]]:
    r"""Return logs by container and name, from what the node writes.

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
