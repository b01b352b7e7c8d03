"""The configuration of a private YARN, and the commands by which clients reach it."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

REPOSITORY = Path(__file__).resolve().parents[2]
LIB = REPOSITORY / ".cache" / "yarn" / "lib"
"""The jars, which ``scripts/setup.sh system`` fetches."""

OPENS = (
    "java.lang", "java.io", "java.lang.reflect", "java.math", "java.net", "java.text", "java.util",
    "java.util.concurrent", "java.util.zip", "sun.security.util", "sun.security.x509",
)  # fmt: skip
"""What Hadoop 3.3 looks into and Java 17 hides."""

JVM = (
    *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENS),
    "-XX:-UsePerfData",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
)

LOGGING = """\
log4j.rootLogger=${root.level},ERR
log4j.appender.ERR=org.apache.log4j.ConsoleAppender
log4j.appender.ERR.target=System.err
log4j.appender.ERR.layout=org.apache.log4j.PatternLayout
log4j.appender.ERR.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR
root.level=WARN
"""

COMMAND = """\
#!/bin/bash
# The part of Hadoop's commands that clients need.
export JAVA_HOME=${{JAVA_HOME:-{java}}}
conf=${{HADOOP_CONF_DIR:-{conf}}} lib={lib} cli=org.apache.hadoop.yarn.client.cli
verb=${{1:-}}
case "$(basename "$0") $verb" in
  *" classpath")
    found=$conf:$lib/*
    if [ "${{2:-}}" = --glob ]; then found=$conf; for jar in "$lib"/*.jar; do found=$found:$jar; done; fi
    echo "$found"; exit ;;
  "yarn application" | "yarn app" | "yarn applicationattempt" | "yarn container") main=$cli.ApplicationCLI ;;
  "yarn logs") main=$cli.LogsCLI; shift ;;
  "yarn node") main=$cli.NodeCLI; shift ;;
  "yarn queue") main=$cli.QueueCLI; shift ;;
  "yarn rmadmin") main=$cli.RMAdminCLI; shift ;;
  "hadoop fs" | "hdfs dfs") main=org.apache.hadoop.fs.FsShell; shift ;;
  *" version") main=org.apache.hadoop.util.VersionInfo; shift ;;
  *) echo "$(basename "$0"): no such command: $verb" >&2; exit 2 ;;
esac
exec "$JAVA_HOME/bin/java" {jvm} -Xmx128m -cp "$conf:$lib/*" $main "$@"
"""


@dataclass(frozen=True)
class Knobs:
    """What a private YARN can be told.

    Attributes
    ----------
    nodes : int
        NodeManagers; each has an address of its own, 127.0.0.1 and so on.
    memory, vcores : int
        MB and cores that each node has to give (bookkeeping only), which is also the largest container.
    recovery : bool
        ResourceManager and NodeManagers keep their state over a restart.
    expiry : float
        Seconds until a silent node or application master counts as lost.
    resourcemanagers : int
        2: a pair of which the first is made the active one by hand; there is no ZooKeeper.
    am_share : float
        Part of a queue that application masters may fill.
    https : bool
        Web interfaces by https only, with a certificate of their own in ``ca.pem``.
    kerberos : bool
        Web interfaces want a Kerberos ticket (nobody can have one: there is no realm); commands need none.
    site, core, scheduler : mapping
        More of yarn-site.xml, core-site.xml and capacity-scheduler.xml, over what stands there.
    patience : float, optional
        Seconds for which clients, application masters and nodes look for a lost ResourceManager.
    """

    nodes: int = 1
    memory: int = 6144
    vcores: int = 16
    recovery: bool = False
    expiry: float = 600.0
    resourcemanagers: int = 1
    am_share: float = 0.9
    https: bool = False
    kerberos: bool = False
    site: Mapping[str, object] = field(default_factory=dict)
    core: Mapping[str, object] = field(default_factory=dict)
    scheduler: Mapping[str, object] = field(default_factory=dict)
    patience: float | None = None

    @property
    def rm_ids(self) -> tuple[str, ...]:
        """Names of the ResourceManagers."""
        return ("rm1", "rm2") if self.resourcemanagers == 2 else ("rm",)


def write(folder: Path, knobs: Knobs, ports: Sequence[int]) -> None:
    """Write all of it; each ResourceManager has five of the ports."""
    conf = folder / "conf"
    conf.mkdir(exist_ok=True)
    kerberos = _kerberos(folder) if knobs.kerberos else {}
    _write(conf / "core-site.xml", {**_core(folder), **kerberos, **knobs.core})
    if knobs.https:
        _write(conf / "ssl-server.xml", _keystore(folder))
    _write(conf / "yarn-site.xml", {**_site(folder, knobs, ports), **knobs.site})
    _write(conf / "capacity-scheduler.xml", {**_queues(knobs), **knobs.scheduler})
    (conf / "log4j.properties").write_text(LOGGING)
    (folder / "bin").mkdir(exist_ok=True)
    for name in ("yarn", "hadoop", "hdfs"):
        path = folder / "bin" / name
        path.write_text(COMMAND.format(java=java_home(), conf=conf, lib=LIB, jvm=" ".join(JVM)))
        path.chmod(0o755)


def _core(folder: Path) -> dict[str, object]:
    me = getpass.getuser()
    return {
        # A file system with an authority, on local folders: skein's driver does not work with file:///, since it
        # compares hosts and a local URI has none.
        "fs.defaultFS": "viewfs://fixture/",
        "fs.viewfs.mounttable.fixture.linkMergeSlash": f"file://{folder}/dfs/",
        "fs.viewfs.mounttable.fixture.homedir": "/user",
        "hadoop.tmp.dir": f"{folder}/tmp",
        f"hadoop.proxyuser.{me}.hosts": "*",
        f"hadoop.proxyuser.{me}.groups": "*",
        "ipc.client.connect.max.retries": 1,
        "ipc.client.connect.max.retries.on.timeouts": 1,
    }


SECRET = "of the tests"
"""What signs the cookies of the web interfaces that want a ticket: whoever knows it needs none."""


def _kerberos(folder: Path) -> dict[str, object]:
    (folder / "secret").write_text(SECRET)
    (folder / "empty.keytab").write_bytes(b"\x05\x02")
    http = "hadoop.http.authentication"
    return {
        "hadoop.http.filter.initializers": "org.apache.hadoop.security.AuthenticationFilterInitializer",
        f"{http}.type": "kerberos",
        f"{http}.kerberos.principal": "HTTP/localhost@NOWHERE.EXAMPLE",
        f"{http}.kerberos.keytab": f"{folder}/empty.keytab",
        f"{http}.signature.secret.file": f"{folder}/secret",
    }


def _keystore(folder: Path) -> dict[str, object]:
    keytool = f"{java_home()}/bin/keytool"
    store = ["-keystore", f"{folder}/keys.p12", "-storetype", "PKCS12", "-storepass", "secret-word", "-alias", "web"]
    names = ["-dname", "CN=localhost", "-ext", "san=ip:127.0.0.1,dns:localhost"]
    subprocess.run([keytool, "-genkeypair", "-keyalg", "EC", *names, *store], check=True, capture_output=True)
    export = [keytool, "-exportcert", "-rfc", "-file", f"{folder}/ca.pem", *store]
    subprocess.run(export, check=True, capture_output=True)
    return {
        "ssl.server.keystore.location": f"{folder}/keys.p12",
        "ssl.server.keystore.type": "PKCS12",
        "ssl.server.keystore.password": "secret-word",
        "ssl.server.keystore.keypassword": "secret-word",
    }


def _site(folder: Path, knobs: Knobs, ports: Sequence[int]) -> dict[str, object]:
    rm, nm = "yarn.resourcemanager", "yarn.nodemanager"
    # A restart takes some seconds, after which all that ran must still be there.
    patience = knobs.patience if knobs.patience is not None else 60.0 if knobs.recovery else 5.0
    expiry = int(knobs.expiry * 1000)
    found: dict[str, object] = {
        f"{rm}.scheduler.class": "org.apache.hadoop.yarn.server.resourcemanager.scheduler.capacity.CapacityScheduler",
        f"{rm}.nodemanagers.heartbeat-interval-ms": 100,
        f"{rm}.am.max-attempts": 2,
        f"{rm}.connect.max-wait.ms": int(patience * 1000),
        f"{rm}.connect.retry-interval.ms": 500,
        f"{rm}.application-timeouts.monitor.interval-ms": 1000,
        "yarn.scheduler.minimum-allocation-mb": 64,
        "yarn.scheduler.maximum-allocation-mb": knobs.memory,
        "yarn.scheduler.maximum-allocation-vcores": knobs.vcores,
        "yarn.resource-types.memory-mb.increment-allocation": 64,
        "yarn.nm.liveness-monitor.expiry-interval-ms": expiry,
        "yarn.am.liveness-monitor.expiry-interval-ms": expiry,
        "yarn.acl.enable": "false",
        "yarn.client.nodemanager-connect.max-wait-ms": 5000,
        f"{nm}.resource.memory-mb": knobs.memory,
        f"{nm}.resource.cpu-vcores": knobs.vcores,
        f"{nm}.vmem-check-enabled": "false",
        f"{nm}.pmem-check-enabled": "true",
        f"{nm}.disk-health-checker.max-disk-utilization-per-disk-percentage": 99.5,
        f"{nm}.disk-health-checker.min-free-space-per-disk-mb": 0,
        f"{nm}.delete.debug-delay-sec": 0,
        f"{nm}.sleep-delay-before-sigkill.ms": 250,
        # Not on the viewfs, where the command that shows them fails ("relative paths not allowed").
        "yarn.log-aggregation-enable": "true",
        f"{nm}.remote-app-log-dir": f"file://{folder}/agg",
        "yarn.application.classpath": f"{folder}/conf,{LIB}/*",
    }
    web = "webapp.https.address" if knobs.https else "webapp.address"
    names = ("address", "scheduler.address", "resource-tracker.address", "admin.address", web)
    for index, id in enumerate(knobs.rm_ids):
        suffix = "" if id == "rm" else f".{id}"
        found[f"{rm}.hostname{suffix}"] = "127.0.0.1"
        for name, port in zip(names, ports[5 * index : 5 * index + 5], strict=True):
            found[f"{rm}.{name}{suffix}"] = f"127.0.0.1:{port}"
    if knobs.https:
        found["yarn.http.policy"] = "HTTPS_ONLY"
    if len(knobs.rm_ids) > 1:
        found |= {
            f"{rm}.ha.enabled": "true",
            f"{rm}.ha.automatic-failover.enabled": "false",
            f"{rm}.ha.rm-ids": ",".join(knobs.rm_ids),
            f"{rm}.cluster-id": "private",
        }
    if knobs.recovery:
        found |= {
            f"{rm}.recovery.enabled": "true",
            f"{rm}.work-preserving-recovery.enabled": "true",
            f"{rm}.store.class": "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore",
            f"{rm}.fs.state-store.uri": f"file://{folder}/state/rm",
            f"{rm}.work-preserving-recovery.scheduling-wait-ms": 1000,
            f"{nm}.recovery.enabled": "true",
            f"{nm}.recovery.supervised": "true",
        }
    return found


def _queues(knobs: Knobs) -> dict[str, object]:
    root = "yarn.scheduler.capacity.root"
    found: dict[str, object] = {
        f"{root}.queues": "default,other",
        f"{root}.default.capacity": 60,
        f"{root}.other.capacity": 40,
        "yarn.scheduler.capacity.maximum-am-resource-percent": knobs.am_share,
        "yarn.scheduler.capacity.maximum-applications": 1000,
        "yarn.scheduler.capacity.resource-calculator": (
            "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"
        ),
    }
    for queue in ("default", "other"):
        found[f"{root}.{queue}.maximum-capacity"] = 100
        found[f"{root}.{queue}.state"] = "RUNNING"
        found[f"{root}.{queue}.user-limit-factor"] = 10
    return found


def _write(path: Path, properties: Mapping[str, object]) -> None:
    lines = (
        f"<property><name>{escape(name)}</name><value>{escape(str(value))}</value></property>"
        for name, value in properties.items()
    )
    path.write_text("\n".join(["<configuration>", *lines, "</configuration>", ""]))


def node_options(folder: Path, number: int, ports: Sequence[int], *, https: bool) -> list[str]:
    """Return the arguments of a NodeManager: what differs from node to node."""
    base, host = "-Dyarn.nodemanager.", f"127.0.0.{number}"
    home = folder / f"nm{number}"
    for name in ("local", "log", "recovery"):
        (home / name).mkdir(parents=True, exist_ok=True)
    web = "webapp.https.address" if https else "webapp.address"
    addresses = ("address", "localizer.address", web, "collector-service.address")
    return [
        f"{base}hostname={host}",
        *(f"{base}{name}={host}:{port}" for name, port in zip(addresses, ports, strict=True)),
        f"{base}local-dirs={home}/local",
        f"{base}log-dirs={home}/log",
        f"{base}recovery.dir={home}/recovery",
    ]


# --- what the machine must have ---------------------------------------------------------------------------------------


def java_home() -> Path | None:
    """Return a Java that Hadoop 3.3 and skein run on: 9 to 23, since 24 has no ``Subject.getSubject`` any more."""
    program = shutil.which("java")
    places = [
        os.environ.get("JAVA_HOME", ""),
        str(Path(program).resolve().parents[1]) if program else "",
        *sorted(map(str, Path("/usr/lib/jvm").glob("*-17-*"))),
    ]
    for place in filter(None, places):
        release = Path(place, "release")
        found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(), re.M) if release.is_file() else None
        if found and 9 <= int(found[1]) <= 23 and Path(place, "bin", "java").exists():
            return Path(place)
    return None


def missing() -> str | None:
    """Return what this machine lacks for a private YARN."""
    if java_home() is None:
        return "no Java 17 (Debian: openjdk-17-jdk-headless)"
    if not (LIB / ".complete").exists():
        return f"no jars in {LIB.relative_to(REPOSITORY)}: scripts/setup.sh system fetches them with mvn"
    return None
