"""The application of a cluster on YARN: submitted, watched, and ended; it holds the containers, and the line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dask_steward.clusters import yarn_words
from dask_steward.clusters.base import HoldingView
from dask_steward.clusters.line import Event
from dask_steward.clusters.yarn_driver import Driver, aside
from dask_steward.clusters.yarn_lease import Lease
from dask_steward.errors import StartFailed
from dask_steward.ledger import holdings
from dask_steward.ledger.holdings import HoldingsLog
from dask_steward.managers.base import Unknown

if TYPE_CHECKING:
    import skein

    from dask_steward.managers.yarn import Application, Yarn

logger = logging.getLogger(__name__)

#: Its key in the ledger, and its kind there and on screen.
KEY = KIND = "application"
#: Seconds for a submit, which copies the environment to where YARN takes it from.
SUBMIT_LIMIT = 600.0
#: Seconds between two questions while something is awaited, while nothing is, and to a manager that does not answer.
BUSY_INTERVAL, IDLE_INTERVAL, UNKNOWN_INTERVAL = 0.5, 5.0, 2.0
#: Seconds for which an application must be unknown to a ResourceManager that answers, to be taken for lost.
LOST_LIMIT = 3.0
#: Seconds for which an orderly stop tries to verify; then the guard goes on.
RELEASE_LIMIT = 10.0
#: Seconds for which a submit that is under way is waited for before the end.
SUBMIT_END = 5.0
#: Seconds after which an application that was told to end and has not is killed.
KILL_AFTER = 3.0
#: What to do where containers cannot call the keeper.
WAYS = (
    "open the firewall for line.ports and options.port, name an address that nodes reach with options.host or "
    "line.host, or run the scheduler in a container with options.deploy_mode: remote"
)
#: What it is in the ResourceManager's words once it is over.
OVER = ("FINISHED", "FAILED", "KILLED")


class YarnApplication:
    """One application.

    Parameters
    ----------
    driver : Driver
        Already up when `submit` is called.
    manager : Yarn
        Speaks to the ResourceManager.
    log : HoldingsLog
        What is taken is written there first.
    tag : str
        The cluster's tag.
    changed : callable
        Told on the event loop whenever something is new.
    timeout, interval : float
        Of the lease, in seconds.
    """

    def __init__(
        self,
        driver: Driver,
        manager: Yarn,
        log: HoldingsLog,
        *,
        tag: str,
        changed: Callable[[], None],
        timeout: float,
        interval: float,
    ) -> None:
        self.id: str | None = None
        self.step = "intended"
        self.reason: str | None = None
        self.node: str | None = None
        self.over: str | None = None
        """Why it is over, in words for a person, once it is."""
        self.unknown: str | None = None
        """Why the ResourceManager could not be asked."""
        self.report: Application | None = None
        """What the ResourceManager said last."""
        self.client: skein.ApplicationClient | None = None
        """Speaks to the application's master, while there is one."""
        self.silent: str | None = None
        """That its master is there and does not answer, in words for a person: it is frozen, or cut off."""
        self.line = "the port of the line"
        """``host:port`` of the line, as containers reach it."""
        self.attempt = 0
        """Which master that is; YARN starts another one when one dies."""
        self.vcores = 1
        self._since = time.time()
        self._started: float | None = None
        self._ended: float | None = None
        self._driver, self.manager, self._log, self._tag = driver, manager, log, tag
        self._changed = changed
        self.lease = Lease(manager, timeout, interval, changed)
        self._wake = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._submitting: asyncio.Future[str] | None = None
        self._ending = False
        self._missed_since: float | None = None
        self._doubted = False
        self.called = False
        """Whether its master has ever called on the line."""
        self._master: str | None = None  # where the one listens that was spoken to last
        self.arrived: list[Callable[[skein.ApplicationClient, int], None]] = []
        """Told, in a thread, of each new master before anybody else speaks to it."""

    # -- what is shown --

    @property
    def holding(self) -> bool:
        """Whether it is held, or may be."""
        return self._log.known[KEY].open if KEY in self._log.known else False

    def holdings(self) -> list[HoldingView]:
        """Return it as every face shows it; nothing once it is gone."""
        if not self.holding:
            return []
        # The ResourceManager's own page: it says why, and is there before the master and after it.
        link = self.manager.page(self.id) if self.id is not None else None
        known = (self.id, self.step, self.reason, None, self.node, self._since)
        return [HoldingView(KIND, *known, group=KEY, key=KEY, link=link)]

    @property
    def node_web(self) -> str | None:
        """The web address of the node of its master."""
        return self.report.am_host if self.report is not None else None

    @property
    def silence(self) -> str:
        """What is said of a master that is there and does not answer."""
        who = yarn_words.master(self.report)
        return f"{who} does not answer: it stands still, or cannot be reached from this machine"

    def core_seconds(self) -> float:
        """Return core-seconds that its master has held so far."""
        return ((self._ended or time.time()) - self._started) * self.vcores if self._started is not None else 0.0

    def cores_held(self) -> int:
        """Return the cores that its master holds now."""
        return self.vcores if self._started is not None and self._ended is None else 0

    def _to(self, step: str, reason: str | None) -> None:
        if (step, reason) == (self.step, self.reason):
            return
        if step != self.step:
            self._since = time.time()
            logger.info("%s: %s → %s%s", self.id or KIND, self.step, step, f": {reason}" if reason else "")
        self.step, self.reason = step, reason
        self._changed()

    # -- up --

    async def submit(self, spec: skein.ApplicationSpec) -> None:
        """Announce it, submit it, write its id down, and follow it from then on.

        Raises
        ------
        StartFailed
            If YARN refuses it, or does not say whether it took it.
        """
        self.vcores = spec.master.resources.vcores
        await asyncio.to_thread(self._log.write, KIND, KEY, holdings.INTENT)
        self._submitting = asyncio.ensure_future(self._submit(spec))
        # A start that is interrupted does not interrupt it: what came of it is waited for before it is given back.
        id = await asyncio.shield(self._submitting)
        await self.lease.take(id)
        self._to("submitted", None)
        self._watching = asyncio.create_task(self._watch(id))

    async def _submit(self, spec: skein.ApplicationSpec) -> str:
        try:
            self.id = id = str(await aside(self._driver.client.submit, spec, limit=SUBMIT_LIMIT))
        except asyncio.TimeoutError as error:
            raise StartFailed(
                f"YARN did not say within {SUBMIT_LIMIT:g} s whether it took the application; it is looked for by its "
                "tag and given back.",
                hint="Is the ResourceManager up, and the file system that it takes the environment from?",
            ) from error
        except Exception as error:  # whatever skein makes of what Hadoop throws
            refused = yarn_words.refusal(error, spec.queue)
            if refused.certain:
                with contextlib.suppress(OSError):
                    self._log.write(KIND, KEY, holdings.REFUSED, reason=refused.sentence)
            raise StartFailed(refused.sentence, field=refused.field, hint=refused.hint) from error
        await asyncio.to_thread(self._log.write, KIND, KEY, holdings.HELD, id)
        return id

    def heard(self, event: Event) -> None:
        """Take in what the line says: a master that comes or goes is a master to look at."""
        if event.up:
            self.called = True
            self.node = event.node
        self.doubt()

    def doubt(self) -> None:
        """Ask at once: something says that it, or its master, may have gone."""
        self._doubted = True
        self._wake.set()

    # -- the watch --

    async def _watch(self, id: str) -> None:
        while self.over is None:
            self._wake.clear()
            doubted, self._doubted = self._doubted, False
            try:
                await self._look(id, doubted)
            except Exception as error:  # an application that nobody watches any more would be held for ever
                logger.exception("the application cannot be followed")
                self.unknown = f"{type(error).__name__}: {error}"
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._interval())
                await asyncio.sleep(0.1)  # the ResourceManager learns of an end later than the line

    def _interval(self) -> float:
        if self.unknown is not None or self.silent is not None:
            return UNKNOWN_INTERVAL
        return IDLE_INTERVAL if self.client is not None and not self._ending else BUSY_INTERVAL

    async def _look(self, id: str, doubted: bool) -> None:
        """Ask the ResourceManager once, and take in what it says."""
        answer = await asyncio.to_thread(self.manager.application, id)
        if isinstance(answer, Unknown):
            if self.unknown != answer.reason:
                self.unknown = answer.reason
                self._changed()
            return
        self.unknown = None
        if answer is None:
            self._missing()
            return
        self._missed_since = None
        self.report = answer
        if answer.state in OVER:
            await self._is_over(answer)
        elif answer.state == "RUNNING":
            self._started = self._started or time.time()
            if self.client is None or self.silent is not None or doubted:
                await self._connect(id, answer)
        else:
            self._leave_master()
            self._master = None
            self._to("queued", yarn_words.waiting(answer, again=self.attempt > 0))

    def _missing(self) -> None:
        """Take in that the ResourceManager answers and does not know it: it was started again and has forgotten."""
        now = time.monotonic()
        self._missed_since = self._missed_since or now
        if now - self._missed_since >= LOST_LIMIT:
            self._finish(
                "the ResourceManager does not know it any more; it was probably started again without its memory, and "
                "the nodes end what they run for it"
            )

    async def _is_over(self, answer: Application) -> None:
        self._leave_master()
        if not self.called and yarn_words.cannot_call(answer):
            self._finish(f"{yarn_words.over(answer)}. Its containers cannot reach this machine on {self.line}: {WAYS}")
        else:
            self._finish(yarn_words.over(answer))

    def _finish(self, why: str) -> None:
        self._ended = time.time()
        self.over = why
        with contextlib.suppress(OSError):
            self._log.write(KIND, KEY, holdings.RELEASED, self.id, why)
        self._to("released" if self._ending else "lost", why)
        self._changed()

    def _leave_master(self) -> None:
        self.silent = None
        if self.client is not None:
            client, self.client = self.client, None
            client.close()
            self._changed()

    async def _connect(self, id: str, report: Application) -> None:
        """Speak to the application's master; a new one has no containers, and is told of those that are wanted."""
        try:
            found = await asyncio.to_thread(self._reach, id, report.am_rpc, self.client)
        except Exception as error:  # noqa: BLE001  # it may have died a moment ago; asked again at once
            logger.info("the master of %s cannot be reached: %s", id, error)
            if yarn_words.is_silence(error):
                # It is there, with its containers: frozen, or cut off. What runs goes on.
                self.silent = self.silence
                self._to("running", self.silent)
            else:
                self._leave_master()
                words = f"cannot be reached from this machine: {yarn_words.first_line(error)}"
                self._to("running", f"{yarn_words.master(report)} {words}")
            self._changed()
            return
        if found is not self.client:
            self._leave_master()
            self.client = found
        if found.address != self._master:
            self._master, self.attempt = found.address, self.attempt + 1
        self.silent = None
        self._to("running", None)
        self._changed()

    def _reach(self, id: str, address: str | None, known: skein.ApplicationClient | None) -> skein.ApplicationClient:
        """Return a client of the master, `known` where that is the same one; in a thread."""
        if address is None:  # a ResourceManager that is asked by command does not tell
            with self._driver.client.connect(id, wait=False, security=self._driver.security) as found:
                address = str(found.address)
        if known is not None and address == known.address:
            known.get_containers()
            return known
        client = self._driver.master(address, id)
        try:
            client.get_containers()
            for told in self.arrived if address != self._master else ():
                told(client, self.attempt + 1)
        except BaseException:
            client.close()
            raise
        return client

    # -- down --

    async def end(self) -> None:
        """Tell it to end; whether it has is for `verify`."""
        self._ending = True
        self._wake.set()
        if self.client is not None and self.silent is None:
            try:
                await aside(self.client.shutdown, limit=2.0)
            except Exception as error:  # noqa: BLE001  # its master may be gone: it is killed
                logger.info("the master of %s does not end it: %s", self.id, error)
            else:
                return
        await self.kill()

    async def kill(self) -> str | None:
        """Have the ResourceManager kill it, by id or by tag; return why it could not be asked to."""
        if self.id is not None:
            answer = await asyncio.to_thread(self.manager.cancel, [self.id])
        else:
            answer = await asyncio.to_thread(self.manager.cancel_tag, self._tag)
        return answer.reason if isinstance(answer, Unknown) else None

    async def release(self) -> str | None:
        """End it and look until the ResourceManager says that it is gone; return what may still be held, or None."""
        self.lease.drop()
        if self._watching is not None:
            self._watching.cancel()
        if self._submitting is not None and not self._submitting.done():
            await asyncio.wait([self._submitting], timeout=SUBMIT_END)
        if not self.holding:
            return None
        if not self._ending:
            await self.end()
        self._leave_master()  # who still waits for its answer waits no longer
        began = time.monotonic()
        pause, kill_at = 0.03, began + KILL_AFTER
        while True:
            left = await self.left()
            if left is None:
                return None
            if time.monotonic() > began + RELEASE_LIMIT:
                return left
            if time.monotonic() > kill_at:
                kill_at += KILL_AFTER
                await self.kill()
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    async def left(self) -> str | None:
        """Ask what is left of it, and cross it out when nothing is."""
        if not self.holding:
            return None
        answer = await asyncio.to_thread(self.manager.find_by_tag, [self._tag])
        if isinstance(answer, Unknown):
            return f"it is not known whether the application is gone: {answer.reason}"
        mine = answer.get(self._tag, ())
        live = [one.id for one in mine if not one.state.gone]
        if self.id is None and mine:
            self.id = mine[0].id
        if live:
            return f"{live[0]} has not ended yet"
        if self.id is None:
            return "its submit may still be in flight"
        unsettled = await asyncio.to_thread(self.manager.settled, self._tag, [self.id])
        if unsettled is not None:
            return str(unsettled.reason)
        self._finish("given back")
        return None
