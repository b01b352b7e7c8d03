"""Every cluster of this user, watched: one card each, and an event when it changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from dask_steward.control import api
from dask_steward.control.cards import FINAL, card_of, in_order, is_news
from dask_steward.control.cluster import Cluster as Handle
from dask_steward.control.looking import Look, dismiss, look, look_at
from dask_steward.control.stream import NoAnswer, NoSuchStream, listen
from dask_steward.errors import ClusterNotFound, StateFolderError
from dask_steward.server.models import Cluster
from dask_steward.server.reading import Folder
from dask_steward.server.threads import in_thread

#: Seconds between two cards of one cluster.
CARD_INTERVAL = 0.25
#: Seconds for which a request waits until the ledger was read for the first time.
READ_LIMIT = 10.0
#: Seconds for which a stopped cluster stays on the list; a failed or lost one stays until somebody takes it off.
STOPPED_SHOWN = 60.0
#: Shortest and longest pause (seconds) between two looks at an entry whose keeper cannot be heard.
PAUSES = (0.1, 1.0)
#: The same for one whose keeper is on another host: its ledger is all that is known, on a network file system.
ELSEWHERE_PAUSE = 2.0

Tell = Callable[[Literal["changed", "removed"], str, Cluster | None], None]


@dataclass
class _Watched:
    """One cluster on the list."""

    id: str
    card: Cluster | None = None
    sent: Cluster | None = None
    sent_at: float = float("-inf")
    profile: dict[str, object] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None
    poke: asyncio.Event = field(default_factory=asyncio.Event)
    #: The handle of a start of this server: it knows the process, should the keeper not come up.
    started: Handle | None = None


class Registry:
    """Watch all clusters of the ledger, whoever started them.

    Parameters
    ----------
    tell : callable
        Given ``changed`` or ``removed``, an id and a card, at most four times a second for each cluster.
    log : Logger
        For what goes wrong.
    """

    def __init__(self, tell: Tell, log: logging.Logger) -> None:
        self._tell = tell
        self._log = log
        self._watched: dict[str, _Watched] = {}
        self._hidden: set[str] = set()
        self._folder: Folder | None = None
        self._reading: asyncio.Task[None] | None = None
        self._listed = asyncio.Event()
        self._unreadable: str | None = None

    # -- life --

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._folder = Folder(self._names, self._unread)

    def stop(self) -> None:
        """Watch no more; returns at once."""
        if self._folder is not None:
            self._folder.stop()
        for one in self._watched.values():
            self._let_go(one)
        if self._reading is not None:
            self._reading.cancel()

    # -- what is asked --

    async def ready(self) -> None:
        """Wait until the ledger was read for the first time.

        Raises
        ------
        StateFolderError
            If it cannot be read now.
        """
        try:
            await asyncio.wait_for(self._listed.wait(), READ_LIMIT)
        except asyncio.TimeoutError:
            raise StateFolderError(
                f"The state folder has not answered for {READ_LIMIT:.0f} s.", hint="Is its file system there?"
            ) from None
        if self._unreadable is not None:
            raise StateFolderError(self._unreadable)

    def cards(self) -> list[Cluster]:
        """Return the cards of the list: living clusters, and those that ended and were not dismissed."""
        return in_order([one.card for one in self._watched.values() if one.card is not None])

    async def every(self) -> list[Cluster]:
        """Return a card of every cluster that the ledger still knows."""
        listed = {card.id: card for card in self.cards()}
        others = await in_thread(look_at, [id for id in self._hidden if id not in listed])
        return in_order([*listed.values(), *(_card(one) for one in others)])

    async def find(self, id: str) -> Cluster:
        """Return the card of one cluster, on the list or not.

        Raises
        ------
        ClusterNotFound
            If the ledger does not know it.
        """
        watched = self._watched.get(id)
        if watched is not None and watched.card is not None:
            return watched.card
        found = await in_thread(look, id)
        if found is None:
            raise ClusterNotFound(f"No cluster {id} is known.", cluster=id)
        return _card(found)

    def handle(self, id: str) -> Handle:
        """Return what acts on a cluster; blocking, for a thread. Raises ClusterNotFound."""
        watched = self._watched.get(id)
        if watched is None or watched.started is None or watched.card is None or watched.card.state != "starting":
            return Handle(id)
        return watched.started

    # -- what is told --

    async def started(self, handle: Handle) -> Cluster:
        """Take up a cluster that this server has just started, and return its card."""
        found = await in_thread(look, handle.id)
        if found is None:
            raise ClusterNotFound(f"No cluster {handle.id} is known.", cluster=handle.id)
        self._take_up([found])
        if handle.id in self._watched:
            self._watched[handle.id].started = handle
        return await self.find(handle.id)

    def look_again(self, id: str) -> None:
        """Look at a cluster at once: something was done to it."""
        watched = self._watched.get(id)
        if watched is not None:
            watched.poke.set()

    async def dismiss(self, id: str) -> None:
        """Take an ended cluster off the list."""
        await in_thread(dismiss, id)
        self._hide(id)

    # -- the ledger --

    def _unread(self, why: str) -> None:
        self._unreadable = why
        self._listed.set()

    def _names(self, ids: frozenset[str]) -> None:
        """Compare the ids of the ledger with those that are known."""
        self._unreadable = None
        for id in [id for id in self._watched if id not in ids]:
            self._remove(id)
        self._hidden &= ids
        new = ids - self._watched.keys() - self._hidden
        # Read one after the other: a thread each would be many for a long ledger.
        if self._reading is None or self._reading.done():
            self._reading = self._task(self._read(new))
        elif new and self._folder is not None:
            self._folder.look_now()

    async def _read(self, new: Iterable[str]) -> None:
        self._take_up(await in_thread(look_at, new))
        self._listed.set()
        # Dismissed by another server of the same user.
        ended = [one.id for one in self._watched.values() if one.card is not None and one.card.state in FINAL]
        for found in await in_thread(look_at, ended) if ended else ():
            if found.dismissed:
                self._hide(found.entry.id)

    def _take_up(self, looks: Iterable[Look]) -> None:
        for found in looks:
            id = found.entry.id
            if id in self._watched or id in self._hidden:
                continue
            if found.entry.ended and (found.dismissed or _over(found)):
                self._hidden.add(id)
                continue
            watched = self._watched[id] = _Watched(id, profile=found.entry.profile)
            self._show(watched, _card(found))
            watched.task = self._task(self._watch(watched, found))

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._log.error("A part of the server that watches clusters failed.", exc_info=task.exception())

    def _hide(self, id: str) -> None:
        self._hidden.add(id)
        self._remove(id)

    def _remove(self, id: str) -> None:
        watched = self._watched.pop(id, None)
        if watched is not None:
            self._let_go(watched)
            self._tell("removed", id, None)

    @staticmethod
    def _let_go(watched: _Watched) -> None:
        for one in (watched.timer, watched.task):
            if one is not None:
                one.cancel()

    # -- one cluster --

    async def _watch(self, watched: _Watched, found: Look | None) -> None:
        """Follow one cluster to its end."""
        pause = PAUSES[0]
        while True:
            if found is not None:
                if found.entry.ended:
                    await self._last(watched, found)
                    return
                if found.socket is not None and await self._follow(watched, found.socket):
                    pause = PAUSES[0]
                else:
                    self._show_unheard(watched, found)
                if watched.started is not None and found.entry.keeper is None:
                    await in_thread(api.settle_start, watched.started)
            await self._pause(watched, ELSEWHERE_PAUSE if found is not None and found.elsewhere else pause)
            pause = min(pause * 1.5, PAUSES[1])
            try:
                found = await in_thread(look, watched.id)
            except OSError as error:
                found = None
                self._grey(watched, f"the ledger cannot be read: {error.strerror or error}")

    @staticmethod
    async def _pause(watched: _Watched, seconds: float) -> None:
        try:
            await asyncio.wait_for(watched.poke.wait(), seconds)
        except asyncio.TimeoutError:
            return
        watched.poke.clear()

    async def _follow(self, watched: _Watched, socket: str) -> bool:
        """Show what the keeper says until it ends or goes silent; return whether it said anything."""
        said = False
        try:
            async with aclosing(listen(socket, "/stream")) as events:
                async for _, state in events:
                    said = True
                    self._show(watched, card_of(state, profile=watched.profile, seen=time.time()))
        except NoAnswer as error:
            self._grey(watched, str(error))
            return True
        except NoSuchStream:
            return said
        return said

    def _show_unheard(self, watched: _Watched, found: Look) -> None:
        """Show what the ledger says; where a keeper lives but was not heard, what it said last stays."""
        if found.elsewhere is not None:
            why = f"its keeper runs on {found.elsewhere}; only the ledger can be read here"
            self._show(watched, _card(found, why))
        elif found.socket is not None and watched.card is not None and watched.card.workers.asked:
            self._grey(watched, "its keeper does not answer")
        else:
            self._show(watched, _card(found))

    async def _last(self, watched: _Watched, found: Look) -> None:
        """Show how it ended; a stopped one leaves the list by itself."""
        last = watched.card
        card = _card(found)
        if last is not None:
            # The end is the ledger's; what it did and lost is remembered from what its keeper said last.
            kept = ("spend", "losses", "groups", "unit")
            card = card.model_copy(update={name: getattr(last, name) for name in kept})
            card = card.model_copy(update={"spend": card.spend.model_copy(update={"cores": 0.0})})
        watched.started = None
        self._show(watched, card)
        if card.state == "stopped":
            await asyncio.sleep(max(0.0, found.ended_at + STOPPED_SHOWN - time.time()))
            watched.task = None  # not cancelled by its own removal
            self._hide(watched.id)

    def _grey(self, watched: _Watched, why: str) -> None:
        if watched.card is not None:
            self._show(watched, watched.card.model_copy(update={"stale": why}))

    # -- news --

    def _show(self, watched: _Watched, card: Cluster) -> None:
        """Keep a card, and tell it if it is news: now, or when the last one is old enough."""
        watched.card = card
        if watched.timer is not None or not is_news(watched.sent, card):
            return
        wait = watched.sent_at + CARD_INTERVAL - time.monotonic()
        if wait <= 0:
            self._send(watched)
        else:
            watched.timer = asyncio.get_running_loop().call_later(wait, self._send, watched)

    def _send(self, watched: _Watched) -> None:
        watched.timer = None
        card = watched.card
        if card is not None and is_news(watched.sent, card):
            watched.sent, watched.sent_at = card, time.monotonic()
            self._tell("changed", watched.id, card)


def _card(found: Look, stale: str | None = None) -> Cluster:
    return card_of(found.state, profile=found.entry.profile, seen=time.time(), stale=stale)


def _over(found: Look) -> bool:
    """Tell whether a stopped cluster has been on the list for long enough."""
    return found.state.get("state") == "stopped" and time.time() - found.ended_at > STOPPED_SHOWN
