"""News of clusters for what is displayed: one thread for all of a process, gone when nothing is displayed.

It reads the keepers' streams, so a display goes on while the main thread computes; only a call that never lets go of
the interpreter's lock stops it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from dask_steward.control.card_models import Cluster
from dask_steward.control.cards import FINAL, card_of, is_news
from dask_steward.control.looking import Look, look
from dask_steward.control.stream import NoAnswer, NoSuchStream, listen

logger = logging.getLogger(__name__)

#: Seconds between two cards of one cluster: four a second are as many as a person can read.
INTERVAL = 0.25
#: Shortest and longest pause (seconds) between two looks at a cluster whose keeper cannot be heard.
PAUSES = (0.1, 2.0)
#: Name of the thread.
THREAD = "dask-steward-widgets"

Tell = Callable[[Cluster, dict[str, Any]], None]


class Feed:
    """What is followed in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        #: What each follower has asked to be done, by the follower's own key.
        self._following: dict[object, asyncio.Task[None]] = {}
        self._wanted: set[object] = set()

    def follow(self, key: object, id: str, tell: Tell) -> None:
        """Call `tell` with the card, and the state that it was made of, when they are news, until the cluster ends.

        Parameters
        ----------
        key : object
            Names this follower; a second call with the same key changes nothing.
        id : str
            The cluster's id.
        tell : callable
            Called in the feed's thread, at most four times a second, the last time with a final state.
        """
        with self._lock:
            if key in self._wanted:
                return
            self._wanted.add(key)
            self._up().call_soon_threadsafe(self._begin, key, id, tell)

    def leave(self, key: object) -> None:
        """Follow no more for this key."""
        with self._lock:
            self._wanted.discard(key)
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._end, key)

    def later(self, key: object, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` in the feed's thread after a while, unless `leave` is called with this key before."""
        with self._lock:
            self._wanted.add(key)
            self._up().call_soon_threadsafe(self._begin_waiting, key, seconds, act)

    # -- the thread --

    def _up(self) -> asyncio.AbstractEventLoop:
        """Return the loop of a thread that is there. Called with the lock."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._run, args=(self._loop,), name=THREAD, daemon=True).start()
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    def _over(self, key: object, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("a display of a cluster failed", exc_info=task.exception())
        if self._following.get(key) is task:
            del self._following[key]
            with self._lock:
                self._wanted.discard(key)
        self._rest()

    def _rest(self) -> None:
        """End the thread when there is nothing to follow."""
        with self._lock:
            if self._wanted or self._following or self._loop is None:
                return
            loop, self._loop = self._loop, None
        loop.call_soon(loop.stop)

    def _take(self, key: object, work: Any) -> None:
        with self._lock:
            gone = key not in self._wanted
        if gone or key in self._following:
            work.close()
            self._rest()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._following[key] = task
        task.add_done_callback(lambda done: self._over(key, done))

    def _begin(self, key: object, id: str, tell: Tell) -> None:
        self._take(key, _follow(id, tell))

    def _begin_waiting(self, key: object, seconds: float, act: Callable[[], None]) -> None:
        self._take(key, _wait(seconds, act))

    def _end(self, key: object) -> None:
        # Out of the way at once: somebody may follow again before it has ended.
        task = self._following.pop(key, None)
        if task is not None:
            task.cancel()
        else:
            self._rest()


async def _wait(seconds: float, act: Callable[[], None]) -> None:
    await asyncio.sleep(seconds)
    act()


class _Teller:
    """Tell what is news, not more often than `INTERVAL`."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._sent: Cluster | None = None
        self._sent_at = float("-inf")
        self.last: tuple[Cluster, dict[str, Any]] | None = None

    async def say(self, card: Cluster, state: dict[str, Any]) -> None:
        self.last = card, state
        if not is_news(self._sent, card):
            return
        wait = self._sent_at + INTERVAL - time.monotonic()
        if wait > 0:
            # A stream that is not read for so long keeps what comes: keepers send at most as often themselves.
            await asyncio.sleep(wait)
        self._sent, self._sent_at = card, time.monotonic()
        self._tell(card, state)

    async def grey(self, why: str) -> None:
        """Say that what was said last is old."""
        if self.last is not None:
            card, state = self.last
            await self.say(card.model_copy(update={"stale": why}), state)


async def _follow(id: str, tell: Tell) -> None:
    """Follow one cluster to its end."""
    teller, pause = _Teller(tell), PAUSES[0]
    while True:
        try:
            found = look(id)  # blocks nobody but this thread
        except OSError as error:
            await teller.grey(f"the ledger cannot be read: {error.strerror or error}")
        else:
            if found is None:
                await teller.grey("nothing is known of it any more")
                return
            if found.entry.ended:
                await teller.say(*_last(found, teller.last))
                return
            if found.socket is not None and await _listen(found, teller):
                pause = PAUSES[0]
            elif found.socket is not None and teller.last is not None:
                await teller.grey("its keeper does not answer")
            else:
                await teller.say(_card(found), found.state)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, PAUSES[1])


async def _listen(found: Look, teller: _Teller) -> bool:
    """Tell what the keeper says until it goes; return whether it said anything."""
    said = False
    try:
        async with aclosing(listen(found.socket or "", "/stream")) as events:
            async for _, state in events:
                said = True
                if state.get("state") not in FINAL:  # the end is what the ledger says
                    await teller.say(card_of(state, profile=found.entry.profile, seen=time.time()), state)
    except NoAnswer as error:
        await teller.grey(str(error))
        return True
    except NoSuchStream:
        return said
    return said


def _last(found: Look, last: tuple[Cluster, dict[str, Any]] | None) -> tuple[Cluster, dict[str, Any]]:
    """Return how it ended; what it did and lost is remembered from what its keeper said last."""
    card, state = _card(found), dict(found.state)
    if last is not None:
        before, said = last
        kept = {name: getattr(before, name) for name in ("spend", "losses", "groups", "unit")}
        card = card.model_copy(update=kept)
        state.update(
            {name: said[name] for name in ("spend", "losses", "groups", "unit", "computations") if name in said}
        )
    return card.model_copy(update={"spend": card.spend.model_copy(update={"cores": 0.0})}), state


def _card(found: Look) -> Cluster:
    stale = None
    if found.elsewhere is not None:
        stale = f"its keeper runs on {found.elsewhere}; only the ledger can be read here"
    return card_of(found.state, profile=found.entry.profile, seen=time.time(), stale=stale)


#: The one of this process.
feed = Feed()
