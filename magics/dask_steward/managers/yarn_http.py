"""Ask a ResourceManager over HTTP: of several addresses the active one, and never for longer than allowed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from dask_steward.managers.base import Unknown

if TYPE_CHECKING:
    import http.client
    from email.message import Message

ROOT = "/ws/v1/cluster"
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name a file with the authorities to trust for https, as other programs read them."""

SMALL_SKEW = 2.0
"""Seconds by which clocks may differ before it is taken for a difference: the header holds whole seconds."""


@dataclass(frozen=True)
class Answer:
    """What a ResourceManager said.

    Attributes
    ----------
    status : int
        Of HTTP.
    value : object
        The decoded JSON.
    address : str
        Who said so.
    skew : float
        Seconds that its clock is ahead of ours; 0 for what cannot be told from nothing.
    """

    status: int
    value: Any
    address: str
    skew: float = 0.0

    @property
    def message(self) -> str:
        """The words of a refusal, in one line."""
        told = self.value.get("RemoteException") if isinstance(self.value, dict) else None
        text = told.get("message") if isinstance(told, dict) else None
        return " ".join(str(text or f"HTTP {self.status}").split()).removeprefix("java.lang.Exception: ")

    @property
    def exception(self) -> str:
        """The name of the exception that it reports, such as ``NotFoundException``."""
        told = self.value.get("RemoteException") if isinstance(self.value, dict) else None
        return str(told.get("exception") or "") if isinstance(told, dict) else ""


@dataclass(frozen=True)
class Forbidden(Unknown):
    """It answers, but not to us: 401 (who are you?) or 403 (not you)."""

    status: int = 401


@dataclass(frozen=True)
class _Elsewhere:
    """It is not the active one, and says where that is, if it knows."""

    address: str | None


class Web:
    """The web interfaces of one cluster's ResourceManagers.

    Parameters
    ----------
    addresses : sequence of str
        As ``scheme://host:port``.
    user : str
        Who asks, where the site believes it.
    certificates : str, optional
        File with the authorities to trust for https.
    """

    def __init__(self, addresses: Sequence[str], user: str, certificates: str | None = None) -> None:
        self.addresses = tuple(addresses)
        self.user = user
        self.certificates = certificates
        self._first: str | None = None

    @property
    def active(self) -> str | None:
        """The address of whoever answered last."""
        return self._first

    def ask(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: object = None,
        timeout: float,
    ) -> Answer | Unknown:
        """Return what the active one answers; Unknown where none did within `timeout` seconds, or not as YARN does."""
        deadline = time.monotonic() + timeout
        left = list(self.addresses)
        first = self._first
        if first is not None:
            # It may be one that a standby sent us to.
            left = [first, *(one for one in left if one != first)]
        told: list[str] = []
        tried: set[str] = set()
        target = f"{ROOT}{path}?{urlencode({'user.name': self.user, **(query or {})})}"
        while left:
            address = left.pop(0)
            tried.add(address)
            # One that hangs must leave time for the others.
            limit = (deadline - time.monotonic()) / (len(left) + 1)
            if limit <= 0:
                told.append(f"{address} was not asked any more")
                continue
            answer = self._once(address, method, target, body, limit)
            if isinstance(answer, Answer):
                self._first = address
                return answer
            if isinstance(answer, Forbidden):
                return answer
            if isinstance(answer, Unknown):
                told.append(answer.reason)
                continue
            told.append(f"{address} is a standby")
            if answer.address is not None and answer.address not in tried | set(left):
                left.insert(0, answer.address)  # the same host by another name, or one that nobody told us of
        return Unknown("; ".join(told) or "no address of a ResourceManager is known")

    def _once(
        self, address: str, method: str, target: str, body: object, limit: float
    ) -> Answer | Unknown | _Elsewhere:
        began = time.time()
        reply = exchange(address, method, target, body, limit=limit, certificates=self.certificates)
        if isinstance(reply, Unknown):
            return Unknown(f"the ResourceManager at {reply.reason}")
        return _judge(address, reply, (began + time.time()) / 2)


