"""What the ResourceManager can say of an application before it is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dask_steward import units
from dask_steward.clusters.yarn_spec import Plan
from dask_steward.errors import StartFailed
from dask_steward.managers.base import Unknown
from dask_steward.managers.yarn_http import Forbidden

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
    Which queues there are it says at the submit, since some it makes when they are first used; and who may use them
    where it does not tell that before.

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
    _may_submit(plan.spec.queue, plan.spec.user or manager.user, manager)
    whole = plan.environment is None
    _fits(plan.worker.resources, "specification" if whole else "worker", largest)
    if plan.scheduler is not None:
        _fits(plan.scheduler.resources, "specification" if whole else "scheduler", largest)


def _may_submit(name: str, user: str, manager: Yarn) -> None:
    """Refuse a queue that is not for this user, where the ResourceManager tells it."""
    answer = manager.may_submit(name, user, timeout=ANSWER_LIMIT)
    why: str | None = "YARN says so"
    if isinstance(answer, Forbidden):
        why = _not_for(name, user, manager) if user == manager.user else None
    elif answer is True or isinstance(answer, Unknown):
        why = None
    if why is not None:
        who = "You" if user == manager.user else f"{user}, the application's user,"
        raise StartFailed(
            f"{who} may not submit to queue {name!r}: {why}.",
            field="options.queue",
            value=name,
            hint="Choose another queue; dask-steward discover yarn shows those that take your applications.",
        )


def _not_for(name: str, user: str, manager: Yarn) -> str | None:
    """Return why a queue, of which this user is no administrator, is not for them, by the list of who may submit.

    None where it names them, or groups: whose those are the ResourceManager knows by lists of its own.
    """
    queues = manager.queues(timeout=ANSWER_LIMIT)
    found = [] if isinstance(queues, Unknown) else [one for one in queues if name in (one.path, one.name)]
    if len(found) != 1 or found[0].submit is None:
        return None
    users, _, groups = found[0].submit.partition(" ")
    named = [one for one in users.split(",") if one]
    if groups or {"*", user} & set(named):
        return None
    return f"it takes {'users ' + ', '.join(named) if named else 'nobody but its administrators'}"


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
