"""skein's driver: the process of this keeper's own through which it submits to YARN and speaks to its application.

It is a Java process that ends when its input is closed, so with the keeper; it carries the cluster's mark in its
environment besides, by which guard and sweep find it. Its certificate is the cluster's own: skein's, one for all and in
the user's home, expires after a year without a word.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from dask_steward.clusters.security import make_keys
from dask_steward.errors import StartFailed
from dask_steward.managers import command
from dask_steward.managers.java import FIRST_UNFIT_JAVA, java_command, java_version

if TYPE_CHECKING:
    import skein

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

#: Name in skein's certificates: both its sides ask for it.
_NAME = "skein-internal"
#: Its log, in the entry.
LOG = "driver.log"
#: Seconds in which it must be up, and in which it must answer; skein itself would wait for ever.
START_LIMIT, CALL_LIMIT = 60.0, 30.0
#: Seconds for one answer of an application's master, which takes milliseconds; skein itself would wait for ever.
MASTER_LIMIT = 10.0
#: It copies files and waits: small, quickly up, and quiet.
_JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def load_skein(folder: str) -> None:
    """Import skein; to be called before anything else of it is.

    Parameters
    ----------
    folder : str
        The cluster's folder in the ledger.

    Raises
    ------
    StartFailed
        If it is not installed.
    """
    # Read once, at import. Nothing of the user's own (~/.skein) is used or made.
    os.environ["SKEIN_CONFIG"] = os.path.join(folder, "tls", "skein")
    try:
        import skein  # noqa: F401
    except ImportError as error:
        raise StartFailed(
            f"This cluster's Python cannot import skein, which speaks to YARN: {error}.",
            field="system",
            hint="Install it there: pip install 'dask-steward[yarn]'.",
        ) from error


async def aside(function: Callable[..., Result], *given: Any, limit: float) -> Result:
    """Call something that may never return in a thread of its own, and wait for so many seconds.

    Raises
    ------
    asyncio.TimeoutError
        If it has not returned by then; the thread is left to itself, and no pool of threads is the smaller for it.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def tell(set_it: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            set_it(value)

    def work() -> None:
        try:
            result = function(*given)
        except BaseException as error:  # noqa: BLE001  # it belongs to whoever waits
            loop.call_soon_threadsafe(tell, future.set_exception, error)
        else:
            loop.call_soon_threadsafe(tell, future.set_result, result)

    threading.Thread(target=work, daemon=True, name=f"dask-steward-{function.__name__}").start()
    return await asyncio.wait_for(future, limit)


class Driver:
    """The driver of one keeper.

    Parameters
    ----------
    folder : str
        The cluster's folder in the ledger.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._client: skein.Client | None = None
        self._security: skein.Security | None = None

    @property
    def client(self) -> skein.Client:
        """The client of skein, once it is started."""
        if self._client is None:
            raise RuntimeError("the driver is not up")
        return self._client

    @property
    def security(self) -> skein.Security:
        """The certificate of driver and application master."""
        if self._security is None:
            raise RuntimeError("the driver is not up")
        return self._security

    async def start(self) -> None:
        """Start it.

        Raises
        ------
        StartFailed
            With the cause in one sentence.
        """
        try:
            self._client = await aside(self._start, limit=START_LIMIT)
        except asyncio.TimeoutError as error:
            raise StartFailed(
                f"skein's driver (Java) is not up after {START_LIMIT:g} s.",
                field="system",
                hint=f"Its log is {self._log}; does `yarn classpath --glob` work here?",
            ) from error

    @property
    def _log(self) -> str:
        return os.path.join(self._folder, LOG)

    def _start(self) -> skein.Client:
        """Start it and return its client; may wait for ever."""
        import skein

        check_programs()
        keys = os.path.join(self._folder, "tls", "skein")
        os.makedirs(os.path.dirname(keys), mode=0o700, exist_ok=True)
        paths = make_keys(keys, _NAME)
        self._security = skein.Security(cert_bytes=_read(paths["cert"]), key_bytes=_read(paths["key"]))
        given = os.environ.get("SKEIN_DRIVER_JAVA_OPTIONS", "").split()

        class Client(skein.Client):  # type: ignore[misc]  # skein has no types
            """With an end to every call."""

            def _call(self, method: str, req: Any, timeout: float | None = None) -> Any:
                # Only a submit takes longer: it copies the environment, and has its own limit.
                limit = timeout or (None if method == "submit" else CALL_LIMIT)
                return super()._call(method, req, timeout=limit)

        try:
            return Client(security=self._security, log=self._log, java_options=[*_JAVA_OPTIONS, *given])
        except (OSError, subprocess.SubprocessError, skein.SkeinError) as error:
            raise StartFailed(_why_not(error, self._log), field="system", hint=f"Its log is {self._log}.") from error

    def master(self, address: str, id: str) -> skein.ApplicationClient:
        """Return a client of an application's master; a call that it does not answer ends with skein's TimeoutError."""
        import skein

        class Master(skein.ApplicationClient):  # type: ignore[misc]  # skein has no types
            """With an end to every call."""

            def _call(self, method: str, req: Any, timeout: float | None = None) -> Any:
                return super()._call(method, req, timeout=timeout or MASTER_LIMIT)

        return Master(address, id, security=self.security)

    def stop(self) -> None:
        """End it; its input is closed, at which it leaves."""
        client, self._client = self._client, None
        process = getattr(client, "_proc", None)
        if process is None:
            return
        process.stdin.close()
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def check_programs() -> None:
    """Look for what the driver needs.

    Raises
    ------
    StartFailed
        With what is missing.
    """
    path = os.environ.get("PATH", os.defpath)
    if command.find("yarn", path) is None:
        raise StartFailed(
            "There is no command yarn on the PATH of the machine that starts this cluster.",
            field="system",
            hint="Load Hadoop's client there (a module, or an edge node), and see that HADOOP_CONF_DIR is set.",
        )
    java = java_command()
    if command.find(java, path) is None:
        home = " in JAVA_HOME" if "/" in java else " on the PATH"
        raise StartFailed(
            f"There is no Java{home}: {java} cannot be run.",
            field="system",
            hint=f"Install Java 8 to {FIRST_UNFIT_JAVA - 1}, or set JAVA_HOME to it.",
        )


def _why_not(error: Exception, log: str) -> str:
    """Return why the driver did not start."""
    try:
        done = subprocess.run(
            [java_command(), "-version"], capture_output=True, text=True, timeout=10.0, check=False, stdin=-3
        )
        version = java_version(done.stderr + done.stdout)
    except (OSError, subprocess.SubprocessError):
        version = None
    if version is not None and version >= FIRST_UNFIT_JAVA:
        return (
            f"Java {version} is too new for Hadoop's client, which skein uses: it cannot log in with Java "
            f"{FIRST_UNFIT_JAVA} and later; set JAVA_HOME to an older one."
        )
    if isinstance(error, subprocess.CalledProcessError):
        return f"`yarn classpath --glob` failed with exit status {error.returncode}."
    said = last_error(log)
    return f"skein's driver (Java) did not start: {said or error}."


def last_error(log: str) -> str | None:
    """Return the last error of the driver's log in its own words."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file.readlines()[-200:]]
    except OSError:
        return None
    found = [
        line for line in lines if re.match(r"(Exception in thread|Caused by:|Error:|[\w.$]+(Exception|Error):)", line)
    ]
    return found[-1].rstrip(".") if found else None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
