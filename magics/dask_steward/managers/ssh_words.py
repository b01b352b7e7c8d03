"""What ``ssh`` says when it does not come through, as one sentence that names the way out."""

from __future__ import annotations

import re

#: Said by ssh, and what it means for a person; the first that is found holds. The second word tells whether a later
#: try may end otherwise.
_MEANINGS = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|Offending .* key in|host key .* has changed", False,
     "its host key has changed: another machine may answer under this name",
     "If that is right, remove the old key with: ssh-keygen -R {host}"),
    (r"Host key verification failed|No .* host key is known", False,
     "its host key is not known",
     "Log in once with: ssh {host}; or name a file of known keys in options.connect_options.known_hosts"),
    (r"Permission denied", False,
     "it refuses this user or key",
     "Try: ssh -o BatchMode=yes {host} true; then set options.connect_options.username or client_keys, or load the key "
     "into an agent"),
    (r"Could not resolve hostname|Name or service not known|Temporary failure in name resolution", False,
     "its name is not known",
     "Correct options.hosts, or give it an address in ~/.ssh/config"),
    (r"Connection refused", True,
     "nobody listens on its ssh port",
     "Correct options.connect_options.port, or start sshd there"),
    (r"timed out|No route to host|Network is unreachable|Host is down", True,
     "it does not answer",
     "Look whether it is up, and whether a firewall lets ssh through"),
    (r"Identity file .* not accessible|Load key .*: (?:No such file|invalid format|error in libcrypto)", False,
     "the key cannot be read",
     "Correct options.connect_options.client_keys"),
    (r"Bad configuration option|Can't open user config file|terminating, \d+ bad configuration", False,
     "ssh's own configuration is wrong",
     "Correct ~/.ssh/config or options.connect_options.config"),
    (r"Connection (?:closed|reset)|kex_exchange_identification|Broken pipe", True,
     "it ends the connection at once",
     "Its sshd may be out of connections (MaxStartups), or refuse this host"),
)  # fmt: skip


def sentence(host: str, said: str, status: int | None, limit: float) -> tuple[str, str, bool]:
    """Return what is wrong, the way out, and whether a later try may end otherwise.

    Parameters
    ----------
    host : str
        As the profile names it.
    said : str
        What ssh wrote.
    status : int or None
        How it ended; None where its time was over.
    limit : float
        That time, in seconds.

    >>> sentence("n1", "ssh: connect to host n1 port 22: Connection refused", 255, 10)[0]
    'host n1: nobody listens on its ssh port (connect to host n1 port 22: Connection refused)'
    """
    for pattern, again, meaning, way in _MEANINGS:
        if (found := re.search(pattern, said, re.IGNORECASE)) is not None:
            line = next(line for line in said.splitlines() if found[0].splitlines()[0] in line)
            return f"host {host}: {meaning} ({_plain(line)})", f"{way.format(host=host)}.", again
    if status is None:
        return f"host {host}: it did not answer within {limit:g} s", "Look whether it is up.", True
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
    words = _plain(last) or f"exit status {status} without a word"
    return f"host {host}: {words}", f"Try: ssh -o BatchMode=yes {host} true.", True


def _plain(line: str) -> str:
    return line.strip().strip("@").strip().removeprefix("ssh: ").rstrip(".")
