"""Take out of a text what belongs to a site or a person: notebooks are saved, and shown to others."""

from __future__ import annotations

import getpass
import os
import re
import socket
from functools import cache

_ADDRESS = re.compile(
    r"\b(?:tcp|tls|ucx|ws|wss|inproc|https?|unix)://[^\s'\"<>)\],;]+"
    r"|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"
    r"|(?<![\w:])\[?(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}\]?(?::\d+)?"
)
#: An absolute path of at least two parts; its last part says enough.
_PATH = re.compile(r"(?<![\w./~-])~?(?:/[\w.@+%~-]+)*/([\w.@+%~-]+)/?")
_DEEP = re.compile(r"(?<![\w./~-])~?(?:/[\w.@+%~-]+){2,}/?|(?<![\w./-])~/[\w.@+%~/-]+")


def scrubbed(text: str) -> str:
    """Return a text without addresses, paths, this host's name and this user's.

    Examples
    --------
    >>> scrubbed('lost tcp://10.0.0.7:8786 in File "/home/ada/run/mean.py", line 3')
    'lost … in File "mean.py", line 3'
    """
    found = _ADDRESS.sub("…", text)
    found = _DEEP.sub(lambda match: _PATH.sub(r"\1", match[0]), found)
    own = _own()
    return own.sub("…", found) if own is not None else found


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
    longest = sorted(names, key=len, reverse=True)
    return re.compile(r"(?<![\w.-])(?:" + "|".join(map(re.escape, longest)) + r")(?:\.[\w.-]+)?(?![\w-])")
