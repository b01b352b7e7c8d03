"""Reach a scheduler of somebody else, or say in one sentence why not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distributed.comm.addressing import normalize_address
from distributed.comm.core import Comm, connect
from distributed.core import send_recv
from distributed.security import Security
from distributed.versions import get_versions

from dask_steward.clusters.versions import of as versions_of
from dask_steward.errors import StartFailed

#: Seconds to find out whether anybody listens, for Dask's greeting, and for the first answer.
PROBE_LIMIT, CONNECT_LIMIT, ANSWER_LIMIT = 4.0, 5.0, 5.0
#: Seconds for which a scheduler file may be only half there: it is being written.
FILE_PATIENCE = 3.0
_ENCRYPTED = ("tls", "wss")
_FILES = "options.tls (ca, cert, key), or distributed.comm.tls in Dask's configuration"


@dataclass(frozen=True)
class Place:
    """Where a scheduler is said to be.

    Attributes
    ----------
    address : str
        With its scheme.
    field : str
        The profile's field that says so.
    said : str
        How to name it in a sentence.
    id : str or None
        The scheduler's id, where a scheduler file tells it.
    """

    address: str
    field: str
    said: str
    id: str | None = None

    @property
    def scheme(self) -> str:
        """``tcp``, ``tls`` …"""
        return self.address.partition("://")[0]

    @property
    def host(self) -> str:
        """Host name or address."""
        return self.address.partition("://")[2].rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.address.rpartition(":")[2])


@dataclass(frozen=True)
class Reached:
    """A scheduler that has answered.

    Attributes
    ----------
    comm : Comm
        Open.
    identity : mapping
        What it says of itself, without workers where it can leave them out.
    versions : mapping
        Its packages, as ``distributed.versions.get_versions``.
    """

    comm: Comm
    identity: Mapping[str, Any]
    versions: Mapping[str, Any]


def tls_files(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the paths of ``ca``, ``cert`` and ``key`` for a client; empty where there are none.

    Raises
    ------
    StartFailed
        If one that the profile names cannot be read.
    """
    given = {part: path for part, path in (options.get("tls") or {}).items() if path}
    own = {part: os.path.abspath(os.path.expanduser(str(path))) for part, path in given.items()}
    for part, path in own.items():
        try:
            with open(path, "rb") as file:
                file.read(1)
        except OSError as error:
            raise StartFailed(
                f"options.tls.{part}: {path} cannot be read: {error.strerror or error}.",
                field=f"options.tls.{part}",
                value=path,
                hint="Name the file that the scheduler's owner gave you.",
            ) from error
    configured: Any = Security()
    found = {
        "ca": own.get("ca") or configured.tls_ca_file,
        "cert": own.get("cert") or configured.tls_client_cert,
        "key": own.get("key") or configured.tls_client_key,
    }
    return {part: str(path) for part, path in found.items()} if all(found.values()) else {}


def place_of(options: Mapping[str, Any]) -> Place:
    """Return where the profile says that the scheduler is.

    Raises
    ------
    StartFailed
        If it does not, or its file cannot be read.
    """
    address, path = options.get("address"), options.get("scheduler_file")
    if address:
        text = str(address)
        if "://" not in text:
            encrypted = any((options.get("tls") or {}).values())
            text = f"{'tls' if encrypted else 'tcp'}://{text}"
        return Place(normalize_address(text), "options.address", text)
    if not path:
        raise StartFailed(
            "options.address is not set: nothing says where the scheduler is.",
            field="options.address",
            hint="Give options.address, such as tcp://localhost:8786, or options.scheduler_file.",
        )
    path = os.path.abspath(os.path.expanduser(str(path)))
    told = _read(path)
    found = told.get("address")
    return Place(normalize_address(str(found)), "options.scheduler_file", f"{found} (of {path})", told.get("id"))


