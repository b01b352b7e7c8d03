"""What is told of a profile: to lists, and to forms."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Any

from dask_steward.profiles.layers import Level
from dask_steward.profiles.models import Profile
from dask_steward.profiles.problems import Problem


@dataclass(frozen=True)
class ProfileInfo:
    """What a list of profiles shows of one; a profile with problems cannot be started.

    Parameters
    ----------
    name : str
        What it is started by.
    title : str
        What lists show; the name, where the profile has no title.
    system : str or None
        What its clusters run on; None where the profile does not say so.
    source : Path or None
        Its file; None for a builtin one.
    level : str
        ``user``, ``environment``, ``system`` or ``builtin``.
    locked : tuple of str
        Paths of the fields that an administrator locked.
    problems : tuple of Problem
        All that is wrong with it.
    """

    name: str
    title: str
    system: str | None
    source: pathlib.Path | None
    level: Level
    locked: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    description: str | None = None
    launcher: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the information as JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "system": self.system,
            "source": str(self.source) if self.source else None,
            "level": self.level,
            "locked": list(self.locked),
            "launcher": self.launcher,
            "problems": [problem.to_dict() for problem in self.problems],
        }


@dataclass(frozen=True)
class ProfileView:
    """What a form shows of a profile.

    Parameters
    ----------
    info : ProfileInfo
        What a list shows.
    written : dict
        What its file says itself.
    resolved : Profile or None
        With all that it extends; None where it has problems.
    """

    info: ProfileInfo
    written: dict[str, Any]
    resolved: Profile | None
