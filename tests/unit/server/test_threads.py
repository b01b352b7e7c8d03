"""Blocking work beside the loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from dask_steward.server.threads import AT_ONCE, in_thread


def test_the_result_and_the_error_come_back() -> None:
    def fail() -> None:
        raise KeyError("x")

    async def both() -> int:
        with pytest.raises(KeyError):
            await in_thread(fail)
        return await in_thread(divmod, 7, 2)  # type: ignore[return-value]

    assert asyncio.run(both()) == (3, 1)


def test_the_loop_goes_on_meanwhile() -> None:
    async def beats() -> int:
        task = asyncio.ensure_future(in_thread(time.sleep, 0.3))
        count = 0
        while not task.done():
            await asyncio.sleep(0.01)
            count += 1
        return count

    assert asyncio.run(beats()) >= 5


def test_work_is_bounded() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    async def many() -> None:
        await asyncio.gather(*(in_thread(work) for _ in range(3 * AT_ONCE)))

    asyncio.run(many())
    assert 1 < most <= AT_ONCE


def test_a_blocked_call_does_not_hold_the_process() -> None:
    program = (
        "import asyncio, time\n"
        "from dask_steward.server.threads import in_thread\n"
        "async def main():\n"
        "    asyncio.ensure_future(in_thread(time.sleep, 60))\n"
        "    await asyncio.sleep(0.1)\n"
        "asyncio.run(main())\n"
    )
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)
    assert time.monotonic() - began < 30
