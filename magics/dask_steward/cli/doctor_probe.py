"""Which deploy mode a site needs: a short application looks how its containers and this machine reach each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dask_steward.cli.doctor import Check
from dask_steward.errors import UsageError

_NAME = "deploy mode"
_OPEN = (
    "open the firewall for line.ports and options.port, or name an address that nodes reach with options.host or "
    "line.host"
)


def check_for(profile: str, on_progress: Callable[[str], None] | None) -> Callable[[], Iterator[Check]]:
    """Return the check for a profile of YARN; for the only one that there is where none is named.

    Raises
    ------
    UsageError
        If there is none, or more than one.
    """
    from dask_steward.profiles import ProfileStore

    store = ProfileStore()
    names = [info.name for info in store.infos() if info.system == "yarn" and info.level != "builtin"]
    if profile and profile not in [info.name for info in store.infos() if info.system == "yarn"]:
        raise UsageError(
            f"--probe: {profile!r} is no profile of YARN; there is {', '.join(names) or 'none'}.",
            field="--probe",
            value=profile,
        )
    if not profile and len(names) > 1:
        raise UsageError(f"--probe: say which of {', '.join(names)}.", field="--probe")
    name = profile or (names[0] if names else "")

    def deploy_mode() -> Iterator[Check]:
        from dask_steward.control import probing

        # Without a profile it is the site's own configuration that says where.
        plain = store.resolve(name).expanded(os.environ).to_json() if name else {"system": "yarn", "options": {}}
        yield judge(name or "the profile", plain, probing.probe_yarn(plain, on_progress))

    return deploy_mode


def judge(name: str, profile: Mapping[str, Any], found: Mapping[str, Any]) -> Check:
    """Return what a probe means for a profile.

    Parameters
    ----------
    name : str
        The profile's.
    profile : mapping
        Resolved.
    found : mapping
        What `dask_steward.control.probing.probe_yarn` returned.
    """
    options = profile.get("options")
    mode = str((options.get("deploy_mode") if isinstance(options, Mapping) else None) or "local")
    back, seen, ends = found.get("back"), found.get("seen") or {}, found.get("ends") or {}
    if back is None:
        why = found.get("reason") or "no container ran in time"
        return Check(_NAME, "warn", f"not known: {why}", "Ask again when the queue has room, or try the other queue.")
    node = found.get("node") or "its node"
    if back["why"] is not None:
        return Check(
            _NAME,
            "fail",
            f"none works from here: this machine does not reach the application's master at {back['address']} "
            f"({back['why']}), which both modes need",
            "Work on another edge node, or ask the site to let this machine reach its nodes.",
        )
    tried = {end: f"{at} ({end}, {seen.get(end) or 'no call came'})" for end, at in ends.items()}
    missed = [words for end, words in tried.items() if seen.get(end) != "reached"]
    out = f"this machine reaches {back['address']}"
    if not missed:
        words = " and ".join(f"{at} ({end})" for end, at in ends.items())
        other = "" if mode == "local" else f"; {name} says remote, which works, too"
        return Check(
            _NAME, "ok", f"deploy_mode: local works from here: a container on {node} reaches {words}; {out}{other}"
        )
    words = f"a container on {node} does not reach {' nor '.join(missed)}; {out}"
    if mode == "remote":
        return Check(_NAME, "ok", f"deploy_mode: remote is needed from here, and {name} has it: {words}")
    return Check(
        _NAME,
        "fail",
        f"deploy_mode: local does not work from here: {words}",
        f"Write options.deploy_mode: remote into {name}; or {_OPEN}.",
    )
