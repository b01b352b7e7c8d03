"""Take out of a text what belongs to a site or a person: notebooks are saved, and shown to others."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

_ADDRESS = re.compile(
    r"\b(?:tcp|tls|ucx|ws|wss|inproc|https?|unix)://[^\s'\"<>)\],;]+"
    r"|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"
    r"|(?<![\w:])\[?(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}\]?(?::\d+)?"
)
#: A host by its name, with a port; Dask's own forms of addresses begin so.
_HOST_AND_PORT = re.compile(r"([A-Za-z0-9_][\w.-]*):\d+")
#: An absolute path of at least two parts; its last part says enough.
_PATH = re.compile(r"(?<![\w./~-])~?(?:/[\w.@+%~-]+)*/([\w.@+%~-]+)/?")
_DEEP = re.compile(r"(?<![\w./~-])~?(?:/[\w.@+%~-]+){2,}/?|(?<![\w./-])~/[\w.@+%~/-]+")


def scrubbed(text: str, hidden: Iterable[str] = ()) -> str:
    """Return a text without addresses, paths, this host's name and this user's, and further names.

    Examples
    --------
    >>> scrubbed('lost tcp://10.0.0.7:8786 in File "/home/ada/run/mean.py", line 3')
    'lost … in File "mean.py", line 3'
    """
    found = _ADDRESS.sub("…", text)
    found = _DEEP.sub(lambda match: _PATH.sub(r"\1", match[0]), found)
    own = _own()
    if own is not None:
        found = own.sub("…", found)
    names = {name for name in hidden if len(name) > 2}
    return _pattern(frozenset(names)).sub("…", found) if names else found


def hosts_of(state: Mapping[str, Any]) -> set[str]:
    """Return the hosts that a cluster's state names, also in the name that an attached one gets by its address."""
    found: set[Any] = {(state.get(part) or {}).get("host") for part in ("owner", "keeper", "guard")}
    found.update(one.get("node") for part in ("holdings", "losses") for one in state.get(part) or ())
    places = [str((state.get("scheduler") or {}).get("address") or "").partition("://")[2]]
    if state.get("foreign"):
        places.append(str(state.get("name") or ""))
    for place in places:
        host = _HOST_AND_PORT.match(place)
        if host is not None and host[1] != "localhost":
            found.update((host[1], host[1].partition(".")[0]))
    # Numbers alone are no names: whole addresses are found by their form.
    return {str(host) for host in found if host and not str(host).isdigit()}


@cache
def _own() -> re.Pattern[str] | None:
    host = socket.gethostname()
    names = {host, host.partition(".")[0]}
    try:
        names.add(getpass.getuser())
    except (KeyError, OSError):  # a user without a name, as in some containers
        pass
    # "root" and "localhost" are everybody's, and words of one or two letters are in every sentence.
    names = {name for name in names if len(name) > 2 and name not in ("root", "localhost", "runner", "user")}
    if os.environ.get("JUPYTERHUB_USER"):
        names.add(os.environ["JUPYTERHUB_USER"])
    if not names:
        return None
    return _pattern(frozenset(names))


@cache
def _pattern(names: frozenset[str]) -> re.Pattern[str]:
    longest = sorted(names, key=len, reverse=True)
    return re.compile(r"(?<![\w.-])(?:" + "|".join(map(re.escape, longest)) + r")(?:\.[\w.-]+)?(?![\w-])")
