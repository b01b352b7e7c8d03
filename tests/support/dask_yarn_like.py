"""An application that does what dask-yarn's remote mode did: somebody's scheduler and workers in containers.

dask-yarn itself cannot start one with a Dask of today (its ``dask-yarn services`` fails at import), so the two services
do with plain commands what that one did: the scheduler puts its address into the key-value store of skein, under the key
of dask-yarn.
"""

from __future__ import annotations

import contextlib
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
def submitted(spec: Any) -> Iterator[str]:
    """Submit it as somebody would, with skein's own certificate; return its id once it runs, and kill it at the end."""
    import skein

    with skein.Client() as client:
        id = client.submit(spec)
        try:
            client.connect(id).close()
            yield str(id)
        finally:
            with contextlib.suppress(skein.SkeinError):
                client.kill_application(id)
