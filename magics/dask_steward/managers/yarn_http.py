"""Ask a ResourceManager over HTTP: of several addresses the active one, and never for longer than allowed."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from dask_steward.managers.base import Unknown

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
            answer = self._bounded(address, method, target, body, limit)
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

    def _bounded(
        self, address: str, method: str, target: str, body: object, limit: float
    ) -> Answer | Unknown | _Elsewhere:
        """Ask one of them in a thread: names that are looked up, and answers that drip, know no limit of their own."""
        found: list[Answer | Unknown | _Elsewhere] = []
        connections: list[http.client.HTTPConnection] = []

        def work() -> None:
            try:
                found.append(self._once(address, method, target, body, limit, connections))
            except Exception as error:  # noqa: BLE001  # whatever it is, nothing is known of the applications
                found.append(Unknown(f"the ResourceManager at {address} {_words(error, limit)}"))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(limit + 0.1)
        for one in connections:
            if thread.is_alive() and one.sock is not None:
                try:
                    one.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        return found[0] if found else Unknown(f"the ResourceManager at {address} {_words(TimeoutError(), limit)}")

    def _once(
        self,
        address: str,
        method: str,
        target: str,
        body: object,
        limit: float,
        connections: list[http.client.HTTPConnection],
    ) -> Answer | Unknown | _Elsewhere:
        parts = urlsplit(address)
        host, port = str(parts.hostname), parts.port
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            import ssl

            context = ssl.create_default_context(cafile=self.certificates)
            connection = http.client.HTTPSConnection(host, port, timeout=limit, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=limit)
        connections.append(connection)
        began = time.time()
        try:
            connection.request(
                method,
                target,
                body=None if body is None else json.dumps(body),
                headers={"Content-Type": "application/json", "Accept": "application/json"},
            )
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        return _judge(address, response, raw, (began + time.time()) / 2)


def _judge(address: str, response: http.client.HTTPResponse, raw: bytes, asked: float) -> Answer | Unknown | _Elsewhere:
    status = response.status
    words = raw[:200].decode("utf-8", "replace")
    if status in (301, 302, 303, 307, 308) or "standby RM" in words:
        if "standby RM" in words:
            parts = urlsplit(response.headers.get("Location") or "")
            return _Elsewhere(f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else None)
        if "any active RM" in words:
            return Unknown(f"the ResourceManager at {address} is a standby and knows of no active one")
        return Unknown(f"{address} sends us on to {response.headers.get('Location')}: it is not a ResourceManager")
    if status in (401, 407):
        how = response.headers.get("WWW-Authenticate") or "no user.name will do"
        return Forbidden(f"the ResourceManager at {address} asks who we are ({how})", status=401)
    try:
        value = json.loads(raw) if raw.strip() else None
    except ValueError:
        return Unknown(f"what answers at {address} is not a ResourceManager (HTTP {status}, no JSON)")
    answer = Answer(status, value, address, _skew(response.headers.get("Date"), asked))
    if status == 403:
        return Forbidden(f"the ResourceManager at {address} does not allow it: {answer.message}", status=403)
    return answer


def _skew(date: str | None, asked: float) -> float:
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
