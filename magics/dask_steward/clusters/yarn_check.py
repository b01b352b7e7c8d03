"""What the ResourceManager can say of an application before it is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dask_steward import units
from dask_steward.clusters.yarn_spec import Plan
from dask_steward.errors import StartFailed
from dask_steward.managers.base import Unknown

if TYPE_CHECKING:
    import skein

    from dask_steward.managers.yarn import Largest, Yarn

#: Seconds within which the ResourceManager must answer.
ANSWER_LIMIT = 8.0
GPU = "yarn.io/gpu"
_MIB = 2**20


def check(plan: Plan, manager: Yarn) -> None:
    """Refuse an application of which the ResourceManager already says that it cannot be; blocking.

    YARN takes an application with containers that no node can ever hold, and ends it as a whole a few seconds later.
    Which queues there are, and who may use them, it says at the submit: some it makes when they are first used.

    Parameters
    ----------
    plan : Plan
        The application.
    manager : Yarn
        Speaks to the ResourceManager.

    Raises
    ------
    StartFailed
        With the field, what was asked for, and the most that there is.
    """
    largest = manager.largest(timeout=ANSWER_LIMIT)
    if manager.way == "command":
        return  # the command has no such question; YARN answers at the submit
    if isinstance(largest, Unknown):
        raise StartFailed(
            f"YARN cannot be asked: {largest.reason}.",
            field="options.resource_manager",
            hint="Is the ResourceManager up, and do HADOOP_CONF_DIR or options.resource_manager name it?",
        )
    whole = plan.environment is None
    _fits(plan.worker.resources, "specification" if whole else "worker", largest)
    if plan.scheduler is not None:
        _fits(plan.scheduler.resources, "specification" if whole else "scheduler", largest)


def _fits(resources: skein.Resources, role: str, largest: Largest) -> None:
    asked = {
        "memory": (int(resources.memory) * _MIB, largest.memory),
        "vcores": (int(resources.vcores), largest.vcores),
        "gpus": (int(resources.gpus), _others(largest.others)),
    }
    for name, (wanted, most) in asked.items():
        if wanted <= most:
            continue
        field = "options.specification" if role == "specification" else f"options.{role}_{name}"
        what = units.format_size(wanted) if name == "memory" else f"{wanted} {name}"
        limit = units.format_size(most) if name == "memory" else str(most)
        words = f"no container of this YARN may have more than {limit}" if most else "this YARN has no GPUs to give"
        raise StartFailed(f"{field}: {what} is too much: {words}.", field=field, value=wanted, hint="Ask for less.")


def _others(others: Mapping[str, int]) -> int:
    return int(others.get(GPU, 0))
