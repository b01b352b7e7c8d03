"""An application that does what dask-yarn's remote mode did: somebody's scheduler and workers in containers.

dask-yarn itself cannot start one with a Dask of today (its ``dask-yarn services`` fails at import), so the two services
do with plain commands what that one did: the scheduler puts its address into the key-value store of skein, under
the key of dask-yarn.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

SCHEDULER = """
export HOME=$PWD
{python} -c '
import asyncio, skein
from distributed import Scheduler

async def run():
    async with Scheduler(port=0, dashboard_address=":0") as scheduler:
        skein.ApplicationClient.from_current().kv["dask.scheduler"] = scheduler.address.encode()
        await scheduler.finished()

asyncio.run(run())
'
"""
WORKER = """
export HOME=$PWD
address=$({python} -c '
import skein
print(skein.ApplicationClient.from_current().kv.wait("dask.scheduler").decode())
')
exec {python} -m distributed.cli.dask_worker "$address" --nthreads 1 --no-dashboard --local-directory "$PWD"
"""


def specification(name: str = "theirs", *, scheduler: bool = True, workers: int = 1) -> Any:
    """Return what dask-yarn's ``deploy_mode: remote`` would submit; without a scheduler it is no Dask at all."""
    import skein

    def service(script: str, instances: int, memory: int) -> Any:
        return skein.Service(
            instances=instances,
            resources=skein.Resources(memory=memory, vcores=1),
            max_restarts=0,
            script=script.format(python=sys.executable),
        )

    services = {"sleeper": service("sleep 600", 1, 64)}
    if scheduler:
        services = {"dask.scheduler": service(SCHEDULER, 1, 512), "dask.worker": service(WORKER, workers, 512)}
        services["dask.worker"].depends = {"dask.scheduler"}
    return skein.ApplicationSpec(name=name, queue="default", services=services)


@contextlib.contextmanager
def submitted(*, scheduler: bool = True) -> Iterator[str]:
    """Submit it as somebody would, with skein's own certificate; return its id once it runs, and kill it at the end.

    In a process of its own, as somebody's is.
    """
    words = [sys.executable, "-W", "ignore", "-m", "tests.support.dask_yarn_like", *([] if scheduler else ["none"])]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        id = process.stdout.readline().strip()
        assert id.startswith("application_"), "it was not submitted; its words are above"
        yield id
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(60)


def main(scheduler: bool) -> None:
    """Submit, tell the id, and kill it when nobody listens any more."""
    import skein

    folder = os.environ["SKEIN_CONFIG"]
    if not os.path.exists(os.path.join(folder, "skein.pem")):
        skein.Security.new_credentials().to_directory(folder)
    security = skein.Security.from_directory(folder)
    with skein.Client(security=security) as client:
        id = client.submit(specification(scheduler=scheduler))
        try:
            client.connect(id, security=security).close()
            print(id, flush=True)
            sys.stdin.read()
        finally:
            with contextlib.suppress(skein.exceptions.SkeinError):
                client.kill_application(id)


if __name__ == "__main__":
    main("none" not in sys.argv[1:])
