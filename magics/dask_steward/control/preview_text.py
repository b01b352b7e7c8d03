"""Previews as text, the same in every face."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from datetime import datetime

from dask_steward.control.previewed import Candidate, Jobs, Preview

_SHOWN_COMMANDS = 3
_CAPITALS = "Nothing was submitted. CLUSTER, SCHEDULER, HOST, PORT and SECRET are known once the cluster runs."


def size(memory: float) -> str:
    """Return bytes for a person.

    >>> size(120 * 2**30), size(1500 * 2**20), size(0)
    ('120 GiB', '1.46 GiB', 'no limit')
    """
    if not memory:
        return "no limit"
    for unit, words in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB")):
        if memory >= unit:
            return f"{memory / unit:.3g} {words}"
    return f"{memory:.0f} B"


def moment(start: float | None, now: float | None = None) -> str:
    """Return when something begins: the clock, and how long that is from now.

    >>> moment(None), moment(100, now=200)
    ('not known', 'now')
    """
    if start is None:
        return "not known"
    now = time.time() if now is None else now
    left = start - now
    if left < 60:
        return "now"
    then, today = datetime.fromtimestamp(start), datetime.fromtimestamp(now)
    clock = then.strftime("%H:%M" if then.date() == today.date() else "%Y-%m-%d %H:%M")
    minutes = round(left / 60)
    away = f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
    return f"{clock}, in {away}"


def preview_text(preview: Preview) -> str:
    """Return a preview for a person, with every script whole."""
    if not preview.groups:
        return _local_text(preview)
    if preview.system == "yarn":
        return _yarn_text(preview)
    several = len(preview.groups) > 1
    lines = [_rows([("profile", f"{preview.profile} ({preview.system})"), *_held(preview)])]
    for group in preview.groups:
        lines += ["", f"== {group.name} ==" if several else "", _group_text(group)]
    warnings = [f"warning: {warning}" for warning in preview.warnings]
    lines += ["", *warnings, _CAPITALS]
    return "\n".join(lines).replace("\n\n\n", "\n\n")


def _held(preview: Preview) -> list[tuple[str, str]]:
    jobs = _count(preview.jobs, "job")
    return [
        ("will hold", f"{jobs}: {preview.cores} cores, {size(preview.memory)}, {preview.cores} core-hours per hour"),
        ("workers", f"{preview.workers} with {preview.threads} threads in all"),
    ]


def _group_text(group: Jobs) -> str:
    each = f"{group.cores} cores × {size(group.memory)}"
    if group.processes:
        worker = f"{_count(group.threads, 'thread')} and {size(group.memory / group.processes)} each"
        inside = f"{_count(group.processes, 'worker')}, {worker}"
    else:
        inside = "the scheduler"
    rows = [
        ("jobs", f"{group.jobs} × {each}"),
        ("in each job", inside),
        ("partition", group.partition or "the site's default"),
        ("walltime", group.walltime or "the partition's default"),
    ]
    if group.refusal is not None:
        rows.append(("start", f"refused: {group.refusal}"))
    elif group.start is not None:
        rows.append(("start", f"{moment(group.start)}{f' on {group.nodes}' if group.nodes else ''}"))
    commands = [f"$ {shlex.join(words)} < script" for words in group.commands[:_SHOWN_COMMANDS]]
    more = len(group.commands) - len(commands)
    if more > 0:
        commands.append(f"  and {more} more like it")
    return "\n".join([_rows(rows), "", *commands, "", group.script.rstrip()])


def _yarn_text(preview: Preview) -> str:
    """Return an application of YARN: what it holds, and its specification in skein's own form."""
    main = preview.groups[0]
    others = preview.groups[1:]
    containers = _count(preview.jobs, "container")
    rows = [
        ("profile", f"{preview.profile} ({preview.system})"),
        (
            "will hold",
            f"{containers}: {preview.cores} vcores, {size(sum(one.jobs * one.memory for one in preview.groups))}, "
            f"{preview.cores} core-hours per hour",
        ),
        ("queue", main.partition or "default"),
        ("workers", f"{main.jobs} × {_container(main)}, {_count(main.threads, 'thread')} each"),
        *((one.name, f"{one.jobs} × {_container(one)}") for one in others),
    ]
    if preview.refusal is not None:
        rows.append(("start", f"refused: {preview.refusal}"))
    elif main.start is not None:
        rows.append(("start", moment(main.start)))
    warnings = [f"warning: {warning}" for warning in preview.warnings]
    return "\n".join([_rows(rows), "", main.script.rstrip(), "", *warnings, _CAPITALS])


def _container(group: Jobs) -> str:
    gpus = f" × {_count(group.gpus, 'GPU')}" if group.gpus else ""
    return f"{_count(group.cores, 'vcore')} × {size(group.memory)}{gpus}"


def _local_text(preview: Preview) -> str:
    if preview.system == "local":
        workers = max(1, preview.workers)
        each = f"{_count(preview.threads // workers, 'thread')} and {size(preview.memory / workers)} each"
        what = f"{_count(preview.workers, 'worker')} on this machine, {each}"
    elif preview.system == "synchronous":
        what = "nothing: tasks run one after the other in the calling process"
    else:
        what = f"nothing: tasks run in {preview.threads} {preview.system} of the calling process"
    warnings = [f"warning: {warning}" for warning in preview.warnings]
    return "\n".join(
        [_rows([("profile", f"{preview.profile} ({preview.system})"), ("starts", what)]), *warnings,
         "No job is submitted."]
    )  # fmt: skip


def candidates_rows(candidates: Sequence[Candidate], now: float | None = None) -> list[list[object]]:
    """Return a table's row for each candidate: name, start, nodes, and why not or what speaks against it."""
    return [
        [
            one.name,
            "refused" if one.refusal else moment(one.start, now),
            one.partition,
            one.nodes,
            one.refusal or "; ".join(one.warnings),
        ]
        for one in candidates
    ]


CANDIDATE_HEADERS = ("CANDIDATE", "START", "PARTITION", "NODES", "REMARKS")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)
