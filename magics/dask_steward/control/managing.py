"""What a running cluster is called, to whom it belongs, and its workers' processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dask_steward.control.handle import Handle
from dask_steward.control.owners import owner_of
from dask_steward.errors import UsageError


class Managed(Handle):
    """A cluster whose name and owner change, and whose workers are started again."""

    def rename(self, name: str) -> Any:
        """Give the cluster another name.

        Raises
        ------
        UsageError
            If it is no name, or another living cluster has it.
        """

        def act() -> None:
            self._usable().rename(name)

        return self._do(act)

    def set_tenure(
        self,
        tenure: str,
        *,
        owner_pid: int | None = None,
        owner_facts: Mapping[str, str | None] | None = None,
        idle_timeout: float | str | None = None,
    ) -> Any:
        """Give the cluster to another owner, or to nobody; when this returns its guard watches that one.

        Parameters
        ----------
        tenure : str
            ``kernel``, ``server``, ``process`` or ``detached``.
        owner_pid : int, optional
            The process that it belongs to from now on; by default the calling one.
        owner_facts : mapping, optional
            What faces show of the owner: ``kernel_id`` and ``session``. A kernel knows its own.
        idle_timeout : float or str, optional
            Seconds, or such as ``"30 min"``, after which it ends without work, instead of what it has: a detached
            cluster needs this or a time to live.

        Raises
        ------
        UsageError
            If the tenure is unknown, the process is not there, or nothing would ever end a detached cluster.
        """
        asked = new_owner(tenure, owner_pid, owner_facts, idle_timeout)

        def act() -> None:
            self._usable().give(**asked)

        return self._do(act)

    def restart_workers(self) -> Any:
        """Start the processes of all workers again; jobs stay, tasks that ran start again.

        Returns
        -------
        str or None
            A sentence about those that did not come back, or could not be started again.
        """
        return self._do(lambda: restarted_text(self._usable().restart_workers()))


def new_owner(
    tenure: str, owner_pid: int | None, facts: Mapping[str, str | None] | None, idle_timeout: float | str | None
) -> dict[str, Any]:
    """Return what a keeper is told of another owner: ``tenure``, ``owner`` and ``idle_timeout`` (seconds).

    Raises
    ------
    UsageError
        If the tenure is unknown, the process is not there, or the time is none.
    """
    from dask_steward.units import parse_duration

    try:
        seconds = None if idle_timeout is None else float(parse_duration(idle_timeout))
    except ValueError as error:
        raise UsageError(f"idle_timeout = {idle_timeout!r}: {error}.", field="idle_timeout") from error
    # Whether one of its limits ends a detached cluster, its keeper knows.
    owner = owner_of(tenure, owner_pid, limited=True, facts=facts)
    return {"tenure": tenure, "owner": owner, "idle_timeout": seconds}


def restarted_text(found: Mapping[str, Any]) -> str | None:
    """Return a sentence about workers that did not start again; None where all did.

    >>> restarted_text({"back": 2, "late": ["j1"], "fixed": []})
    '2 workers started again; not back yet: j1.'
    """
    late, fixed = found["late"], found["fixed"]
    if not late and not fixed:
        return None
    parts = [f"{found['back']} workers started again"]
    parts += [f"not back yet: {_some(late)}"] if late else []
    parts += [f"left alone, since no nanny would start them again: {_some(fixed)}"] if fixed else []
    return f"{'; '.join(parts)}."


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
