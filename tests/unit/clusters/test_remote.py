"""The agent of a scheduler elsewhere: the same answers over TLS, and no face waits for a scheduler that is silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from distributed import Client, Scheduler, Worker
from distributed.comm.core import connect
from distributed.core import send_recv

from dask_steward.clusters import remote
from dask_steward.clusters.agent import CutRule, Restarted
from dask_steward.clusters.local_agent import LocalAgent
from dask_steward.clusters.remote import RemoteAgent, SchedulerAway
from dask_steward.clusters.scheduler import Pages, security_of, start_scheduler
from dask_steward.clusters.security import make_keys
from dask_steward.clusters.service import OP, AgentService
from dask_steward.clusters.tunnel import RemotePages, serve_pages
from dask_steward.errors import StartFailed, StewardError

PATIENCE = 40.0


async def until(done: Callable[[], Any], limit: float = PATIENCE) -> None:
    deadline = time.monotonic() + limit
    while not done():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.02)


class Place:
    """A scheduler as its job runs it, and the keeper's agent."""

    def __init__(self, scheduler: Scheduler, local: LocalAgent, service: AgentService, security: Any) -> None:
        self.scheduler, self.local, self.service, self.security = scheduler, local, service, security
        self.doubts = 0
        self.agent = RemoteAgent(scheduler.address, security, self.doubt)
        self.seen: list[tuple[str, ...]] = []

    def doubt(self) -> None:
        self.doubts += 1

    @asynccontextmanager
    async def worker(self, name: str = "j1", **options: Any) -> AsyncIterator[Worker]:
        async with Worker(self.scheduler.address, security=self.security, name=name, nthreads=2, **options) as found:
            yield found


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    security = security_of(make_keys(str(folder / "tls")))
    scheduler = await start_scheduler({"host": "127.0.0.1"}, security, tls=True)
    local = LocalAgent(scheduler, "summary")
    found = Place(scheduler, local, AgentService(local), security)
    await found.agent.arrive("12", "n1")
    found.agent.watch(
        lambda address, name: found.seen.append(("joined", address, name)),
        lambda address: found.seen.append(("left", address)),
    )
    try:
        yield found
    finally:
        found.agent.hang_up()
        await scheduler.close()


@pytest.mark.asyncio
async def test_workers_that_come_and_go_are_told(tmp_path: Path) -> None:
    async with place(tmp_path) as found:
        async with found.worker("j1") as first, found.worker("j2-0") as second:
            await until(lambda: len(found.seen) == 2)
            assert set(found.seen) == {("joined", first.address, "j1"), ("joined", second.address, "j2-0")}
        await until(lambda: len(found.seen) == 4)

        assert set(found.seen[2:]) == {("left", first.address), ("left", second.address)}
        assert found.doubts == 0


@pytest.mark.asyncio
async def test_all_answers_are_those_of_the_agent_beside_the_scheduler(tmp_path: Path) -> None:
    async with place(tmp_path) as found, found.worker() as worker:  # noqa: SIM117
        async with Client(found.scheduler.address, security=found.security, asynchronous=True) as client:
            assert await client.submit(sum, [1, 2]) == 3
            kept = await client.scatter(b"x" * 1000)
            near, far = found.local, found.agent

            assert await far.workers() == await near.workers()
            assert (await far.workers())[worker.address].keys == 1
            summary = await far.summary()
            assert summary["threads"] == 2
            assert summary.keys() == (await near.summary()).keys()
            assert (await far.demand(5.0)).to_json() == (await near.demand(5.0)).to_json()
            assert await far.mismatch() is None
            (row,) = await far.worker_rows()
            assert (row["address"], row["name"], row["threads"], row["stored"]) == (worker.address, "j1", 2, 1000)
            assert row.keys() == (await near.worker_rows())[0].keys()
            assert await far.restart_workers(1.0) == await near.restart_workers(1.0) == Restarted(fixed=["j1"])
            assert (await far.identity())["workers"].keys() == {worker.address}
            assert list(await far.worker_logs(5)) == ["worker j1"]
            assert await far.closed() is False
            await near.idle_since()  # Dask begins to count when it is first asked
            assert (await far.idle_since()) == (await near.idle_since()) is not None
            del kept


@pytest.mark.asyncio
async def test_data_move_off_the_workers_of_a_job_that_is_drained(tmp_path: Path) -> None:
    async with place(tmp_path) as found, found.worker("j1") as first, found.worker("j2"):  # noqa: SIM117
        async with Client(found.scheduler.address, security=found.security, asynchronous=True) as client:
            kept = await client.scatter(b"x" * 1000, workers=[first.address])

            rule = CutRule(seconds=60.0, times=3, sentence="{task} takes too long")
            drained = await found.agent.drain({"j1": [first.address]}, finish=1.0, move=PATIENCE, cut_rule=rule)

            assert (drained["j1"].kept, drained["j1"].failed) == (None, {})
            assert first.address not in found.scheduler.workers
            assert len(await kept) == 1000


