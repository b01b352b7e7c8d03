"""The agent of a scheduler that runs in a job of its own: the calls of `Agent`, over the cluster's TLS comm.

A scheduler that digests a large graph is silent for seconds, and a network can be away for longer. What only looks on
then gets the last answer at once, and a warning says since when; nothing here makes the keeper wait or fail.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from distributed.comm.core import Comm, connect
from distributed.core import send_recv
from distributed.security import Security

from dask_steward.clusters.agent import Agent, CutRule, Drained, Restarted, WorkerView
from dask_steward.clusters.demand import Demand
from dask_steward.clusters.service import NEWS_INTERVAL, OP
from dask_steward.errors import StartFailed, StewardError
from dask_steward.progress_data import Computation

logger = logging.getLogger(__name__)

#: Seconds for one question that only looks; for one that collects from all workers; added to what a drain may take.
LOOK_LIMIT, COLLECT_LIMIT, DRAIN_MARGIN = 5.0, 30.0, 15.0
#: Seconds for a new connection, and for the first answer of a scheduler that has just started.
CONNECT_LIMIT, ARRIVE_LIMIT = 10.0, 30.0
#: First and longest pause (seconds) before a scheduler that does not answer is called again.
PAUSES = (0.2, 5.0)
#: Seconds of silence after which people are told.
SILENCE_TOLD = 15.0


class SchedulerAway(StewardError):
    """The scheduler's job does not answer."""

    code = "scheduler-away"
    http_status = 503


