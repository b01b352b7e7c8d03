"""The agent of a scheduler that somebody else owns: it looks, and never acts.

One connection is kept open, on which the scheduler sends its sums every few seconds (``foreign_look``); where it cannot
(another Python), light questions are asked instead. Its id tells it from another scheduler on the same port: once that
has changed, the one that was attached is lost, and the other one is never shown in its place.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import cloudpickle
from distributed.comm.core import Comm
from distributed.core import send_recv
from distributed.security import Security

from dask_steward.clusters import foreign_look
from dask_steward.clusters.agent import Agent, CutRule, Drained, Restarted, WorkerView
from dask_steward.clusters.base import refusal
from dask_steward.clusters.demand import Demand
from dask_steward.clusters.foreign_reach import Place, Reached, ask_identity, other_versions, reach, same_python
from dask_steward.errors import StartFailed
from dask_steward.progress_data import Computation

logger = logging.getLogger(__name__)

#: Seconds between two looks.
INTERVAL = 2.0
#: Seconds of silence on an open connection after which it is taken for broken: a large graph blocks a scheduler.
SILENCE = 30.0
#: First and longest pause (seconds) before a scheduler that is away is called again.
PAUSES = (0.5, 5.0)
#: Seconds for which nobody may listen at all before the scheduler is given up; a tunnel may come back.
REFUSED_LIMIT = 10.0
#: Seconds after which one that was not heard of in any way is given up.
AWAY_LIMIT = 3600.0
#: Seconds for one question that only looks, and for one that collects from all workers.
LOOK_LIMIT, COLLECT_LIMIT = 5.0, 30.0
#: Seconds for which workers' rows are believed: a thousand of them are 0.7 MB.
ROWS_AGE = 5.0
_DONE = ("memory", "released", "erred")


class ForeignAgent(Agent):
    """Look at a scheduler of somebody else.

    Parameters
    ----------
    place : Place
        Where it is.
    security : Security
        For a client of it.
    reached : Reached
        Its first answer.
    lost : callable
        Told once, in a sentence, when it has gone for good.
    """

    def __init__(self, place: Place, security: Security, reached: Reached, lost: Callable[[str], None]) -> None:
        self.address = place.address
        self.id = str(reached.identity["id"])
        self.services = dict(reached.identity.get("services") or {})
        self.other_versions = other_versions(reached.versions)
        self._place, self._security, self._lost = place, security, lost
        self._function = _function() if same_python(reached.versions) else None
        self._seen: dict[str, Any] = {}
        self._rate, self._counted = 0.0, (time.monotonic(), 0)
        self._idle_since: float | None = None
        self._away_since: float | None = None
        self._refused_since: float | None = None
        self._why = ""
        self._ended = False
        self._changed: Callable[[str, str], None] = lambda address, name: None
        self._rows: tuple[float, list[dict[str, Any]]] = (0.0, [])
        self._first = asyncio.Event()
        self._following = asyncio.create_task(self._follow(reached.comm))

    # -- following --

    async def arrive(self) -> None:
        """Wait for the first look, for as long as a look may take."""
        try:
            await asyncio.wait_for(self._first.wait(), LOOK_LIMIT)
        except asyncio.TimeoutError:
            logger.warning("the scheduler has not sent its sums yet")

    @property
    def workers_there(self) -> int:
        """How many workers it has."""
        return int(self._seen.get("workers") or 0)

    @property
    def away(self) -> str | None:
        """Why nothing is heard of it now, in a sentence; None while it answers."""
        if self._away_since is None:
            return None
        since = time.strftime("%H:%M:%S", time.localtime(self._away_since))
        return f"The scheduler at {self.address} has not answered since {since}: {self._why}"

    async def _follow(self, comm: Comm) -> None:
        pause = PAUSES[0]
        while not self._ended:
            try:
                await self._listen(comm)
            except (OSError, asyncio.TimeoutError) as error:
                self._note_away(_words(error))
            finally:
                comm.abort()
            found: Comm | None = None
            while found is None and not self._ended:
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSES[1])
                found = await self._again()
            if found is None:
                return
            comm, pause = found, PAUSES[0]

    async def _again(self) -> Comm | None:
        """Call once more; what answers must be the same scheduler."""
        try:
            reached = await reach(self._place, self._security)
        except StartFailed as error:
            self._note_away(error.message.rstrip("."))
            self._judge(error)
            return None
        if str(reached.identity["id"]) != self.id:
            reached.comm.abort()
            self._give_up(
                f"The scheduler at {self.address} has ended, and another one ({reached.identity['id']}) listens there "
                "now; attach again to use that one."
            )
            return None
        self._away_since = self._refused_since = None
        self._changed("", "")
        return reached.comm

    def _judge(self, error: StartFailed) -> None:
        now = time.monotonic()
        if isinstance(error.__cause__, ConnectionRefusedError) or "nobody listens" in error.message:
            self._refused_since = self._refused_since or now
        else:
            self._refused_since = None
        away = time.time() - (self._away_since or time.time())
        if self._refused_since is not None and now - self._refused_since > REFUSED_LIMIT:
            self._give_up(f"The scheduler at {self.address} has ended: nobody listens there any more.")
        elif "is another scheduler" in error.message:
            self._give_up(
                f"The scheduler at {self.address} has ended, and another one listens there now; attach again to use "
                "that one."
            )
        elif away > AWAY_LIMIT:
            self._give_up(f"The scheduler at {self.address} has not answered for {away / 60:.0f} min: {self._why}.")

    def _note_away(self, why: str) -> None:
        self._why = why
        if self._away_since is None and not self._ended:
            self._away_since = time.time()
            logger.warning("the scheduler at %s does not answer: %s", self.address, why)
            self._changed("", "")

    def _give_up(self, why: str) -> None:
        if not self._ended:
            self._ended = True
            self._lost(why)

    async def _listen(self, comm: Comm) -> None:
        """Take in sums until the connection ends."""
        if self._function is not None:
            await comm.write({"op": "feed", "function": self._function, "interval": f"{INTERVAL:g}s", "reply": False})
            while not self._ended:
                found = await asyncio.wait_for(comm.read(), SILENCE)
                if not isinstance(found, Mapping) or "id" not in found:
                    logger.warning("the scheduler takes no function; it is asked instead: %r", found)
                    self._function = None
                    raise OSError("it takes no function")
                self._take_in(found)
        while not self._ended:
            self._take_in(await asyncio.wait_for(self._asked(comm), SILENCE))
            await asyncio.sleep(INTERVAL)

    async def _asked(self, comm: Comm) -> dict[str, Any]:
        """Return what `foreign_look.look` would, as far as plain questions tell it."""
        identity = await ask_identity(comm)
        prefixes = await send_recv(comm, op="get_task_prefix_states")
        groups = []
        for name, states in prefixes.items():
            done = sum(states.get(state, 0) for state in _DONE)
            groups.append({"name": name, "done": done, "total": sum(states.values()), "erred": states.get("erred", 0)})
        groups.sort(key=lambda group: group["done"] - group["total"])
        return {
            "id": identity["id"],
            "workers": identity.get("n_workers", len(identity["workers"])),
            "threads": identity.get("total_threads", 0),
            "cpu": 0.0,
            "memory": {"limit": identity.get("total_memory", 0), "used": 0, "spilled": 0},
            "groups": groups[:20],
            "open": sum(group["total"] - group["done"] for group in groups),
            "finished": sum(group["done"] for group in groups),
            "busy_seconds": 0.0,
        }

    def _take_in(self, found: Mapping[str, Any]) -> None:
        if str(found["id"]) != self.id:
            self._give_up(f"Another scheduler ({found['id']}) listens at {self.address} now; attach again to use it.")
            return
        before, self._seen = self._seen, dict(found)
        now = time.monotonic()
        then, finished = self._counted
        if now - then >= INTERVAL / 2:
            self._rate = max(0, found["finished"] - finished) / (now - then) if before else 0.0
            self._counted = (now, found["finished"])
        if found["open"]:
            self._idle_since = None
        else:
            self._idle_since = self._idle_since or time.time()
        self._first.set()
        if before.get("workers") != found["workers"]:
            self._changed("", "")

    # -- what is asked of it --

    def watch(self, joined: Callable[[str, str], None], left: Callable[[str], None]) -> None:
        self._changed = joined

    async def workers(self) -> dict[str, WorkerView]:
        return {}

    async def demand(self, target_duration: float) -> Demand:
        return Demand(target_duration)

    async def drain(
        self,
        jobs: Mapping[str, Collection[str]],
        *,
        finish: float,
        move: float,
        lose: bool = False,
        cut_rule: CutRule | None = None,
    ) -> dict[str, Drained]:
        raise refusal(f"The scheduler at {self.address}")

    async def restart_workers(self, within: float) -> Restarted:
        raise refusal(f"The scheduler at {self.address}")

    async def summary(self) -> dict[str, Any]:
        seen = self._seen
        return {
            "threads": seen.get("threads", 0),
            "cpu": {"used": seen.get("cpu", 0.0), "limit": seen.get("threads", 0)},
            "memory": dict(seen.get("memory") or {"limit": 0, "used": 0, "spilled": 0}),
            "tasks": {"groups": list(seen.get("groups") or ()), "per_second": round(self._rate, 1)},
            "busy_seconds": float(seen.get("busy_seconds") or 0.0),
            "computations": [],
            "memory_warnings": [],
        }

    async def progress(
        self,
        groups: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        client: str | None = None,
        since: float | None = None,
    ) -> list[Computation]:
        return []  # to tell computations apart takes a plug-in, and this scheduler is not ours

    async def idle_since(self) -> float | None:
        return None if self._away_since is not None else self._idle_since

    async def closed(self) -> bool:
        return False  # that it has gone is told by `lost`

    async def mismatch(self) -> str | None:
        return self.other_versions

    async def identity(self) -> dict[str, Any]:
        found = await self._once("identity", LOOK_LIMIT)
        return dict(found)

    async def worker_rows(self) -> list[dict[str, Any]]:
        asked, rows = self._rows
        if time.monotonic() - asked > ROWS_AGE:
            try:
                identity = await self.identity()
            except (OSError, StartFailed, asyncio.TimeoutError):
                return rows
            rows = [_row(address, one) for address, one in identity["workers"].items()]
            self._rows = (time.monotonic(), rows)
        return rows

    async def worker_logs(self, tail: int, worker: str | None = None) -> dict[str, str]:
        try:
            known = (await self.identity())["workers"]
            wanted = [one for one, its in known.items() if worker in (None, one, str(its.get("name")))]
            answers = await self._once("worker_logs", COLLECT_LIMIT, n=tail, workers=wanted) if wanted else {}
        except (OSError, StartFailed, asyncio.TimeoutError) as error:
            return {"workers": f"({_words(error)})"}
        return {
            f"worker {known[address].get('name', address)}": "\n".join(str(text) for _, text in reversed(lines))
            if isinstance(lines, list | tuple)
            else str(lines)
            for address, lines in answers.items()
        }

    async def _once(self, op: str, limit: float, **given: Any) -> Any:
        """Ask on a connection of its own: the other one only listens."""
        reached = await reach(self._place, self._security)
        try:
            if str(reached.identity["id"]) != self.id:
                raise OSError(f"another scheduler listens at {self.address} now")
            return await asyncio.wait_for(send_recv(reached.comm, op=op, **given), limit)
        finally:
            reached.comm.abort()

    async def close(self) -> None:
        """Hang up; the scheduler is told nothing."""
        self._ended = True
        self._following.cancel()


def _function() -> bytes:
    cloudpickle.register_pickle_by_value(sys.modules[foreign_look.__name__])
    return bytes(cloudpickle.dumps(foreign_look.look, protocol=4))


def _row(address: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a worker as a row of the table, from what its scheduler says of it."""
    metrics = one.get("metrics") or {}
    spilled = metrics.get("spilled_bytes")
    memory = int(metrics.get("memory") or 0)
    managed = int(metrics.get("managed_bytes") or 0)
    return {
        "address": address,
        "name": str(one.get("name", address)),
        "job": None,
        "host": str(one.get("host") or ""),
        "status": str(one.get("status") or ""),
        "threads": int(one.get("nthreads") or 0),
        "cpu": round(float(metrics.get("cpu") or 0.0) / 100, 1),
        "memory": memory,
        "memory_limit": int(one.get("memory_limit") or 0),
        "spilled": int((spilled or {}).get("disk") or 0) if isinstance(spilled, Mapping) else int(spilled or 0),
        "unmanaged": max(0, memory - managed),
        "processing": sum((metrics.get("task_counts") or {}).values()) if metrics.get("task_counts") else 0,
        "executing": int((metrics.get("task_counts") or {}).get("executing") or metrics.get("executing") or 0),
        "stored": managed,
    }


def _words(error: BaseException) -> str:
    text = getattr(error, "message", None) or str(error)
    return str(text or type(error).__name__).splitlines()[0].rstrip(".")
