"""What is done to a cluster; blocking parts run in threads, and the answer carries the card as it is then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from dask_steward.control.cards import FINAL
from dask_steward.errors import WrongState
from dask_steward.server.models import Adapt, Cluster, Scale
from dask_steward.server.registry import Registry
from dask_steward.server.threads import in_thread

T = TypeVar("T")

#: Seconds for which a stop goes on in the background; the guard goes on after that.
STOP_LIMIT = 120.0
#: Seconds within which a stop is acknowledged, or what speaks against it is known.
STOP_ANSWER = 2.0
#: Seconds after which an answer does not wait any more for data that move off workers.
SCALE_ANSWER = 5.0
#: Seconds for which a restart is waited for: what speaks against it is known by then.
RESTART_ANSWER = 1.0
#: Seconds for the card to follow what was done.
CARD_LIMIT = 1.0


class Acts:
    """Act on the clusters of one registry.

    Parameters
    ----------
    registry : Registry
        Knows them.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._going_on: set[asyncio.Future[Any]] = set()

    async def stop(self, id: str) -> Cluster:
        """Begin to stop a cluster, and return its card."""
        stopping = self._begin(lambda: self._registry.handle(id).close(STOP_LIMIT))
        deadline = asyncio.get_running_loop().time() + STOP_ANSWER
        while not stopping.done() and asyncio.get_running_loop().time() < deadline:
            self._registry.look_again(id)
            if (await self._registry.find(id)).state in ("stopping", *FINAL):
                break
            await asyncio.wait([stopping], timeout=0.05)
        if stopping.done():
            await stopping  # raises what spoke against it
        card = await self._registry.find(id)
        if card.state in ("stopping", *FINAL):
            return card
        # Its keeper has not yet said so: it is coming up, or blocked by a large graph.
        return card.model_copy(update={"state": "stopping", "reason": "stopped by a person", "ready": False})

    async def scale(self, id: str, body: Scale) -> tuple[str | None, Cluster, bool]:
        """Set a size; return a sentence where it was rounded up, the card, and whether it is done."""
        ask: dict[str, Any] = body.units()
        scaling = self._begin(lambda: self._registry.handle(id).scale(**ask, group=body.group))
        await asyncio.wait([scaling], timeout=SCALE_ANSWER)
        done = scaling.done()
        note = await scaling if done else "Data are moving off the workers that are given back; this goes on."
        return note, await self._registry.find(id), done

    async def adapt(self, id: str, body: Adapt) -> Cluster:
        """Let the size follow the work, or end that."""
        options = body.model_dump(exclude={"group", "active"}, exclude_none=True)
        await in_thread(lambda: self._registry.handle(id).adapt(active=body.active, group=body.group, **options))
        return await self._shown(id, lambda card: (_adapt_of(card, body.group) is not None) == body.active)

    async def restart(self, id: str) -> Cluster:
        """Begin to restart the processes of all workers; their jobs stay."""
        restarting = self._begin(lambda: self._registry.handle(id).restart_workers())
        await asyncio.wait([restarting], timeout=RESTART_ANSWER)
        if restarting.done():
            await restarting  # raises what spoke against it
        return await self._registry.find(id)

    async def rename(self, id: str, name: str) -> Cluster:
        """Give a cluster another name."""
        await in_thread(lambda: self._registry.handle(id).rename(name))
        return await self._shown(id, lambda card: card.name == name)

    async def set_tenure(self, id: str, tenure: str, **owner: Any) -> Cluster:
        """Let a cluster end with somebody else."""
        await in_thread(lambda: self._registry.handle(id).set_tenure(tenure, **owner))
        return await self._shown(id, lambda card: card.tenure == tenure)

    async def living(self, id: str) -> Cluster:
        """Return the card of a cluster that lives. Raises ClusterNotFound, WrongState."""
        card = await self._registry.find(id)
        if card.state in FINAL:
            raise WrongState(f"Cluster {card.name} is {card.state}.", cluster=id)
        return card

    def _begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin what may outlast its request; the card shows what becomes of it."""
        task = asyncio.ensure_future(in_thread(work))
        self._going_on.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Future[Any]) -> None:
        self._going_on.discard(task)
        if not task.cancelled():
            task.exception()

    async def _shown(self, id: str, there: Callable[[Cluster], bool]) -> Cluster:
        """Return the card once it shows what was done; the last one if that takes too long."""
        deadline = asyncio.get_running_loop().time() + CARD_LIMIT
        card = await self._registry.find(id)
        while not there(card) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
            card = await self._registry.find(id)
        return card


def _adapt_of(card: Cluster, group: str | None) -> object:
    if group in (None, "main"):
        return card.adapt
    found = card.groups.get(str(group))
    return found.adapt if found is not None else None
