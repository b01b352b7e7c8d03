"""A kernel with a cluster of two workers on YARN is killed with SIGKILL: when is the last process of it gone?

running   both workers are connected;
waiting   the queue is full, and the application waits for its master's container; room is made 5 s after the kill.

One node on this machine, a real ResourceManager. The peer is dask-yarn 0.9 with the cures that it needs to run with a
Dask of today, in its default mode (the scheduler in a container). A side that is still there after ``--limit`` seconds
is given up and shown as ``> limit``; that is for ever.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from support import yarn_site
from support.figures import Figure, Side, parser, report, say
from support.kernels import Kernel

from tests.support import yarn_conf
from tests.support.private_yarn import PrivateYarn
from tests.support.yarn_rest import ENDED

CASES = ("running", "waiting")
#: Seconds that a start may take here.
START_LIMIT = 90.0
#: Seconds after the kill at which a full queue has room again.
ROOM_AFTER = 5.0

OURS = """
import dask_steward as ds
cluster = ds.start("site", wait=False)
print("BENCH", "asked")
"""


def applications(yarn: PrivateYarn, others: set[str]) -> list[str]:
    """Return the ids of the applications that have not ended."""
    return [one.id for one in yarn.applications() if one.state not in ENDED and one.id not in others]


def left(yarn: PrivateYarn, others: set[str]) -> int:
    """Return how many applications and processes of containers there are."""
    elsewhere = {one.pid for id in others for one in yarn.containers(id)}
    return len(applications(yarn, others)) + len([one for one in yarn.containers() if one.pid not in elsewhere])


def workers(yarn: PrivateYarn) -> int:
    """Return how many workers' processes there are (not nannies: what they start)."""
    return len([one for one in yarn.containers() if "multiprocessing.spawn" in one.command])


def until(what: str, done: Callable[[], object], limit: float = START_LIMIT) -> None:
    deadline = time.monotonic() + limit
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {limit:g} s: {what}")
        time.sleep(0.02)


def measure(yarn: PrivateYarn, case: str, start: str, limit: float, cures: Path | None) -> tuple[float, bool]:
    """Return seconds from the kill until nothing was left, and whether it was given up."""
    others: set[str] = set()
    if case == "waiting":
        others.add(yarn.submit("exec sleep 900", memory=5120))
    with Kernel(yarn_site.environment(yarn, cures)) as kernel:
        kernel.profile("site", yarn_site.PROFILE)
        try:
            # The peer's start waits for its scheduler, which never comes where the queue is full.
            kernel.send(start)
            if case == "waiting":
                until("the application", lambda: applications(yarn, others))
            else:
                until("two workers", lambda: workers(yarn) == yarn_site.WORKERS)
                time.sleep(1.0)  # connected
            killed = kernel.kill()
            while left(yarn, others):
                after = time.monotonic() - killed
                if after > limit:
                    return limit, True
                if others and after > ROOM_AFTER:
                    for id in others:
                        yarn.kill_application(id)
                    others.clear()
                time.sleep(0.02)
            return time.monotonic() - killed, False
        finally:
            yarn.clear()


def main(given_arguments: list[str] | None = None) -> int:
    arguments = parser(__doc__ or "", runs=2)
    arguments.add_argument("--only", choices=CASES, action="append", help="this case (may be given several times)")
    arguments.add_argument("--limit", type=float, default=60.0, help="seconds after which a side is given up")
    given = arguments.parse_args(given_arguments)
    lacking = yarn_conf.missing()
    if lacking:
        return report("release_yarn", [], as_json=given.json, notes=[lacking])
    figures: list[Figure] = []
    peer_name = "dask-yarn with cures"
    with PrivateYarn() as yarn, tempfile.TemporaryDirectory() as folder:
        python = yarn_site.cured(Path(folder))
        peer = yarn_site.by_hand(python, "remote")
        for case in given.only or CASES:
            gone = Figure(f"{case}: last process gone", "s", peer_name, limit=2.0)
            figures.append(gone)
            for run in range(given.runs):
                sides: list[tuple[Side, str, Path | None]] = [(gone.ours, OURS, None), (gone.peer, peer, python)]
                for side, start, cures in sides if run % 2 == 0 else sides[::-1]:
                    seconds, given_up = measure(yarn, case, start, given.limit, cures)
                    side.add(seconds, cut=given_up)
                    name = "ours" if start is OURS else peer_name
                    say(f"{case}: {name} {'> ' if given_up else ''}{seconds:.2f} s")
    return report("release_yarn", figures, as_json=given.json, notes=["what is given up would stay for ever"])


if __name__ == "__main__":
    sys.exit(main())
