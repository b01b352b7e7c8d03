"""The second way to a ResourceManager: the ``yarn`` command, where the web interface asks for a Kerberos ticket.

A Java virtual machine for each question, so it is taken only where the web interface does not know us.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from dask_steward.managers import command
from dask_steward.managers.base import Unknown
from dask_steward.managers.yarn_parse import ENDED, ID, Application, plain

_EXISTS_NOT = re.compile(r"Application(?:\s+with id '\S+')? doesn't exist in RM|ApplicationNotFoundException")
_KEPT = 5
"""Words of a command's failure that stand in a sentence: lines."""


class Command:
    """Questions and orders by ``yarn application``.

    Parameters
    ----------
    environment : mapping
        Of the command: PATH, HADOOP_CONF_DIR, KRB5CCNAME, JAVA_HOME …
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    @property
    def path(self) -> str | None:
        """Where the command is; None where there is none."""
        return command.find("yarn", self._environment.get("PATH", os.defpath))

    def list(self, tag: str | None, timeout: float) -> tuple[Application, ...] | Unknown:
        """Return the applications that have a tag (all users'), or all, ended ones included."""
        given = ["-appTags", tag] if tag else []
        done = self._run(["-list", "-appStates", "ALL", *given], timeout)
        if isinstance(done, Unknown):
            return done
        if done.status != 0 or "Total number of applications" not in done.out:
            return _failed(done)
        return parse_list(done.out, tag)

    def application(self, id: str, timeout: float) -> Application | Unknown | None:
        """Return one application; None where it is not known."""
        done = self._run(["-status", id], timeout)
        if isinstance(done, Unknown):
            return done
        found = parse_status(done.out)
        if found is not None and found.id == id:
            return found
        return None if _EXISTS_NOT.search(done.out + done.err) else _failed(done)

    def kill(self, ids: Sequence[str], timeout: float) -> Unknown | None:
        """End applications; those that have ended, or are not known, are fine."""
        done = self._run(["-kill", *ids], timeout)
        if isinstance(done, Unknown):
            return done
        # One that is not known makes the status 255, and the others are ended all the same.
        if done.status == 0 or (done.status == 255 and _EXISTS_NOT.search(done.out + done.err)):
            return None
        return _failed(done)

    def lifetime(self, id: str, seconds: float, timeout: float) -> Unknown | None:
        """Have an application ended after that many seconds."""
        done = self._run(["-appId", id, "-updateLifetime", str(max(1, round(seconds)))], timeout)
        if isinstance(done, Unknown):
            return done
        return None if done.status == 0 else _failed(done)

    def _run(self, arguments: Sequence[str], timeout: float) -> command.Finished | Unknown:
        path = self.path
        if path is None:
            return Unknown("the yarn command is not on the PATH")
        try:
            done = command.run([path, "application", *arguments], environment=self._environment, timeout=timeout)
        except OSError as error:
            return Unknown(f"{path} cannot be started: {error.strerror or error}")
        if done.status is None:
            return Unknown(f"yarn application {arguments[0]} gave no answer within {timeout:g} s")
        return done


def _failed(done: command.Finished) -> Unknown:
    lines = [line.strip() for line in (done.err or done.out).splitlines() if line.strip()]
    told = [line for line in lines if "Exception" in line or "rror" in line] or lines
    return Unknown(f"yarn application failed (status {done.status}): {' '.join(told[:_KEPT])[:300]}")


def parse_list(out: str, tag: str | None = None) -> tuple[Application, ...]:
    r"""Return the applications of a table that ``-list`` printed; it does not tell their tags, only what was asked for.

    >>> line = "application_1_0001\t  job\t  TEST\troot\tdefault\tRUNNING\tUNDEFINED\t0%\tN/A\n"
    >>> parse_list(line, "dask-steward-x")[0].state
    'RUNNING'
    """
    found = []
    for line in out.splitlines():
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) >= 9 and ID.fullmatch(cells[0]):
            # A name may hold tabs; what follows it does not.
            kind, user, queue, state, final = cells[-7:-2]
            found.append(
                Application(
                    id=cells[0],
                    name="\t".join(cells[1:-7]),
                    type=kind,
                    user=user,
                    queue=queue,
                    state=state,
                    final_status=final,
                    tags=(tag,) if tag else (),
                    tracking_url=None if cells[-1] == "N/A" else cells[-1],
                )
            )
    return tuple(found)


def parse_status(out: str) -> Application | None:
    """Return the application of a report that ``-status`` printed."""
    fields: dict[str, str] = {}
    last = ""
    for line in out.splitlines():
        name, colon, value = line.partition(" : ")
        if colon and name.startswith("\t"):
            last = name.strip()
            fields[last] = value.strip()
        elif last == "Diagnostics":
            fields[last] += f" {line.strip()}"
    if not {"Application-Id", "State"} <= set(fields):
        return None

    def moment(name: str) -> float | None:
        text = fields.get(name, "")
        return int(text) / 1000 if text.isdigit() and text != "0" else None

    left = re.search(r"RemainingTime\s*:\s*([0-9]+)", out)
    url, state = fields.get("Tracking-URL", ""), fields["State"]
    return Application(
        id=fields["Application-Id"],
        name=fields.get("Application-Name", ""),
        user=fields.get("User", ""),
        queue=fields.get("Queue", ""),
        state=state,
        final_status=fields.get("Final-State", "UNDEFINED"),
        type=fields.get("Application-Type", ""),
        diagnostics=plain(fields.get("Diagnostics", "")),
        submitted=moment("Start-Time"),
        ended=moment("Finish-Time") if state in ENDED else None,
        tracking_url=url if url not in ("", "N/A") else None,
        remaining=float(left[1]) if left else None,
    )