class Reply(NamedTuple):
    """What a server sent."""

    status: int
    headers: Message
    raw: bytes


def exchange(
    address: str, method: str, target: str, body: object = None, *, limit: float, certificates: str | None = None
) -> Reply | Unknown:
    """Ask a server once, for at most `limit` seconds: names that are looked up and answers that drip included.

    No proxy is asked, as Hadoop's own clients ask none.
    """
    # Here, since it doubles a guard's size, which waits for most of its life and asks nothing.
    import http.client

    found: list[Reply | Unknown] = []
    parts = urlsplit(address)
    host, port = str(parts.hostname), parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        import ssl

        context = ssl.create_default_context(cafile=certificates)
        connection = http.client.HTTPSConnection(host, port, timeout=limit, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=limit)

    def work() -> None:
        try:
            connection.request(
                method,
                target,
                body=None if body is None else json.dumps(body),
                headers={"Content-Type": "application/json", "Accept": "application/json"},
            )
            response = connection.getresponse()
            found.append(Reply(response.status, response.headers, response.read()))
        except Exception as error:  # noqa: BLE001  # whatever it is, nothing was answered
            found.append(Unknown(f"{address} {_words(error, limit)}"))
        finally:
            connection.close()

    # In a thread, since looking up a name knows no limit.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(limit + 0.1)
    if found:
        return found[0]
    open_socket = connection.sock
    if open_socket is not None:
        with contextlib.suppress(OSError):
            open_socket.shutdown(socket.SHUT_RDWR)
    return Unknown(f"{address} {_words(TimeoutError(), limit)}")


def _judge(address: str, reply: Reply, asked: float) -> Answer | Unknown | _Elsewhere:
    status, headers, raw = reply
    words = raw[:200].decode("utf-8", "replace")
    if status in (301, 302, 303, 307, 308) or "standby RM" in words:
        if "standby RM" in words:
            parts = urlsplit(headers.get("Location") or "")
            return _Elsewhere(f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else None)
        if "any active RM" in words:
            return Unknown(f"the ResourceManager at {address} is a standby and knows of no active one")
        return Unknown(f"{address} sends us on to {headers.get('Location')}: it is not a ResourceManager")
    if status in (401, 407):
        how = headers.get("WWW-Authenticate") or "no user.name will do"
        return Forbidden(f"the ResourceManager at {address} asks who we are ({how})", status=401)
    if status == 403:
        return Forbidden(f"the ResourceManager at {address} does not allow it: {_refusal(raw)}", status=403)
    try:
        value = json.loads(raw) if raw.strip() else None
    except ValueError:
        return Unknown(f"what answers at {address} is not a ResourceManager (HTTP {status}, no JSON)")
    return Answer(status, value, address, _skew(headers.get("Date"), asked))


def _refusal(raw: bytes) -> str:
    """Return the words of a refusal: JSON for some questions, plain text for others, and a page from a filter."""
    text = raw.decode("utf-8", "replace")
    try:
        return Answer(403, json.loads(text), "").message
    except ValueError:
        title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
        return " ".join((title[1] if title else text[:200]).split()) or "HTTP 403"


def _skew(date: str | None, asked: float) -> float:
    from email.utils import parsedate_to_datetime

    try:
        theirs = parsedate_to_datetime(date or "").timestamp() + 0.5
    except (TypeError, ValueError):
        return 0.0
    return theirs - asked if abs(theirs - asked) > SMALL_SKEW else 0.0


def _words(error: Exception, limit: float) -> str:
    if isinstance(error, TimeoutError):
        return f"does not answer within {limit:.2g} s"
    if isinstance(error, socket.gaierror):
        return "has a name that cannot be found"
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections"
    if isinstance(error, OSError):
        return f"cannot be reached: {error.strerror or error}"
    return f"gave no whole answer: {str(error) or type(error).__name__}"


def certificates_of(environment: Mapping[str, str]) -> str | None:
    """Return the file with trusted authorities that an environment names."""
    for name in CERTIFICATES:
        path = environment.get(name)
        if path and os.path.isfile(path):
            return path
    return None
