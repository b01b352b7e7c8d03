"""The handle of one cluster: what `distributed` expects of a cluster, and the life cycle of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

from dask_steward.control.display import html_of
from dask_steward.control.ending import CLOSE_LIMIT, end_cluster
from dask_steward.control.following import look_last
from dask_steward.control.handle import FINAL
from dask_steward.control.managing import Managed
from dask_steward.control.sizes import ask_of, of_group, size_now
from dask_steward.errors import KeeperGone, StartFailed, TimeLimit, UsageError, WrongState

if TYPE_CHECKING:
    from distributed import Client

#: Shortest and longest pause (seconds) between two looks at a cluster that is awaited.
_LOOKS = (0.02, 0.5)


def pause_after(waited: float) -> float:
    """Return the pause before the next look after `waited` seconds: news is seen an eightieth of the wait late."""
    return min(max(_LOOKS[0], waited / 40), _LOOKS[1])


class Cluster(Managed):
    """A cluster of Dask Steward, wherever it was started.

    It is accepted wherever a `distributed.deploy.Cluster` is: ``Client(cluster)``, ``with cluster:``,
    ``await cluster``. Leaving a ``with`` block, or `close`, stops the cluster and waits until the resource manager has
    said that everything is gone; letting go of the handle does nothing.

    Parameters
    ----------
    id : str
        The cluster's id.
    asynchronous : bool
        Whether `close`, `scale` and the like return something to await.

    Raises
    ------
    ClusterNotFound
        If the ledger does not know it.
    """

    # -- size --

    def scale(
        self,
        n: int | None = None,
        *,
        workers: int | None = None,
        jobs: int | None = None,
        cores: int | None = None,
        memory: str | int | None = None,
        group: str | None = None,
    ) -> Any:
        """Set the size in one unit, rounded up to whole jobs; ends adaptive scaling.

        Parameters
        ----------
        n : int
            Same as `workers`.
        workers, jobs, cores : int
            Size in worker processes, jobs or threads.
        memory : str or int
            Size in memory, bytes or such as ``"64 GB"``.
        group : str, optional
            Name of a group of the profile; by default the jobs of the profile's own options.

        Returns
        -------
        str or None
            A sentence where the size was rounded up: ``10 cores are rounded up to 3 jobs of 4 cores: 12 cores.``.

        Raises
        ------
        UsageError
            If not exactly one is given, or it is negative, or there is no such group.
        """
        if n is not None and workers is not None:
            raise UsageError("A size is given once: n is the same as workers.", field="scale")
        ask = ask_of(workers=workers if n is None else n, jobs=jobs, cores=cores, memory=memory, required=True)
        return self._do(lambda: self._usable().scale({**ask, **of_group(group)}).get("note"))

    def adapt(
        self,
        minimum: int | None = None,
        maximum: int | None = None,
        *,
        active: bool = True,
        group: str | None = None,
        hold: float | str | None = None,
        queue_patience: float | str | None = None,
        target_duration: float | str | None = None,
        interval: float | str | None = None,
        wait_count: int | None = None,
    ) -> Any:
        """Let the size follow the work, in jobs (worker processes of a local cluster).

        Parameters
        ----------
        minimum, maximum : int
            Limits; by default 0, and what the cluster has now.
        active : bool
            False ends it; the size stays as it is.
        group : str, optional
            Name of a group of the profile; by default the jobs of the profile's own options.
        hold : float or str, optional
            Nothing is given back for a pause shorter than this: seconds, or such as ``"5 min"``.
        queue_patience : float or str, optional
            How long a job that is not needed any more may still wait in the queue.
        target_duration : float or str, optional
            The work at hand should take about this long.
        interval : float or str, optional
            How often the work is looked at.
        wait_count : int, optional
            Dask's own way to say `hold`: that many looks, one each `interval`. Of no effect where `hold` is given.

        Raises
        ------
        UsageError
            If a limit is wrong, or there is no such group.
        """
        given = {
            "hold": hold,
            "queue_patience": queue_patience,
            "target_duration": target_duration,
            "interval": interval,
            "wait_count": wait_count,
        }
        options = {name: value for name, value in given.items() if value is not None}

        def act() -> None:
            control = self._usable()
            if not active:
                control.adapt({"active": False, **of_group(group)})
                return
            top = size_now(control.state(), group) if maximum is None else maximum
            control.adapt({"minimum": minimum or 0, "maximum": top, **options, **of_group(group)})

        return self._do(act)

    def wait_for_workers(self, n_workers: int = 1, timeout: float | str | None = None) -> Any:
        """Wait until at least `n_workers` are connected.

        Parameters
        ----------
        n_workers : int
            Worker processes.
        timeout : float or str, optional
            Seconds, or such as ``"2 min"``; no limit by default.

        Raises
        ------
        TimeLimit
            If they are not there in time; the message says what they wait for.
        WrongState
            If the cluster ended meanwhile.
        """
        from dask_steward.units import parse_duration

        limit = (
            None if timeout is None else float(timeout if isinstance(timeout, int | float) else parse_duration(timeout))
        )

        def enough(state: dict[str, Any]) -> bool:
            if state["state"] in FINAL:
                raise WrongState(f"Cluster {self.name} is {state['state']}: {state['reason']}", cluster=self.id)
            return bool(state["workers"]["running"] >= n_workers)

        def act() -> None:
            last = self._wait_until(enough, limit)
            if last is not None:
                raise TimeLimit(
                    f"{last['workers']['running']} of {n_workers} workers of {self.name} are there after {limit:g} s"
                    f"{': ' + last['reason'] if last['reason'] else ''}.",
                    cluster=self.id,
                )

        return self._do(act)

    def _wait_until(self, done: Callable[[dict[str, Any]], bool], limit: float | None) -> dict[str, Any] | None:
        """Look until `done`; return None, or the last state when the limit (seconds) was over first."""
        began = time.monotonic()
        deadline = None if limit is None else began + limit
        while True:
            state = self.state
            if done(state):
                return None
            if deadline is not None and time.monotonic() >= deadline:
                return state
            time.sleep(pause_after(time.monotonic() - began))

    # -- logs and clients --

    def get_logs(
        self, job: str | None = None, worker: str | None = None, keeper: bool = False, tail: int = 200
    ) -> dict[str, str]:
        """Return the ends of logs by name: of one job, one worker, the keeper, or of all; also after the end.

        Parameters
        ----------
        job, worker : str, optional
            A job's id; a worker's name or address.
        keeper : bool
            The keeper's own log (which holds the scheduler's).
        tail : int
            Lines of each.
        """
        from dask_steward.control.logs import read_logs

        try:
            return self._usable().logs(job=job, worker=worker, keeper="1" if keeper else None, tail=tail)
        except (KeeperGone, WrongState):
            return read_logs(self._folder, job=job, worker=worker, keeper=keeper, tail=tail)

    def follow_logs(self, job: str | None = None, keeper: bool = False) -> Iterator[tuple[str, str]]:
        """Yield ``(name, line)`` as logs grow, until the cluster has ended."""
        from dask_steward.control.logs import follow_logs

        return follow_logs(self._folder, job=job, keeper=keeper, ended=self._ended)

    def get_client(self) -> Client:
        """Return a new client of the cluster; one that is still starting is waited for until it has a scheduler.

        Raises
        ------
        StartFailed
            If the cluster ended before it had one.
        """
        from distributed import Client

        if not self.asynchronous:
            self._wait_for_scheduler()
        return Client(self)

    # -- end --

    def close(self, timeout: float | None = None) -> Any:
        """Stop the cluster, and wait until everything that it held is verified gone.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; 30 by default.

        Raises
        ------
        TimeLimit
            If something is not verified gone in time; the guard goes on with it.
        """
        reason = "detached by a person" if self.foreign else "stopped by a person"
        return self._do(lambda: self._close(CLOSE_LIMIT if timeout is None else float(timeout), reason))

    def stop(self, timeout: float | None = None) -> Any:
        """Same as `close`."""
        return self.close(timeout)

    def detach(self) -> Any:
        """Let go of a scheduler that somebody else owns; it goes on.

        Raises
        ------
        WrongState
            If the cluster is one of ours: nothing would be left that could end it.
        """
        if not self.foreign:
            raise WrongState(
                f"{self.name} was started here: to detach from it would leave nobody to give it back.",
                hint="Stop it, or let it belong to nobody: set_tenure('detached', idle_timeout='30 min').",
                cluster=self.id,
            )
        return self.close()

    def _close(self, limit: float, reason: str) -> None:
        self._closing = True
        look_last(self.id)
        try:
            end_cluster(self, limit, reason, self._process)
        finally:
            self._hang_up()

    # -- the ways in which Dask and Python use it --

    def __await__(self) -> Generator[Any, None, Cluster]:
        return self._arrive().__await__()

    async def _arrive(self) -> Cluster:
        pending, self._pending = self._pending, None
        waiting = asyncio.ensure_future(asyncio.to_thread(pending or self._wait_for_scheduler))
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            if pending is not None:
                # A thread cannot be cancelled; what it waits for can.
                await asyncio.shield(asyncio.to_thread(self._close, CLOSE_LIMIT, "the start was cancelled"))
            raise
        return self

    def _wait_for_scheduler(self) -> None:
        def there(state: dict[str, Any]) -> bool:
            if state["state"] in FINAL:
                raise StartFailed(f"Cluster {self.name} is {state['state']}: {state['reason']}", cluster=self.id)
            return bool(state["scheduler"]["address"])

        if not self.scheduler_address:
            self._wait_until(there, None)

    def __enter__(self) -> Cluster:
        if self.asynchronous:
            raise UsageError("An asynchronous cluster needs `async with`.")
        return self

    def __exit__(self, *details: object) -> None:
        self._close(CLOSE_LIMIT, "the `with` block ended")

    async def __aenter__(self) -> Cluster:
        return await self

    async def __aexit__(self, *details: object) -> None:
        await asyncio.to_thread(self._close, CLOSE_LIMIT, "the `async with` block ended")

    def __repr__(self) -> str:
        state = self.state
        workers = state["workers"]
        why = f": {state['reason']}" if state["reason"] else ""
        return (
            f"<Cluster {self.name} ({state['system']}), {state['state']}{why}, "
            f"{workers['running']} of {workers['asked']} workers>"
        )

    # -- the ways in which a notebook shows it --

    def widget(self) -> Any:
        """Return a live view of it for a notebook, with buttons: the same one each time.

        Raises
        ------
        UsageError
            If its front end is not installed; the message says what to install.
        """
        from dask_steward.control.shown import widget_of

        return widget_of(self)

    def _ipython_display_(self) -> None:
        from dask_steward.control.shown import show

        if not show(self):
            raise NotImplementedError  # IPython then asks for the other forms

    def _display_(self) -> Any:
        from dask_steward.control.shown import marimo_of

        return marimo_of(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from dask_steward.control.shown import bundle_of

        return bundle_of(self)

    def _repr_html_(self) -> str:
        return html_of(self.state)
