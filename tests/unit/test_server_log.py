"""What counts as a complaint about us in a Jupyter server's log (tests/support/server_log.py)."""

from __future__ import annotations

from pathlib import Path

from tests.support.server_log import complaints

INSTALLED = Path("/home/ada/dask-steward/.cache/ui/environment-1")
"""In a checkout that has our name."""

THEIRS = f"""\
[I 2026-11-21 19:00:00.000 ServerApp] 202 POST /dask-steward/api/clusters (ada@127.0.0.1) 12.00ms
[E 2026-11-21 19:00:01.000 ServerApp] Task exception was never retrieved
    future: <Task finished name='Task-9' coro=<WebSocketProtocol13.write_message.<locals>.wrapper() done>>
    Traceback (most recent call last):
      File "{INSTALLED}/lib/python3.12/site-packages/tornado/websocket.py", line 1092, in wrapper
        await fut
    tornado.iostream.StreamClosedError: Stream is closed

    During handling of the above exception, another exception occurred:

    Traceback (most recent call last):
      File "{INSTALLED}/lib/python3.12/site-packages/tornado/websocket.py", line 1094, in wrapper
        raise WebSocketClosedError()
    tornado.websocket.WebSocketClosedError
[I 2026-11-21 19:00:02.000 ServerApp] Kernel started: 1
"""

FRAME = '  File "{installed}/lib/python3.12/site-packages/dask_steward/server/hub.py", line 7, in push\n    send()\n'


def test_what_others_say_of_themselves_is_not_ours_to_judge() -> None:
    assert complaints(THEIRS, INSTALLED) == []
    # A kernel writes without a head, after whatever the server said last.
    raw = f'Traceback (most recent call last):\n  File "{INSTALLED}/lib/x.py", line 1, in <module>\nValueError: 1\n'
    assert (
        complaints(f"{THEIRS}[I 2026-11-21 19:00:03.000 ServerApp] 200 GET /dask-steward/api\n{raw}", INSTALLED) == []
    )
    assert complaints(f"{INSTALLED}/lib/x.py:1: DeprecationWarning: old\n  old()\n", INSTALLED) == []


def test_a_traceback_through_our_code_is_found_wherever_it_stands() -> None:
    frame = FRAME.format(installed=INSTALLED)
    traceback = f"Traceback (most recent call last):\n{frame}tornado.websocket.WebSocketClosedError\n"
    after = f"[I 2026-11-21 19:00:03.000 ServerApp] Saving file\n{traceback}"
    inside = "[E 2026-11-21 19:00:03.000 ServerApp] Uncaught exception\n" + "".join(
        f"    {line}\n" for line in traceback.splitlines()
    )
    for log in (traceback, after, inside):
        (found,) = complaints(THEIRS + log, INSTALLED)
        assert "hub.py" in found


def test_a_traceback_that_tells_of_us_is_found_without_a_frame() -> None:
    # What our code was the cause of: a task that nobody waited for, a request to us.
    lines = ["Traceback (most recent call last):", "  File 'x.py', line 1, in f", "KeyError: 1"]
    for head in (
        "[E 2026-11-21 19:00:03.000 ServerApp] Task exception was never retrieved",
        "[E 2026-11-21 19:00:03.000 ServerApp] Uncaught exception",
    ):
        told = "    future: <Task coro=<Hub.push() defined at /x/dask_steward/server/hub.py:7>>"
        assert len(complaints("\n".join([head, told, *lines]), INSTALLED)) == 1
        assert complaints("\n".join([head, *lines]), INSTALLED) == []


def test_loud_lines_and_deprecations_of_ours_are_found() -> None:
    for line in (
        "[W 2026-11-21 19:00:03.000 ServerApp] dask_steward | extension failed loading",
        "[E 2026-11-21 19:00:03.000 ServerApp] 500 GET /dask-steward/api/clusters",
        "/x/site-packages/dask_steward/server/app.py:1: DeprecationWarning: old",
    ):
        (found,) = complaints(f"{THEIRS}{line}\n", INSTALLED)
        assert found.endswith(line)
    gone = "[W 2026-11-21 19:00:03.000 ServerApp] 404 GET /dask-steward/api/clusters/k1/dashboard/ws (ada@::1) 1.00ms"
    assert complaints(THEIRS + gone, INSTALLED) == []
