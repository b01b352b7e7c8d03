"""Blocking work beside the server's event loop."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Blocking calls at once: a resource manager or a network file system that hangs must not take all the memory.
AT_ONCE = 32

_free = threading.BoundedSemaphore(AT_ONCE)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a thread of its own and return what it returns.

    `asyncio.to_thread` would do, but Python joins its threads at exit: one that waits for a manager which does not
    answer would hold the server's process. These are daemons, and their work is safe to be cut: what it took is written
    down before it is taken.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        with _free:
            try:
                found = context.run(functools.partial(work, *args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits
                _tell(loop, _fail, done, error)
            else:
                _tell(loop, _succeed, done, found)

    threading.Thread(target=run, name="dask-steward", daemon=True).start()
    return await done


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(what, *args)
    except RuntimeError:
        return  # the loop is closed: the server ends, and nobody waits


def _succeed(done: asyncio.Future[T], found: T) -> None:
    if not done.done():
        done.set_result(found)


def _fail(done: asyncio.Future[Any], error: BaseException) -> None:
    if done.done():
        return
    if isinstance(error, StopIteration):  # a future refuses it
        error = RuntimeError(f"a blocking call raised {error!r}")
    done.set_exception(error)
