"""The handle of one cluster: what `distributed` expects of a cluster, and the life cycle of ours."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dask_steward.control.display import html_of
from dask_steward.control.ending import CLOSE_LIMIT, end_cluster
from dask_steward.control.fallback import state_of
from dask_steward.errors import ClusterNotFound, KeeperGone, StartFailed, TimeLimit, UsageError, WrongState
from dask_steward.ledger import entries, files

if TYPE_CHECKING:
    import subprocess

    from distributed import Client
    from distributed.core import Status
    from distributed.security import Security

    from dask_steward.control.client import Control

#: States after which nothing more happens.
FINAL = ("stopped", "failed", "lost")
#: Seconds that a keeper has to tell its state.
STATE_LIMIT = 3.0
#: Shortest and longest pause (seconds) between two looks at a cluster that is awaited.
_LOOKS = (0.02, 0.5)


def pause_after(waited: float) -> float:
    """Return the pause before the next look after `waited` seconds: news is seen an eightieth of the wait late."""
    return min(max(_LOOKS[0], waited / 40), _LOOKS[1])


class Cluster:
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

    def __init__(self, id: str, *, asynchronous: bool = False) -> None:
        from dask_steward.ledger import paths

        self.id = id
        self.asynchronous = asynchronous
        self._folder = os.path.join(paths.clusters_dir(), id)
        self._control: Control | None = None
        self._pending: Callable[[], None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._address: str | None = None
        self._security: Security | None = None
        self._closing = False
        self.name = self._entry().name

    # -- state --

    def _entry(self) -> entries.Entry:
        try:
            return entries.read_entry(self._folder)
        except (FileNotFoundError, NotADirectoryError, files.TornFile) as error:
            raise ClusterNotFound(f"No cluster {self.id} is known.", cluster=self.id) from error

    def _ended(self) -> bool:
        return os.path.exists(os.path.join(self._folder, entries.END))

    def _call(self) -> Control:
        if self._control is None:
            path = self._entry().socket
            if path is None or not os.path.exists(path):
                raise KeeperGone(f"The keeper of {self.name} does not answer.", cluster=self.id)
            from dask_steward.control.client import Control

            self._control = Control(path, self.id)
        return self._control

    def _hang_up(self) -> None:
        control, self._control = self._control, None
        if control is not None:
            control.close()

    @property
    def state(self) -> dict[str, Any]:
        """The cluster's state now, from its keeper, else from the ledger; `docs/formats` lists the fields."""
        entry = self._entry()
        if not entry.ended and entry.keeper_alive():
            try:
                return self._call().state(STATE_LIMIT)
            except KeeperGone as error:
                self._hang_up()
                entry = self._entry()
                if not entry.ended and entry.keeper_alive():
                    # A large graph can block a scheduler for long; the ledger still knows the rest.
                    return {**state_of(entry), "warnings": [error.message]}
        return state_of(entry)

    def stream(self) -> Iterator[dict[str, Any]]:
        """Yield the state whenever it changes, the last time when it is final."""
        last: dict[str, Any] = {}
        try:
            for last in self._call().stream():
                yield last
        except KeeperGone:
            pass
        if last.get("state") not in FINAL:
            yield self.state

    @property
    def status(self) -> Status:
        """Dask's status: running, closing once a stop has begun, closed once everything was given back.

        A client that sees its scheduler go asks this, and does not try to reconnect to a cluster that is closing.
        """
        from distributed.core import Status

        if self._ended():
            return Status.closed
        stopping = self._closing or bool(self._entry().facts.get("stopping"))
        return Status.closing if stopping else Status.running

    @property
    def scheduler_address(self) -> str:
        """Address of the scheduler; empty while the cluster is starting."""
        if self._address is None:
            scheduler = self._entry().facts.get("scheduler")
            self._address = scheduler.get("address") if isinstance(scheduler, dict) else None
        return self._address or ""

    @property
    def security(self) -> Security:
        """Security for a client: the cluster's own keys, readable by its owner only."""
        if self._security is None:
            from distributed.security import Security

            tls = self._entry().facts.get("tls")
            if isinstance(tls, Mapping) and tls:
                self._security = Security(
                    tls_ca_file=tls["ca"],
                    tls_client_cert=tls["cert"],
                    tls_client_key=tls["key"],
                    require_encryption=True,
                )
            else:
                self._security = Security()
        return self._security

    @property
    def dashboard_link(self) -> str:
        """Where Dask's pages are: a URL if the profile asks for one, else the private socket as ``unix:PATH``."""
        where = self.state["scheduler"]["dashboard"]
        return "" if where is None else where if str(where).startswith("http") else f"unix:{where}"

    @property
    def scheduler_info(self) -> dict[str, Any]:
        """The scheduler's own description, with all its workers."""
        return self._call().identity()

    def connect_info(self) -> dict[str, Any]:
        """Return what a client anywhere needs: ``address``, ``security`` (paths of the keys) and ``code``."""
        tls = self._entry().facts.get("tls") or {}
        code = (
            f'import dask_steward\nfrom distributed import Client\n\nclient = Client(dask_steward.get("{self.name}"))\n'
        )
        return {
            "id": self.id,
            "name": self.name,
            "address": self.scheduler_address,
            "security": dict(tls),
            "code": code,
        }

    # -- size --

    def scale(
        self,
        n: int | None = None,
        *,
        workers: int | None = None,
        jobs: int | None = None,
        cores: int | None = None,
        memory: str | int | None = None,
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

        Raises
        ------
        UsageError
            If not exactly one is given, or it is negative.
        """
        from dask_steward.control.sizes import ask_of

        ask = ask_of(workers=workers if n is None else n, jobs=jobs, cores=cores, memory=memory, required=True)
        return self._do(lambda: self._forget_answer(self._usable().scale(ask)))

    def adapt(
        self, minimum: int | None = None, maximum: int | None = None, *, active: bool = True, **options: Any
    ) -> Any:
        """Let the size follow the work, in jobs (worker processes of a local cluster).

        Parameters
        ----------
        minimum, maximum : int
            Limits; by default 0, and what the cluster has now.
        active : bool
            False ends it; the size stays as it is.
        options
            ``target_duration``, ``interval`` (durations) and ``wait_count``.
        """

        def act() -> None:
            control = self._usable()
            if not active:
                control.adapt({"active": False})
                return
            top = maximum
            if top is None:
                state = control.state()
                per_unit = (state.get("unit") or {}).get("workers") or 1
                top = max(1, round(state["workers"]["asked"] / per_unit))
            control.adapt({"minimum": minimum or 0, "maximum": top, **options})

        return self._do(act)

    @staticmethod
    def _forget_answer(answer: object) -> None:
        return None

    def _usable(self) -> Control:
        entry = self._entry()
        if entry.ended:
            raise WrongState(f"Cluster {self.name} is {state_of(entry)['state']}.", cluster=self.id)
        return self._call()

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
            return read_logs(self._folder, job=job, keeper=keeper or worker is not None, tail=tail)

    def follow_logs(self, job: str | None = None, keeper: bool = False) -> Iterator[tuple[str, str]]:
        """Yield ``(name, line)`` as logs grow, until the cluster has ended."""
        from dask_steward.control.logs import follow_logs

        return follow_logs(self._folder, job=job, keeper=keeper, ended=self._ended)

    def get_client(self) -> Client:
        """Return a new client of the cluster."""
        from distributed import Client

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
        return self._do(lambda: self._close(CLOSE_LIMIT if timeout is None else float(timeout), "stopped by a person"))

    def stop(self, timeout: float | None = None) -> Any:
        """Same as `close`."""
        return self.close(timeout)

    def _close(self, limit: float, reason: str) -> None:
        self._closing = True
        try:
            end_cluster(self, limit, reason, self._process)
        finally:
            self._hang_up()

    # -- the ways in which Dask and Python use it --

    def _do(self, act: Callable[[], None]) -> Any:
        """Run `act` now; or in a thread, and return something to await, where blocking would stop an event loop.

        `Client.shutdown` awaits ``cluster.close()`` on Dask's own loop thread. A notebook's main thread has a running
        loop, too, but a person who calls ``cluster.close()`` there wants it done when it returns.
        """
        if self.asynchronous or (threading.current_thread() is not threading.main_thread() and _in_loop()):
            return asyncio.ensure_future(asyncio.to_thread(act))
        act()
        return None

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

    def _repr_html_(self) -> str:
        return html_of(self.state)


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
