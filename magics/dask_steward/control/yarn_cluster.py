"""``YarnCluster`` in dask-yarn's spelling: the same arguments, a cluster of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from dask_steward.control import api
from dask_steward.control.attaching import attach
from dask_steward.control.cluster import Cluster
from dask_steward.errors import UsageError

#: Arguments of dask-yarn's class that mean nothing here, and why.
_NOT_TAKEN = {
    "skein_client": "skein's driver is the cluster's own",
    "loop": "the cluster runs in a process of its own",
    "dashboard_address": 'use set={"dashboard": "off"}, "socket" or "tcp:PORT"',
}
_APPLICATION = "application"


class YarnCluster(Cluster):
    """A cluster on YARN, as dask-yarn spells it.

    Parameters
    ----------
    environment, n_workers, worker_vcores, worker_memory, worker_restarts, worker_env, worker_class, worker_options, \
worker_gpus, scheduler_vcores, scheduler_memory, scheduler_gpus, deploy_mode, name, queue, tags, user, host, port
        As in dask-yarn; what is not given comes from `profile`, then from ``yarn`` of Dask's configuration.
    profile : str
        A profile of ``system: yarn``.
    asynchronous : bool
        Return a cluster that is waited for with ``await``.
    set : mapping, optional
        Further fields over the profile, by dotted path.
    **options
        ``tenure``, ``wait``, ``adapt``, ``on_progress`` … as for `start`.

    Raises
    ------
    UsageError, ProfileError
        Something that was given is wrong; nothing was started.
    StartFailed, StartTimeout
        The cluster did not come up; everything that it had taken was given back.
    """

    def __init__(
        self,
        environment: str | None = None,
        n_workers: int | None = None,
        worker_vcores: int | None = None,
        worker_memory: str | int | None = None,
        worker_restarts: int | None = None,
        worker_env: Mapping[str, str] | None = None,
        worker_class: str | None = None,
        worker_options: Mapping[str, Any] | None = None,
        worker_gpus: int | None = None,
        scheduler_vcores: int | None = None,
        scheduler_gpus: int | None = None,
        scheduler_memory: str | int | None = None,
        deploy_mode: str | None = None,
        name: str | None = None,
        queue: str | None = None,
        tags: Any = None,
        user: str | None = None,
        host: str | None = None,
        port: int | None = None,
        *,
        profile: str = "yarn",
        asynchronous: bool = False,
        set: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        given = {
            "environment": environment, "worker_vcores": worker_vcores, "worker_memory": worker_memory,
            "worker_restarts": worker_restarts, "worker_class": worker_class, "worker_gpus": worker_gpus,
            "worker_env": None if worker_env is None else dict(worker_env),
            "worker_options": None if worker_options is None else dict(worker_options),
            "scheduler_vcores": scheduler_vcores, "scheduler_gpus": scheduler_gpus,
            "scheduler_memory": scheduler_memory, "deploy_mode": deploy_mode, "name": name, "queue": queue,
            "tags": None if tags is None else sorted(tags), "user": user, "host": host, "port": port,
        }  # fmt: skip
        self._begin(profile, given, n_workers, asynchronous, set, options)

    @classmethod
    def from_specification(
        cls,
        spec: Any,
        *,
        profile: str = "yarn",
        asynchronous: bool = False,
        set: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> YarnCluster:
        """Start a cluster from a specification of skein: an ``ApplicationSpec``, a mapping, or the path of a file."""
        whole = spec.to_dict() if hasattr(spec, "to_dict") else spec
        if isinstance(whole, (str, os.PathLike)):
            whole = os.path.abspath(os.path.expanduser(os.fspath(whole)))
        self = cls.__new__(cls)
        self._begin(profile, {"specification": whole}, None, asynchronous, set, options)
        return self

    @staticmethod
    def from_application_id(app_id: str, asynchronous: bool = False, **options: Any) -> Cluster:
        """Attach to a cluster that somebody else, such as dask-yarn, has started; see `attach`."""
        return attach(app_id, asynchronous=asynchronous, **_taken(options))

    def _begin(
        self,
        profile: str,
        given: Mapping[str, Any],
        n_workers: int | None,
        asynchronous: bool,
        set: Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> None:
        fields = {f"options.{key}": value for key, value in given.items() if value is not None}
        made = api.start(
            profile, workers=n_workers, set={**fields, **(set or {})}, asynchronous=asynchronous, **_taken(options)
        )
        if not isinstance(made, Cluster) or made._entry().system != "yarn":
            if isinstance(made, Cluster):
                made.close()
            raise UsageError(f"profile: {profile} is not of system: yarn.", field="profile", value=profile)
        vars(self).update(vars(made))

    # -- dask-yarn's further names --

    @property
    def app_id(self) -> str | None:
        """The application's id, once YARN has given one."""
        return next((one["id"] for one in self.state["holdings"] if one["kind"] == _APPLICATION), None)

    def workers(self) -> list[dict[str, Any]]:
        """Return the containers of workers that are held, with id, state and node."""
        return [one for one in self.state["holdings"] if one["kind"] != _APPLICATION]

    def logs(self, scheduler: bool = True, workers: Any = True) -> dict[str, str]:
        """Return logs by name; `get_logs` says more."""
        found = self.get_logs() if workers else {}
        return {**found, **(self.get_logs(keeper=True) if scheduler else {})}

    def shutdown(self, status: str = "SUCCEEDED", diagnostics: str | None = None) -> Any:
        """Same as `close`; what is said to YARN is ours."""
        return self.close()


def _taken(options: Mapping[str, Any]) -> dict[str, Any]:
    for name, why in _NOT_TAKEN.items():
        if options.get(name) is not None:
            raise UsageError(f"{name} is not taken here: {why}.", field=name)
    return {key: value for key, value in options.items() if key not in _NOT_TAKEN}