@pytest.mark.asyncio
async def test_a_client_that_shuts_the_scheduler_down_is_told_apart_from_a_loss(tmp_path: Path) -> None:
    async with place(tmp_path) as found:
        async with Client(found.scheduler.address, security=found.security, asynchronous=True) as client:
            await client.shutdown()

        assert await found.agent.closed() is True


@pytest.mark.asyncio
async def test_a_busy_scheduler_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a scheduler that stopped to answer, then the last answers hold, at once, and a sentence says since when."""
    async with place(tmp_path) as found, found.worker():
        await until(lambda: found.seen)
        before = await found.agent.summary()
        monkeypatch.setattr(remote, "LOOK_LIMIT", 0.3)
        monkeypatch.setattr(remote, "SILENCE_TOLD", 0.0)
        silent = asyncio.Event()

        async def never(comm: Any, call: str = "", given: str = "") -> dict[str, str]:
            await silent.wait()
            return {"error": "too late"}

        found.scheduler.handlers[OP], answers = never, found.scheduler.handlers[OP]
        assert await found.agent.summary() == before
        assert found.doubts == 1
        # Nothing is asked any more: each further look would wait for its limit.
        monkeypatch.setattr(found.agent, "_ask", None)
        assert await found.agent.summary() == before
        assert "has not answered since" in (found.agent.warning or "")
        monkeypatch.undo()

        found.scheduler.handlers[OP] = answers
        silent.set()
        await until(lambda: found.agent.warning is None and found.agent._away_since is None)
        assert (await found.agent.summary())["threads"] == 2


@pytest.mark.asyncio
async def test_a_scheduler_that_is_gone_is_doubted_and_drains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path) as found:
        monkeypatch.setattr(remote, "CONNECT_LIMIT", 0.3)
        await found.scheduler.close()
        await until(lambda: found.doubts)

        assert await found.agent.workers() == {}
        drained = await found.agent.drain({"j1": ["tls://127.0.0.1:1"]}, finish=0.0, move=0.0)
        assert "does not answer" in (drained["j1"].kept or "")
        with pytest.raises(SchedulerAway, match="does not answer"):
            await found.agent.identity()
        await found.agent.close()


@pytest.mark.asyncio
async def test_an_error_beside_the_scheduler_is_told_in_a_sentence(tmp_path: Path) -> None:
    async with place(tmp_path) as found:
        with pytest.raises(StewardError, match="could not answer demand: TypeError"):
            await found.agent._ask("demand", PATIENCE)
        with pytest.raises(StewardError, match="there is no delete"):
            await found.agent._ask("delete", PATIENCE)
        assert found.doubts == 0


@pytest.mark.asyncio
async def test_a_scheduler_out_of_reach_says_what_to_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "ARRIVE_LIMIT", 0.5)
    agent = RemoteAgent("tls://127.0.0.1:1", security_of(make_keys(str(tmp_path / "tls"))))

    with pytest.raises(
        StartFailed, match=r"job 12 on n1, but cannot be reached from here.*scheduler_options\.interface"
    ):
        await agent.arrive("12", "n1")


@pytest.mark.asyncio
async def test_nobody_without_the_keys_is_answered(tmp_path: Path) -> None:
    async with place(tmp_path) as found:
        others = security_of(make_keys(str(tmp_path / "others")))

        async def ask() -> Any:
            comm = await connect(found.scheduler.address, timeout=2, **others.get_connection_args("scheduler"))
            return await send_recv(comm, op=OP, call="workers", given="{}")

        with pytest.raises(OSError, match=r"."):
            await ask()


@pytest.mark.asyncio
async def test_pages_come_through_the_comm(tmp_path: Path) -> None:
    async with place(tmp_path) as found:
        beside = Pages(found.scheduler, "socket", str(tmp_path / "p.sock"))
        beside.start()
        serve_pages(found.scheduler, beside)
        pages = RemotePages(found.scheduler.address, found.security, "socket", str(tmp_path / "k.sock"), None)
        await pages.start()

        transport = httpx.AsyncHTTPTransport(uds=str(tmp_path / "k.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://pages", timeout=PATIENCE) as http:
            first = await http.get("/status")
            again = await http.get("/json/counts.json")

        assert first.status_code == 200
        assert "bokeh" in first.text
        assert again.json()["workers"] == 0
        pages.close()
        beside.close()
        assert not (tmp_path / "k.sock").exists()