class RemoteAgent(Agent):
    """Speak to a scheduler elsewhere.

    Parameters
    ----------
    address : str
        The scheduler's address.
    security : Security
        The cluster's own.
    doubt : callable
        Called whenever the scheduler stops to answer: its job may have ended.
    """

    def __init__(self, address: str, security: Security, doubt: Callable[[], None] = lambda: None) -> None:
        self.address = address
        self._arguments = security.get_connection_args("scheduler")
        self._doubt = doubt
        self._idle: list[Comm] = []
        self._joined: Callable[[str, str], None] = lambda address, name: None
        self._left: Callable[[str], None] = lambda address: None
        self._names: dict[str, str] = {}
        self._closing = False
        self._ended = False
        self._away_since: float | None = None
        self._why = ""
        self._last: dict[str, Any] = {}
        self._news: asyncio.Task[None] | None = None

    async def arrive(self, job: str, node: str | None, within: float = ARRIVE_LIMIT) -> None:
        """Hear from the scheduler for the first time, then follow its news.

        Parameters
        ----------
        job, node : str
            Its job and where that runs, for the error.
        within : float
            Seconds.

        Raises
        ------
        StartFailed
            If it cannot be reached from here.
        """
        try:
            await self._ask("news", within, seen=0)
        except SchedulerAway as error:
            self.hang_up()
            raise StartFailed(
                f"The scheduler runs in job {job}{f' on {node}' if node else ''}, but cannot be reached from here at "
                f"{self.address}: {self._why}.",
                field="options.scheduler_options.interface",
                hint="Set options.scheduler_options.interface to a network that compute nodes and this host share, or "
                "options.scheduler_options.port to a port that the firewall lets through.",
            ) from error
        self._news = asyncio.create_task(self._follow())

    @property
    def warning(self) -> str | None:
        """Return a sentence when the scheduler has not answered for a while."""
        if self._away_since is None or time.time() - self._away_since < SILENCE_TOLD:
            return None
        since = time.strftime("%H:%M:%S", time.localtime(self._away_since))
        return f"The scheduler at {self.address} has not answered since {since}: {self._why}."

    # -- the wire --

    async def _ask(self, call: str, limit: float, **given: Any) -> Any:
        """Ask once.

        Raises
        ------
        SchedulerAway
            If no answer came within `limit` seconds.
        StewardError
            If the scheduler's side failed.
        """
        try:
            answer = await asyncio.wait_for(self._exchange(call, json.dumps(given)), limit)
        except asyncio.TimeoutError as error:
            raise self._gone(f"no answer within {limit:g} s", call) from error
        except OSError as error:  # Dask's comm errors are OSErrors
            raise self._gone(_first_line(error), call) from error
        self._away_since = None
        if "error" in answer:
            raise StewardError(f"The scheduler at {self.address} could not answer {call}: {answer['error']}.")
        return json.loads(answer["answer"])

    async def _exchange(self, call: str, given: str) -> dict[str, str]:
        while True:
            used = bool(self._idle)
            comm = self._idle.pop() if used else await connect(self.address, timeout=CONNECT_LIMIT, **self._arguments)
            if comm.closed():
                continue
            try:
                answer: dict[str, str] = await send_recv(comm, op=OP, call=call, given=given)
            except BaseException:
                comm.abort()
                raise
            if self._ended:
                comm.abort()
            else:
                self._idle.append(comm)
            return answer

    def _gone(self, why: str, call: str) -> SchedulerAway:
        self._why = why
        if self._away_since is None and not self._ended:
            self._away_since = time.time()
            logger.warning("the scheduler at %s does not answer (%s): %s", self.address, call, why)
        if not self._ended:
            self._doubt()
        return SchedulerAway(
            f"The scheduler at {self.address} does not answer: {why}.",
            hint="It may be busy, its node may be away, or its job may have ended; dask-steward status says which.",
        )

    async def _look(self, call: str, unknown: Any, **given: Any) -> Any:
        """Ask, or return the last answer (`unknown` at the beginning) where none comes."""
        # While it is known to be away, only the news ask on: ten looks a second would all wait for their limit.
        if self._away_since is None:
            try:
                self._last[call] = await self._ask(call, LOOK_LIMIT, **given)
            except SchedulerAway:
                pass
        return self._last.get(call, unknown)

    # -- workers that come and go --

    def watch(self, joined: Callable[[str, str], None], left: Callable[[str], None]) -> None:
        self._joined, self._left = joined, left
        for address, name in self._names.items():
            joined(address, name)

    async def _follow(self) -> None:
        seen, pause = 0, PAUSES[0]
        while not self._ended:
            try:
                news = await self._ask("news", NEWS_INTERVAL + COLLECT_LIMIT, seen=seen)
            except SchedulerAway:
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSES[1])
                continue
            except StewardError:
                logger.exception("the scheduler's news cannot be read")
                await asyncio.sleep(PAUSES[1])
                continue
            pause, seen = PAUSES[0], news["version"]
            self._closing = self._closing or bool(news["closing"])
            if news["workers"] is not None:
                self._take_in(news["workers"])

    def _take_in(self, workers: Mapping[str, str]) -> None:
        before, self._names = self._names, dict(workers)
        for address, name in before.items():
            if workers.get(address) != name:
                self._left(address)
        for address, name in workers.items():
            if before.get(address) != name:
                self._joined(address, name)

    # -- the calls --

    async def workers(self) -> dict[str, WorkerView]:
        found = await self._look("workers", {})
        return {address: WorkerView.from_json(one) for address, one in found.items()}

    async def demand(self, target_duration: float) -> Demand:
        found = await self._look("demand", None, target_duration=target_duration)
        return Demand.from_json(found) if found is not None else Demand(target_duration)

    async def drain(
        self,
        jobs: Mapping[str, Collection[str]],
        *,
        finish: float,
        move: float,
        lose: bool = False,
        cut_rule: CutRule | None = None,
    ) -> dict[str, Drained]:
        rule = asdict(cut_rule) if cut_rule is not None else None
        given = {key: list(addresses) for key, addresses in jobs.items()}
        try:
            found = await self._ask(
                "drain", finish + move + DRAIN_MARGIN, jobs=given, finish=finish, move=move, lose=lose, cut_rule=rule
            )
        except StewardError as error:
            return {key: Drained(kept=error.message) for key in jobs}
        return {key: Drained.from_json(one) for key, one in found.items()}

    async def worker_rows(self) -> list[dict[str, Any]]:
        return list(await self._look("worker_rows", []))

    async def restart_workers(self, within: float) -> Restarted:
        # Ending and coming back have their time each.
        return Restarted.from_json(await self._ask("restart_workers", 2 * within + DRAIN_MARGIN, within=within))

    async def summary(self) -> dict[str, Any]:
        nothing = {
            "threads": 0,
            "cpu": {"used": 0.0, "limit": 0},
            "memory": {"limit": 0, "used": 0, "spilled": 0},
            "tasks": {"groups": [], "per_second": 0.0},
            "computations": [],
            "memory_warnings": [],
            "busy_seconds": 0.0,
        }
        return dict(await self._look("summary", nothing))

    async def progress(
        self,
        groups: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        client: str | None = None,
        since: float | None = None,
    ) -> list[Computation]:
        # Not the last answer, which may have been to another question.
        given = {"groups": groups and list(groups), "keys": keys and list(keys), "client": client, "since": since}
        found: list[Computation] = await self._ask("progress", LOOK_LIMIT, **given)
        return found

    async def idle_since(self) -> float | None:
        found = await self._look("idle_since", None)
        return None if found is None else float(found)

    async def closed(self) -> bool:
        return self._closing

    async def identity(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._ask("identity", COLLECT_LIMIT)
        return found

    async def mismatch(self) -> str | None:
        found: str | None = await self._look("mismatch", None)
        return found

    async def worker_logs(self, tail: int, worker: str | None = None) -> dict[str, str]:
        try:
            found: dict[str, str] = await self._ask("worker_logs", COLLECT_LIMIT, tail=tail, worker=worker)
        except SchedulerAway as error:
            return {"workers": f"({error.message})"}
        return found

    async def close(self) -> None:
        if self._ended:
            return
        try:
            await self._ask("close", LOOK_LIMIT)
        except StewardError as error:
            logger.info("%s", error.message)
        self.hang_up()

    def hang_up(self) -> None:
        """Close all connections; the scheduler is not told anything."""
        self._ended = True
        if self._news is not None:
            self._news.cancel()
        for comm in self._idle:
            comm.abort()
        self._idle.clear()


def _first_line(error: BaseException) -> str:
    """Return what an error says, without Dask's own wrapping."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error) or type(error).__name__
    return text.splitlines()[0].rstrip(".")
