"""What a start would submit and hold, and when it would begin; nothing is submitted, and nothing is written."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

from dask_steward.control.batch import ALLOCATION, only_for_scripts
from dask_steward.control.one_machine import SYSTEMS as ONE_MACHINE
from dask_steward.control.previewed import Candidate, Preview
from dask_steward.control.rendering import one_machine, read, render
from dask_steward.control.site_says import CLOSED, Says, Sites
from dask_steward.control.sizes import ask_of
from dask_steward.errors import ProfileError, StewardError, UsageError, WrongState

#: Questions to a controller at once.
QUESTIONS_AT_ONCE = 4


def preview(
    profile: str = "local",
    *,
    workers: int | None = None,
    jobs: int | None = None,
    cores: int | None = None,
    memory: str | int | None = None,
    set: Mapping[str, Any] | None = None,
    test_only: bool = False,
    definition: Mapping[str, Any] | None = None,
    python: str | None = None,
) -> Preview:
    """Return what a start of a profile would submit and hold. Nothing is submitted.

    Parameters
    ----------
    profile : str
        Name of the profile.
    workers, jobs, cores : int, optional
        Size, in one unit; by default the profile's own.
    memory : str or int, optional
        Size in memory, bytes or such as ``"64 GB"``.
    set : mapping, optional
        Fields set over the profile, by dotted path.
    test_only : bool
        Ask the resource manager when and where the first job of each group would start.
    definition : mapping, optional
        What the profile's file would say, of a profile that nobody has saved yet.
    python : str, optional
        The interpreter of a profile that names none; by default our own.

    Raises
    ------
    ProfileNotFound, ProfileError, UsageError, StartFailed
        What a start would raise before it submits anything.
    """
    ask = ask_of(workers=workers, jobs=jobs, cores=cores, memory=memory)
    definitions = {} if definition is None else {profile: definition}
    (found,) = _previews([(profile, profile, dict(set or {}))], ask, test_only, definitions, python)
    if isinstance(found, StewardError):
        raise found
    return found


def compare(
    profiles: str | Sequence[str],
    *,
    partitions: Sequence[str] = (),
    set: Mapping[str, Any] | None = None,
    workers: int | None = None,
    jobs: int | None = None,
    cores: int | None = None,
    memory: str | int | None = None,
) -> list[Candidate]:
    """Return which profile, or which partition of a profile, would start first, the first one first.

    Parameters
    ----------
    profiles : str or sequence of str
        Names of profiles.
    partitions : sequence of str
        Each profile is tried in each of these, instead of its own.
    set : mapping, optional
        Fields set over each profile, by dotted path.
    workers, jobs, cores, memory
        Size, as for `preview`.

    Raises
    ------
    UsageError
        If the size is wrong, or there is nothing to compare.
    """
    names = [profiles] if isinstance(profiles, str) else list(profiles)
    if not names:
        raise UsageError("There is nothing to compare: name profiles.", field="compare")
    ask = ask_of(workers=workers, jobs=jobs, cores=cores, memory=memory)
    wanted = [
        (name if partition is None else f"{name} in {partition}", name, dict(set or {}) | _queue(partition))
        for name in names
        for partition in (partitions or (None,))
    ]
    found = [
        _candidate(label, answer)
        for (label, _, _), answer in zip(wanted, _previews(wanted, ask, test_only=True), strict=True)
    ]
    return sorted(found, key=lambda one: (one.refusal is not None, one.start is None, one.start or 0.0))


def _request(plain: dict[str, Any], ask: dict[str, Any], site: Says | None) -> dict[str, Any]:
    return {"profile": plain, "ask": ask, "most": 1 if site is None else site.most}


def _queue(partition: str | None) -> dict[str, str]:
    return {} if partition is None else {"options.queue": partition}


def _candidate(label: str, answer: Preview | StewardError) -> Candidate:
    if isinstance(answer, StewardError):
        return Candidate(label, refusal=str(answer))
    if not answer.groups:
        return Candidate(label, start=time.time(), nodes="this machine", warnings=answer.warnings)
    first = next((one for one in answer.groups if one.jobs), answer.groups[0])
    refusal = answer.refusal or next((one for one in answer.warnings if one.startswith(CLOSED)), None)
    if refusal is not None:
        return Candidate(label, partition=first.partition, refusal=refusal)
    return Candidate(label, first.start, first.nodes, first.partition, warnings=answer.warnings)


def _previews(
    wanted: Sequence[tuple[str, str, dict[str, Any]]],
    ask: dict[str, Any],
    test_only: bool,
    definitions: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    python: str | None = None,
) -> list[Preview | StewardError]:
    """Return a preview, or the error that its start would raise, for each (label, profile, settings)."""
    from dask_steward.profiles import ProfileStore
    from dask_steward.profiles.forms import resolved_of

    found: list[Preview | StewardError | None] = [None] * len(wanted)
    plains: dict[int, dict[str, Any]] = {}
    store = ProfileStore()
    for index, (_, name, settings) in enumerate(wanted):
        try:
            unsaved = name in definitions
            profile = resolved_of(store, name, definitions[name]) if unsaved else store.resolve(name, settings)
            plains[index] = profile.expanded(os.environ).to_json() | {"name": name}
        except (ProfileError, WrongState) as error:
            found[index] = error
            continue
        plains[index]["python"] = plains[index].get("python") or python
    for index, plain in plains.items():
        if plain["system"] in ONE_MACHINE:
            found[index] = one_machine(plain, ask)
        elif plain["system"] == ALLOCATION:
            found[index] = only_for_scripts(plain["name"])
    open_ones = [index for index in plains if found[index] is None]
    sites = Sites(closely=test_only)
    says = {index: sites.of(plains[index]) for index in open_ones}
    for interpreter in {plains[index]["python"] for index in open_ones}:
        indices = [index for index in open_ones if plains[index]["python"] == interpreter]
        try:
            answers = render(interpreter, [_request(plains[index], ask, says[index]) for index in indices])
        except StewardError as error:
            answers = [{"error": error.to_dict()} for _ in indices]
        for index, answer in zip(indices, answers, strict=True):
            found[index] = read(plains[index], answer)

    def ask_site(index: int) -> Preview | StewardError | None:
        one, site = found[index], says.get(index)
        if site is None or not isinstance(one, Preview) or not one.groups:
            return one
        return site.of(one, test_only=test_only)

    with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as pool:
        return [one for one in pool.map(ask_site, range(len(found))) if one is not None]
