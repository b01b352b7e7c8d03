"""Whether workers run the same Dask and Python as their scheduler, in one sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

#: Packages whose versions must be the same on both sides; Dask's own messages change with each release.
_SAME = ("distributed", "dask")
#: Names of workers shown at most.
_SHOWN = 3


def of(versions: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what must be the same on both sides, of what ``distributed.versions.get_versions`` gave."""
    packages = (versions or {}).get("packages")
    if not isinstance(packages, Mapping):
        return {}
    found = {name: str(packages[name]) for name in _SAME if packages.get(name)}
    # What one minor version of Python pickles, another cannot run; a patch level makes no difference.
    python = str(packages.get("python") or "")
    return {**found, **({"python": ".".join(python.split(".")[:2])} if python else {})}


def mismatch(scheduler: Mapping[str, Any], workers: Mapping[str, Mapping[str, Any] | None]) -> str | None:
    """Return one sentence about workers whose versions are not those of the scheduler; None when all are the same.

    Parameters
    ----------
    scheduler : mapping
        What ``distributed.versions.get_versions`` gave there.
    workers : mapping
        The same of each worker, by its name.
    """
    own = of(scheduler)
    differing: dict[str, list[str]] = defaultdict(list)
    for name, versions in workers.items():
        found = of(versions)
        other = [f"{package} {found[package]}" for package in own if found.get(package, own[package]) != own[package]]
        if other:
            differing[", ".join(other)].append(name)
    if not differing:
        return None
    which = "; ".join(f"{_names(names)} with {other}" for other, names in differing.items())
    packages = {word.split()[0] for other in differing for word in other.split(", ")}
    ours = ", ".join(f"{package} {version}" for package, version in own.items() if package in packages)
    return (
        f"Other versions than the scheduler's ({ours}): {which}. Tasks may fail or never end: start workers and "
        "scheduler from one environment (options.python, python, options.job_script_prologue)."
    )


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"worker{'s' if len(names) > 1 else ''} {', '.join(names[:_SHOWN])}{more}"
