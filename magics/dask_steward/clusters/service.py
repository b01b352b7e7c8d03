"""The scheduler's end of a `RemoteAgent`: a comm handler that answers what a keeper elsewhere asks.

Each call is one message ``{op: "steward", call, given}`` over the cluster's own comm, TLS included; `given` and the
answer are JSON, so that neither side ever unpickles what the other sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin

from dask_steward.clusters.agent import CutRule
from dask_steward.clusters.local_agent import LocalAgent

logger = logging.getLogger(__name__)

#: The comm handler's name.
OP = "steward"
#: Seconds after which a question for news is answered although there is none: the keeper hears that we live, and we
#: hear that the keeper does.
NEWS_INTERVAL = 5.0
#: Seconds for which several workers that come or go are told together.
NEWS_DELAY = 0.05
#: Seconds for which a scheduler that is being closed waits until its keeper knows.
FAREWELL = 1.0

#: What can be asked besides news.
_CALLS = (
    "workers",
    "demand",
    "drain",
    "worker_rows",
    "restart_workers",
    "summary",
    "progress",
    "idle_since",
    "closed",
    "identity",
    "worker_logs",
    "mismatch",
    "close",
)


def plain(value: Any) -> Any:
    """Return what JSON can say of a value: metrics have tuples as keys, and plug-ins add what they like."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


class AgentService:
    """Answer for one scheduler.

    Parameters
    ----------
    agent : LocalAgent
        Beside the scheduler; its watch is taken.
    """

    def __init__(self, agent: LocalAgent) -> None:
        self._agent = agent
        self._workers: dict[str, str] = {address: str(one.name) for address, one in agent.scheduler.workers.items()}
        self._version = 1
        self._told = 0
        self._closing = False
        self._news = asyncio.Event()
        self._farewell = asyncio.Event()
        self._heard = time.monotonic()
        agent.watch(self._joined, self._left)
        agent.scheduler.add_plugin(_Farewell(f"{agent.scheduler.id}-steward-farewell", self._close))
        agent.scheduler.handlers[OP] = self._answer

    @property
    def silence(self) -> float:
        """Seconds since a keeper last asked something."""
        return time.monotonic() - self._heard

    def _joined(self, address: str, name: str) -> None:
        self._workers[address] = name
        self._changed()

    def _left(self, address: str) -> None:
        self._workers.pop(address, None)
        self._changed()

    def _changed(self) -> None:
        self._version += 1
        self._news.set()

    async def _close(self) -> None:
        """Tell the keeper first: it would take a scheduler that only goes for one that was lost."""
        self._closing = True
        self._changed()
        if self.silence < NEWS_INTERVAL * 2:
            try:
                await asyncio.wait_for(self._farewell.wait(), FAREWELL)
            except asyncio.TimeoutError:
                logger.info("the keeper was not told that the scheduler closes")

    async def _answer(self, comm: Any, call: str = "", given: str = "{}") -> dict[str, str]:
        self._heard = time.monotonic()
        try:
            arguments = json.loads(given)
            if call == "news":
                value = await self._tell(int(arguments["seen"]))
            elif call in _CALLS:
                found: Callable[..., Awaitable[Any]] | None = getattr(self._agent, call, None)
                if found is None:
                    return {"error": f"this scheduler's version does not know {call}"}
                if arguments.get("cut_rule") is not None:
                    arguments["cut_rule"] = CutRule(**arguments["cut_rule"])
                value = await found(**arguments)
            else:
                return {"error": f"there is no {call}"}
            return {"answer": json.dumps(plain(value))}
        except Exception as error:  # whatever fails in Dask is told to the keeper, which decides
            logger.exception("%s failed", call)
            return {"error": f"{type(error).__name__}: {error}"}

    async def _tell(self, seen: int) -> dict[str, Any]:
        """Wait for a version other than `seen`, and return the workers by address with their names."""
        if self._version == seen:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), NEWS_INTERVAL)
            except asyncio.TimeoutError:
                return {"version": self._version, "workers": None, "closing": self._closing}
            await asyncio.sleep(NEWS_DELAY)
        if self._closing:
            # The answer is on its way as soon as the loop runs on.
            asyncio.get_running_loop().call_later(NEWS_DELAY, self._farewell.set)
        return {"version": self._version, "workers": dict(self._workers), "closing": self._closing}


class _Farewell(SchedulerPlugin):
    def __init__(self, name: str, close: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._close = close

    async def before_close(self) -> None:
        await self._close()