def _read(path: str) -> dict[str, Any]:
    def wrong(what: str, hint: str) -> StartFailed:
        return StartFailed(
            f"options.scheduler_file: {path} {what}.", field="options.scheduler_file", value=path, hint=hint
        )

    deadline = time.monotonic() + FILE_PATIENCE
    while True:
        try:
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
        except FileNotFoundError as error:
            raise wrong("does not exist", "Start the scheduler with --scheduler-file, or name its file.") from error
        except OSError as error:
            raise wrong(f"cannot be read: {error.strerror or error}", "Ask its owner for access.") from error
        except ValueError as error:
            if time.monotonic() > deadline:
                hint = "Wait until the scheduler has written it, or give options.address."
                raise wrong("is not whole: it ends in the middle, or is no JSON", hint) from error
            time.sleep(0.1)
            continue
        if isinstance(found, dict) and isinstance(found.get("address"), str) and ":" in found["address"]:
            return found
        raise wrong("names no address", "Give the file that dask scheduler --scheduler-file has written.")


def security_for(place: Place, tls: Mapping[str, str]) -> Security:
    """Return what a client of this scheduler needs.

    Raises
    ------
    StartFailed
        If its address asks for TLS, and there are no keys; or they are none.
    """
    if place.scheme not in _ENCRYPTED:
        return Security()
    if not tls:
        raise StartFailed(
            f"{place.field}: {place.said} speaks TLS, but no keys for it are known.",
            field="options.tls",
            hint=f"Give {_FILES}.",
        )
    made = Security(
        tls_ca_file=tls["ca"], tls_client_cert=tls["cert"], tls_client_key=tls["key"], require_encryption=True
    )
    try:
        made.get_connection_args("client")
    except (OSError, ssl.SSLError, ValueError) as error:
        raise StartFailed(
            f"options.tls: {', '.join(tls.values())} are no certificate and key that fit: {_words(error)}.",
            field="options.tls",
            hint="Name the files that the scheduler's owner gave you.",
        ) from error
    return made


async def reach(place: Place, security: Security) -> Reached:
    """Speak to a scheduler for the first time.

    Raises
    ------
    StartFailed
        With the field, its value and the way out.
    """

    def wrong(what: str, hint: str) -> StartFailed:
        return StartFailed(f"{place.field}: {place.said} {what}.", field=place.field, value=place.address, hint=hint)

    await _probe(place, wrong)
    try:
        comm = await asyncio.wait_for(
            connect(place.address, timeout=CONNECT_LIMIT, **security.get_connection_args("client")), CONNECT_LIMIT + 1
        )
    except (OSError, asyncio.TimeoutError, ValueError, RuntimeError, TypeError) as error:
        raise await _unlike(place, error, wrong) from error
    try:
        identity = await asyncio.wait_for(ask_identity(comm), ANSWER_LIMIT)
        kind = str(identity.get("type"))
        if "id" not in identity or kind in ("Worker", "Nanny"):
            raise wrong(f"is a {kind}, no scheduler", "Give the scheduler's own address.")
        if place.id is not None and identity["id"] != place.id:
            raise wrong(
                f"is another scheduler ({identity['id']}) than the one that wrote the file ({place.id}), which has "
                "ended",
                "Ask its owner for the new file, or attach to the new one by options.address.",
            )
        versions = await asyncio.wait_for(send_recv(comm, op="versions"), ANSWER_LIMIT)
    except StartFailed:
        comm.abort()
        raise
    except Exception as error:  # what a Dask of another age answers is its own business, and is told
        comm.abort()
        raise wrong(
            f"does not answer as a scheduler of {_ours()} does ({_words(error)})",
            "Run this cluster with the scheduler's own environment (python).",
        ) from error
    return Reached(comm, identity, versions if isinstance(versions, Mapping) else {})


async def ask_identity(comm: Comm) -> dict[str, Any]:
    """Return what a scheduler says of itself: without its workers, which are 0.7 MB for a thousand, where it can."""
    try:
        found = await send_recv(comm, op="identity", n_workers=0)
    except TypeError:  # Dask before 2025.4
        found = await send_recv(comm, op="identity")
    return dict(found)


