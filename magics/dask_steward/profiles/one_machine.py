"""What Dask's one-machine schedulers have in common: there is no cluster, so most fields have nothing to act on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from dask_steward.profiles.models import Profile
from dask_steward.profiles.problems import Problem

_NO_CLUSTER = ("adapt", "idle_timeout", "time_to_live", "python", "environment")


class OneMachineProfile(Profile):
    """A scheduler inside the process that computes; nothing is held, and so nothing is released."""

    scale_units: ClassVar[tuple[str, ...]] = ()

    def wrong_together(self) -> Iterator[Problem]:
        """Yield a problem for each field that would do nothing."""
        yield from super().wrong_together()
        for name in _NO_CLUSTER:
            value = getattr(self, name)
            if value:
                shown = value.model_dump(warnings=False) if name == "adapt" else value
                message = f"{self.system} starts no cluster, so this would do nothing; use system: local"
                yield Problem(message, (name,), shown, True)
