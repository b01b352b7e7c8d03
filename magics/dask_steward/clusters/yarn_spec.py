"""The application that a cluster on YARN asks for, from dask-yarn's arguments or from a whole specification.

It is built on skein directly. dask-yarn's own builder would have to be cured of eight breakages to be imported, by
changes to ``distributed`` that all other code of the process would see, and half of what it gives would be thrown away:
its scripts and the service of its scheduler. What remains, resources, files, variables and labels, is compared with
that builder argument by argument in ``tests/unit/clusters/test_yarn_spec.py``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import math
import os
import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dask_steward.clusters import dask_yarn_scripts, yarn_environment
from dask_steward.clusters.yarn_environment import Prepared
from dask_steward.clusters.yarn_settings import Setting, settings
from dask_steward.errors import StartFailed

if TYPE_CHECKING:
    import skein

WORKER, SCHEDULER = "dask.worker", "dask.scheduler"
#: Module that starts a worker of any class with any arguments, as dask-yarn did.
MODULE, CLASS = "distributed.cli.dask_spec", "dask.distributed.Nanny"
#: Stands for the scheduler's address in the specification that is shown.
ADDRESS = '"$DASK_SCHEDULER_ADDRESS"'
#: What a worker is told on its node.
ON_NODE = {"name": "$SKEIN_CONTAINER_ID", "host": "$NM_HOST", "local_directory": "$PWD"}
#: Seconds after which a worker that finds no scheduler ends.
DEATH_TIMEOUT = 60
_MIB = 2**20


@dataclass(frozen=True)
class Role:
    """What runs in one kind of container.

    Attributes
    ----------
    resources : skein.Resources
        What it asks for.
    files : mapping
        ``skein.File`` by name in the container's folder.
    env : mapping
        Variables, as YARN takes them: it expands ``$VAR`` on the node.
    prologue, epilogue : tuple of str
        Shell lines before and after Dask, run in the container's folder.
    python : str
        Interpreter, as shell words.
    """

    resources: skein.Resources
    files: Mapping[str, skein.File]
    env: Mapping[str, str]
    prologue: tuple[str, ...]
    python: str
    epilogue: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """An application, and the pieces of which its scripts are made.

    Attributes
    ----------
    spec : skein.ApplicationSpec
        With plain commands of Dask; who submits it puts the line around them.
    worker : Role
        A worker's container.
    scheduler : Role or None
        The scheduler's, where `deploy_mode` is remote: the application's master.
    worker_class : str
        Class of the workers.
    worker_options : mapping
        Its arguments: ``nthreads``, ``memory_limit`` (bytes, or Dask's words), and what was given.
    workers : int or None
        How many to start with; None where nobody said it.
    restarts : int or None
        How many lost workers are replaced; -1 for all, None where nobody said it.
    environment : str or None
        As it is named; None where a specification has it in its scripts and files.
    sources : mapping
        For each option who said it: ``profile``, a key of Dask's configuration, or ``default``.
    """

    spec: skein.ApplicationSpec
    worker: Role
    scheduler: Role | None
    worker_class: str
    worker_options: Mapping[str, Any]
    workers: int | None
    restarts: int | None
    environment: str | None
    sources: Mapping[str, str]

    @property
    def deploy_mode(self) -> str:
        """Where the scheduler is: ``local`` or ``remote``."""
        return "local" if self.scheduler is None else "remote"

    @property
    def threads(self) -> int:
        """Threads of a worker."""
        return int(self.worker_options["nthreads"])

    @property
    def memory(self) -> int:
        """Bytes of a worker's container."""
        return int(self.worker.resources.memory) * _MIB


def specification(options: Mapping[str, Any]) -> skein.ApplicationSpec:
    """Return the application that a profile's options ask for, as `plan` does."""
    return plan(options).spec


def plan(options: Mapping[str, Any], prepared: Prepared | None = None) -> Plan:
    """Return the application that a profile's options ask for, and its pieces.

    Parameters
    ----------
    options : mapping
        The profile's, plain. What is not given comes from ``yarn.*`` of Dask's configuration. Nothing of either is
        changed.
    prepared : Prepared, optional
        The environment, once `prepare` has seen to it; without it the archive is where the options say.

    Raises
    ------
    StartFailed
        If a value is wrong, or a specification cannot be read or understood.
    """
    held = settings(options)
    if held["specification"].value:
        return _of_specification(held["specification"])
    return _of_arguments(held, prepared)


async def prepare(plan: Plan, waiting: Callable[[str], None], *, kept: float = 0.0) -> Prepared | None:
    """See to the environment of a plan, which is made once more with what this returns; see `yarn_environment.prepare`.

    Raises
    ------
    StartFailed
        If it, or a file that a specification names, is not there or does not fit.
    """
    if plan.environment is not None:
        return await yarn_environment.prepare(plan.environment, user=plan.spec.user, waiting=waiting, kept=kept)
    roles = [*plan.spec.services.values(), plan.spec.master]
    sources = {file.source for role in roles for file in role.files.values()}
    await asyncio.to_thread(yarn_environment.check_files, sorted(sources))
    return None


def worker_command(plan: Plan, address: str, on_node: Mapping[str, str]) -> str:
    """Return the command line of a worker.

    Parameters
    ----------
    plan : Plan
        What to run.
    address : str
        The scheduler's, as containers reach it; shell words.
    on_node : mapping
        Arguments of the worker that are known on the node only, such as ``{"name": "$SKEIN_CONTAINER_ID"}``: text in
        double quotes of the shell. What a person gave holds over them.
    """
    given = dict(plan.worker_options)
    left = {name: text for name, text in on_node.items() if name not in given}
    # No word of a person's can be one of these, and JSON leaves them as they are.
    own: dict[str, Any] = {name: f"<steward {secrets.token_hex(8)}>" for name in left}
    marks = [(own[name], text) for name, text in left.items()]
    if plan.worker_class.rpartition(".")[0] in ("distributed", "dask.distributed"):
        # Its pages would be one more open port of the node.
        own |= {"dashboard": False, "death_timeout": DEATH_TIMEOUT}
    spec = shlex.quote(json.dumps({"cls": plan.worker_class, "opts": {**own, **given}}))
    for mark, text in marks:
        # The quotes end before what the node fills in, and begin again behind it.
        spec = spec.replace(mark, f"'\"{text}\"'")
    return f"{plan.worker.python} -m {MODULE} {address} --spec {spec}"


def memory_mib(bytes_: float) -> int:
    """Return a size as YARN counts, in MiB, rounded up as dask-yarn does."""
    return math.ceil(bytes_ / _MIB)


def _of_arguments(held: Mapping[str, Setting], prepared: Prepared | None) -> Plan:
    import skein

    def value(name: str) -> Any:
        return held[name].value

    prepared = prepared or Prepared(str(value("environment")))
    activation = yarn_environment.activation(prepared.name)
    visibility = "PRIVATE" if prepared.shared else "APPLICATION"
    files = {
        name: skein.File(source, type="ARCHIVE", visibility=visibility) for name, source in activation.files.items()
    }
    memory = memory_mib(value("worker_memory"))
    worker = Role(
        skein.Resources(memory=memory, vcores=int(value("worker_vcores")), gpus=int(value("worker_gpus"))),
        files,
        {str(name): str(text) for name, text in value("worker_env").items()},
        activation.prologue,
        activation.python,
    )
    scheduler = None
    if value("deploy_mode") == "remote":
        resources = skein.Resources(
            memory=memory_mib(value("scheduler_memory")),
            vcores=int(value("scheduler_vcores")),
            gpus=int(value("scheduler_gpus")),
        )
        scheduler = Role(resources, files, {}, activation.prologue, activation.python)
    given = {"nthreads": int(value("worker_vcores")), "memory_limit": memory * _MIB, **value("worker_options")}
    made = Plan(
        spec=skein.ApplicationSpec(master=skein.Master(script="true")),
        worker=worker,
        scheduler=scheduler,
        worker_class=str(value("worker_class")),
        worker_options=given,
        workers=value("n_workers"),
        restarts=value("worker_restarts"),
        environment=str(value("environment")),
        sources={name: one.source for name, one in held.items()},
    )
    service = skein.Service(
        instances=value("n_workers") or 0,
        resources=worker.resources,
        files=files,
        env=dict(worker.env),
        max_restarts=-1 if made.restarts is None else made.restarts,
        script=_script(worker, worker_command(made, ADDRESS, ON_NODE)),
    )
    spec = skein.ApplicationSpec(
        name=value("name"),
        queue=value("queue"),
        tags=set(value("tags")),
        user=value("user"),
        services={WORKER: service},
        master=_master(scheduler),
    )
    return replace(made, spec=spec)


def _script(role: Role, command: str) -> str:
    return "\n".join([*role.prologue, command, *role.epilogue])


def _master(scheduler: Role | None) -> skein.Master:
    """Return the application's master, which is the scheduler's container where it has one."""
    import skein

    if scheduler is None:
        return skein.Master()
    return skein.Master(
        resources=scheduler.resources,
        files=dict(scheduler.files),
        env=dict(scheduler.env),
        script=_script(scheduler, f"{scheduler.python} -m distributed.cli.dask_scheduler"),
    )


def _of_specification(given: Setting) -> Plan:
    import skein

    found = _read(given)
    field = "options.specification" if given.source == "profile" else given.source
    if WORKER not in found.services:
        raise StartFailed(f"{field}: has no service {WORKER}, so no workers.", field="options.specification")
    if "dask.client" in found.services:
        raise StartFailed(
            f"{field}: has a service dask.client, and a script runs where you start it.",
            field="options.specification",
            hint="Leave that service out, and run the script with a cluster of this profile.",
        )
    if found.master.script:
        raise StartFailed(
            f"{field}: master.script is Steward's, which watches there that the cluster's owner lives.",
            field="options.specification",
            hint="Leave it out, or make it a service.",
        )
    service = found.services[WORKER]
    worker, script = _role(service, "worker", f"{field}: services.{WORKER}.script")
    cls, own = _encoded(worker.env)
    worker = replace(worker, env={key: text for key, text in worker.env.items() if key not in _ENCODED})
    scheduler = None
    if SCHEDULER in found.services:
        scheduler, _ = _role(found.services[SCHEDULER], "scheduler", f"{field}: services.{SCHEDULER}.script")
    options = {
        "nthreads": int(service.resources.vcores),
        "memory_limit": int(service.resources.memory) * _MIB,
        **script.arguments,
        **own,
    }
    master = found.master
    if scheduler is not None:
        master = _master(scheduler)
        master.files.update(found.master.files)
        master.env.update(found.master.env)
        master.log_level, master.log_config = found.master.log_level, found.master.log_config
    made = Plan(
        spec=found,
        worker=worker,
        scheduler=scheduler,
        worker_class=cls,
        worker_options=options,
        workers=int(service.instances),
        restarts=int(service.max_restarts),
        environment=None,
        sources={"specification": given.source},
    )
    services = {}
    for name, one in found.services.items():
        if name != SCHEDULER:
            one.depends = one.depends - {SCHEDULER}
            services[name] = one
    service.env = dict(worker.env)
    service.script = _script(worker, worker_command(made, ADDRESS, ON_NODE))
    spec = skein.ApplicationSpec(
        name=found.name,
        queue=found.queue,
        user=found.user,
        node_label=found.node_label,
        tags=found.tags,
        file_systems=found.file_systems,
        acls=found.acls,
        max_attempts=found.max_attempts,
        services=services,
        master=master,
    )
    return replace(made, spec=spec)


def _read(given: Setting) -> skein.ApplicationSpec:
    """Return a specification of skein, from a mapping or from a file; relative paths in a file are relative to it."""
    import skein
    import yaml  # type: ignore[import-untyped]

    field = "options.specification" if given.source == "profile" else given.source
    value = given.value
    try:
        if isinstance(value, Mapping):
            return skein.ApplicationSpec.from_dict(json.loads(json.dumps(value)))
        path = os.path.expanduser(os.path.expandvars(str(value)))
        return skein.ApplicationSpec.from_file(path, format="json" if path.endswith(".json") else "yaml")
    except OSError as error:
        raise StartFailed(
            f"{field}: {value} cannot be read: {error.strerror or error}.", field="options.specification", value=value
        ) from error
    except (TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise StartFailed(
            f"{field}: skein refuses this specification: {words}.".replace("..", "."),
            field="options.specification",
        ) from error


def _role(service: skein.Service, role: str, field: str) -> tuple[Role, dask_yarn_scripts.Script]:
    script = dask_yarn_scripts.read(service.script, role, field)
    files, env = dict(service.files), dict(service.env)
    return Role(service.resources, files, env, script.prologue, script.python, script.epilogue), script


#: Variables in which dask-yarn's builder hands class and arguments to its worker.
_ENCODED = ("worker_class", "worker_options")


def _encoded(env: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return class and arguments of the workers from the variables of a specification that dask-yarn has written."""
    try:
        own = json.loads(base64.b64decode(env.get("worker_options", ""), validate=True) or b"{}")
    except (binascii.Error, ValueError) as error:
        raise StartFailed(
            "options.specification: the variable worker_options of dask.worker is not what dask-yarn puts there.",
            field="options.specification",
        ) from error
    return env.get("worker_class") or CLASS, own if isinstance(own, dict) else {}
