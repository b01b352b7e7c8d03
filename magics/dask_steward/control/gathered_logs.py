"""Logs that YARN has gathered after an application's end, for clusters whose keeper could not bring them before.

A keeper brings the logs of its containers as they grow, and a last time before it ends them. One that was killed has
not: then whoever asks for the logs brings what YARN has, once, into the cluster's folder.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping

from dask_steward.ledger import entries
from dask_steward.ledger import logs as ledger_logs
from dask_steward.ledger.entries import Entry
from dask_steward.ledger.files import TornFile

#: Seconds that YARN may take: a Java process on a busy machine, and a file system; and the ResourceManager alone.
LIMIT, RM_LIMIT = 20.0, 5.0
#: Seconds for which an answer without logs holds: they may come any moment, and each question costs a Java process.
AGAIN = 10.0
#: What the ResourceManager says as long as more may come.
UNDER_WAY = ("NOT_START", "RUNNING", "RUNNING_WITH_FAILURE")
_KIND = "application"

_answers: dict[str, tuple[float, str]] = {}
_asking = threading.Lock()


def bring(entry: Entry) -> str | None:
    """See to it that the logs of an ended cluster are in its folder; blocking.

    Returns
    -------
    str or None
        Why some are not there, in one sentence; None where nothing is missing, or nothing can be.
    """
    application = _application(entry)
    if application is None or ledger_logs.are_whole(entry.folder):
        return None
    with _asking:
        at, said = _answers.get(entry.folder, (-AGAIN, ""))
        if time.monotonic() - at < AGAIN:
            return said
        why = None if ledger_logs.are_whole(entry.folder) else _ask(entry, application)
        if why is not None:
            _answers[entry.folder] = (time.monotonic(), why)
        return why


def bring_to(folder: str) -> dict[str, str]:
    """Do the same for a cluster's folder, and return the sentence by the application's id, as if it were its log."""
    try:
        entry = entries.read_entry(folder)
    except (OSError, TornFile):
        return {}
    why = bring(entry)
    return {} if why is None else {str(_application(entry)): f"({why})"}


def _application(entry: Entry) -> str | None:
    """Return the application of a cluster that has ended, while its logs are kept; None where there is no such one."""
    if entry.system != "yarn" or not entry.ended or ledger_logs.logs_until(entry) is None:
        return None
    return next((one.id for one in entry.holdings().values() if one.kind == _KIND), None)


def _ask(entry: Entry, application: str) -> str | None:
    # Here, since most clusters are none of YARN's.
    from dask_steward.managers import environment_of, yarn_conf, yarn_logs
    from dask_steward.managers.base import Unknown
    from dask_steward.managers.yarn import Yarn

    environment = {**environment_of("yarn", entry.profile), **entry.manager_environment}
    try:
        manager = Yarn(environment)
        report = manager.application(application, timeout=RM_LIMIT)
    except ValueError as error:
        return f"the logs of {application} cannot be asked for: {error}"
    # One that the ResourceManager has forgotten may have logs all the same.
    gathering = "" if report is None or isinstance(report, Unknown) else report.gathering
    if gathering == "DISABLED" or (not gathering and manager.gathers is False):
        return (
            f"the logs of {application} were not all brought before its end, and YARN keeps none here: its log "
            "aggregation is off"
        )
    options = entry.profile.get("options")
    owner = options.get("user") if isinstance(options, Mapping) else None
    count = len(entry.holdings())
    found = yarn_logs.gathered(application, environment, owner=owner or None, containers=count, timeout=LIMIT)
    server = yarn_conf.log_server(manager.properties)
    if isinstance(found, Unknown) and server is not None:
        # The second way, where there is no command, or it cannot.
        known = None if report is None or isinstance(report, Unknown) else report.am_container
        master = known or f"container_{application.removeprefix('application_')}_01_000001"
        again = yarn_logs.served(master, server, owner or manager.user, containers=count, timeout=LIMIT)
        found = Unknown(f"{found.reason}; {again.reason}") if isinstance(again, Unknown) else again
    if isinstance(found, Unknown):
        return f"the logs that YARN has gathered of {application} could not be had: {found.reason}"
    if found is None:
        return f"YARN has no logs of {application}, or has not gathered them yet; ask again in a moment"
    try:
        _write(entry, application, found)
    except OSError as error:
        return f"the logs of {application} cannot be written to its folder: {error.strerror or error}"
    if gathering in UNDER_WAY:
        return f"YARN has not gathered all logs of {application} yet; ask again in a moment"
    ledger_logs.mark_whole(entry.folder)
    return None


def _write(entry: Entry, application: str, found: Mapping[str, Mapping[str, str]]) -> None:
    from dask_steward.managers import yarn_logs

    texts = {id: logs[yarn_logs.WORKER] for id, logs in found.items() if yarn_logs.WORKER in logs}
    # Of several masters, one after the other: their containers' ids are in the order of their attempts.
    masters = [logs[yarn_logs.MASTER] for _, logs in sorted(found.items()) if yarn_logs.MASTER in logs]
    if masters:
        texts[application] = "".join(masters)
    folder = ledger_logs.make_folder(entry.folder, entry.tag)
    for id, text in texts.items():
        path = os.path.join(folder, f"{id}.log")
        data = text.encode()
        with contextlib.suppress(FileNotFoundError):
            if os.path.getsize(path) > len(data):
                continue  # only the end of a long one is asked for
        aside = f"{path}.{os.getpid()}.part"
        with open(aside, "wb") as file:
            file.write(data)
        os.replace(aside, path)
