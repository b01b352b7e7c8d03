"""What a cluster on YARN needs: a ResourceManager that answers, Hadoop's client, a Java that fits, skein."""

from __future__ import annotations

import importlib.metadata
import os
import re
import socket
from collections.abc import Iterator, Mapping

from dask_steward import managers, units
from dask_steward.cli.doctor import Check
from dask_steward.errors import StewardError
from dask_steward.managers import command, yarn_conf
from dask_steward.managers.base import Unknown
from dask_steward.managers.java import FIRST_FIT_JAVA, FIRST_UNFIT_JAVA, java_command, java_version
from dask_steward.managers.yarn import Yarn
from dask_steward.managers.yarn_offer import Site, ask_site, refused

#: Seconds that Java and Hadoop's command may take.
_COMMAND_SECONDS = 20.0
#: The first Hadoop whose ResourceManager ends applications by itself (YARN-3813).
_LIFETIMES = (2, 9)


def checks() -> Iterator[Check]:
    """Look at YARN, where this machine or a profile speaks to one."""
    from dask_steward.profiles import ProfileStore

    store = ProfileStore()
    used = [info.name for info in store.infos() if info.system == "yarn" and info.level != "builtin"]
    # A command yarn alone says nothing: the package manager of Node.js has the same name.
    if not used and yarn_conf.folder(os.environ) is None:
        return
    # A machine may have a client of Hadoop that nobody uses for Dask.
    trouble = "fail" if used else "warn"
    yield from _client(trouble)
    profiles: dict[str, dict[str, object]] = {}
    for name in used:
        try:
            plain = store.resolve(name).expanded(os.environ).to_json()
        except StewardError:
            continue  # the check of the profiles says it
        profiles[repr(managers.environment_of("yarn", plain))] = plain
    for plain in [*profiles.values()] or [{}]:
        yield from _site(plain, trouble)
    yield from _places(list(profiles.values()))


def _client(trouble: str) -> Iterator[Check]:
    """Look at what skein's driver needs on this machine."""
    try:
        yield Check("skein", "ok", importlib.metadata.version("skein"))
    except importlib.metadata.PackageNotFoundError:
        yield Check("skein", trouble, "not installed", "Install it: pip install 'dask-steward[yarn]'.")
    folder = yarn_conf.folder(os.environ)
    if folder is None:
        yield Check(
            "Hadoop's configuration",
            trouble,
            "no yarn-site.xml is found",
            "Set HADOOP_CONF_DIR to the folder that has it, or work on an edge node.",
        )
    else:
        yield Check("Hadoop's configuration", "ok", folder)
    yield _java(trouble)
    yield _classpath(trouble)


def _java(trouble: str) -> Check:
    java = java_command()
    fit = f"skein runs on Java {FIRST_FIT_JAVA} to {FIRST_UNFIT_JAVA - 1}"
    try:
        done = command.run([java, "-version"], environment=dict(os.environ), timeout=_COMMAND_SECONDS)
    except OSError as error:
        advice = f"Install one, or set JAVA_HOME to it; {fit}."
        return Check("Java", trouble, f"{java} cannot be run: {error.strerror or error}", advice)
    version = java_version(done.err + done.out)
    if done.status != 0 or version is None:
        said = (done.err or done.out).strip().splitlines()
        return Check(
            "Java", trouble, f"{java} does not tell its version: {said[0] if said else 'no answer'}", f"{fit}."
        )
    if not FIRST_FIT_JAVA <= version < FIRST_UNFIT_JAVA:
        return Check("Java", trouble, f"{java} is Java {version}: {fit}", "Set JAVA_HOME to one of these.")
    return Check("Java", "ok", f"{java} is Java {version}")


def _classpath(trouble: str) -> Check:
    name = "yarn classpath"
    try:
        done = command.run(["yarn", "classpath", "--glob"], environment=dict(os.environ), timeout=_COMMAND_SECONDS)
    except OSError:
        advice = "Load Hadoop's client (a module), or work on an edge node."
        return Check(name, trouble, "there is no command yarn on the PATH", advice)
    jars = sum(part.endswith(".jar") for part in done.out.strip().split(os.pathsep))
    if done.status != 0 or not jars:
        said = (done.err or done.out).strip().splitlines()
        why = said[-1] if said else "it names no jar"
        return Check(name, trouble, f"`yarn classpath --glob` fails: {why}", "skein's driver cannot start without it.")
    return Check(name, "ok", f"{jars} jars")


def _site(profile: Mapping[str, object], trouble: str) -> Iterator[Check]:
    """Ask one ResourceManager."""
    manager = Yarn({**os.environ, **managers.environment_of("yarn", profile)})
    info = manager.info()
    if isinstance(info, Unknown):
        yield Check(
            "ResourceManager",
            trouble,
            f"does not answer: {info.reason}",
            "Nothing can be started on it now; ask the site whether it runs, or correct HADOOP_CONF_DIR.",
        )
        return
    if manager.way == "command":
        yield Check(
            "ResourceManager",
            "ok",
            "its web wants a Kerberos ticket: the yarn command is asked instead, half a second each time",
        )
    else:
        state = f", {info.ha_state.lower()}" if info.ha_state else ""
        yield Check("ResourceManager", "ok", f"Hadoop {info.version}{state}, as {manager.user}")
    yield _lifetime(info.version)
    if not manager.acls and not manager.secure:
        yield Check(
            "who may kill",
            "warn",
            "everybody on this network may kill your applications: yarn.acl.enable is not true in the configuration",
            "Only the site can change that.",
        )
    if manager.properties:
        on = yarn_conf.value(manager.properties, "yarn.log-aggregation-enable").lower() == "true"
        yield Check(
            "logs after the end",
            "ok" if on else "warn",
            "YARN collects them (log aggregation)" if on else "YARN does not collect them: log aggregation is off",
            "" if on else "Logs of workers are shown while they run, and kept by the cluster as far as it has them.",
        )
    site = ask_site(manager)
    if not isinstance(site, Unknown):
        yield _queues(site)


def _lifetime(version: str) -> Check:
    found = re.match(r"(\d+)\.(\d+)", version)
    name = "lease held by YARN"
    if found is not None and (int(found[1]), int(found[2])) < _LIFETIMES:
        words = f"Hadoop {version} ends no application by itself: the line, the guard and a sweep release alone"
        return Check(name, "warn", words)
    return Check(name, "ok", "YARN ends an application that nobody renews (LIFETIME); `status` says until when")


def _queues(site: Site) -> Check:
    mine = [one for one in site.queues if refused(site, one) is None]
    walls = [
        f"{one.name} ends applications after {units.format_duration(one.maximum_lifetime)}"
        for one in mine
        if one.maximum_lifetime is not None
    ]
    words = f"{len(mine)} of {len(site.queues)} take your applications: {', '.join(one.name for one in mine)}"
    return Check("queues", "ok" if mine else "warn", "; ".join([words, *walls]))


def _places(profiles: list[dict[str, object]]) -> Iterator[Check]:
    """Say from where containers must be let in: whether they are, only a container can tell."""
    modes = set()
    for plain in profiles or [{}]:
        options = plain.get("options")
        modes.add(str((options.get("deploy_mode") if isinstance(options, Mapping) else None) or "local"))
    if "local" not in modes:
        return
    yield Check(
        "where the scheduler runs",
        "ok",
        f"on this machine (deploy_mode: local): containers must reach {socket.gethostname()} by TCP; "
        "dask-steward doctor --probe finds out whether they do; where they cannot, deploy_mode: remote is the way out",
    )