async def _probe(place: Place, wrong: Any) -> None:
    """Find out whether anybody listens."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(place.host, place.port), PROBE_LIMIT)
    except asyncio.TimeoutError as error:
        hint = "Look at host and port, and at a firewall between."
        raise wrong(f"did not answer within {PROBE_LIMIT:g} s", hint) from error
    except OSError as error:
        if isinstance(error, ConnectionRefusedError) or "refused" in str(error).lower() or "111" in str(error):
            ended = ": that scheduler has ended" if place.field == "options.scheduler_file" else ""
            raise wrong(
                f"is an address at which nobody listens{ended}", "Start the scheduler, or correct the address."
            ) from error
        hint = "Correct the host's name, or look whether it can be reached from here."
        raise wrong(f"cannot be reached: {_words(error)}", hint) from error
    writer.close()


async def _unlike(place: Place, error: BaseException, wrong: Any) -> StartFailed:
    """Say what listens there, since it does not greet as a scheduler would with this scheme and these keys."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        found: StartFailed = wrong(
            f"has a certificate that options.tls.ca does not know ({cause.verify_message})",
            "Name the certificate of the authority that its owner gave you.",
        )
        return found
    speaks_tls = await _speaks_tls(place)
    answer = b"" if speaks_tls else await _http(place)
    if answer.startswith(b"HTTP/"):
        hint = "Give the scheduler's port (8786 by default), not that of its dashboard."
        found = wrong("is a web server, no scheduler", hint)
    elif place.scheme in _ENCRYPTED and speaks_tls:
        found = wrong(
            f"refuses the certificate in options.tls.cert ({_words(cause or error)})",
            "Name the certificate and key that its owner gave you.",
        )
    elif place.scheme in _ENCRYPTED:
        found = wrong("speaks no TLS", f"Write tcp://{place.address.partition('://')[2]}.")
    elif speaks_tls:
        found = wrong("speaks TLS", f"Write tls://{place.address.partition('://')[2]}, and give {_FILES}.")
    else:
        found = wrong(
            f"is no scheduler that {_ours()} understands: something listens there, but does not greet as Dask does",
            "Correct the address, or run this cluster with the scheduler's own environment (python).",
        )
    return found


async def _speaks_tls(place: Place) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(place.host, place.port, ssl=context), 2.0)
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    return True


async def _http(place: Place) -> bytes:
    """Return how a server answers to HTTP; asked only where it has not greeted as Dask does."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(place.host, place.port), 2.0)
        try:
            writer.write(b"HEAD / HTTP/1.0\r\n\r\n")
            return await asyncio.wait_for(reader.read(16), 2.0)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except (OSError, asyncio.TimeoutError):
        return b""


def other_versions(theirs: Mapping[str, Any]) -> str | None:
    """Return a sentence where a scheduler runs another Dask or Python than this process; None where it does not."""
    own, found = versions_of(get_versions()), versions_of(theirs)
    other = [f"{name} {found[name]}" for name in own if found.get(name, own[name]) != own[name]]
    if not other:
        return None
    ours = ", ".join(f"{name} {own[name]}" for name in own if found.get(name, own[name]) != own[name])
    return (
        f"The scheduler runs {', '.join(other)}, and this cluster {ours}: tasks may fail or never end. Use the "
        "scheduler's own environment (python, or the notebook's kernel)."
    )


def same_python(theirs: Mapping[str, Any]) -> bool:
    """Tell whether a function of this process can be read there: bytecode belongs to one minor version."""
    own = versions_of(get_versions())
    return versions_of(theirs).get("python") == own.get("python")


def _ours() -> str:
    from importlib.metadata import version

    return f"distributed {version('distributed')}"


def _words(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return text.splitlines()[0].rstrip(".")
