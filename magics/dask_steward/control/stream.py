"""Server-sent events of a keeper, read in a loop."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx

#: Seconds to connect and to get the first line: a scheduler that reads a large graph answers late.
ANSWER_LIMIT = 10.0
#: Seconds of silence after which a keeper is taken for one that does not answer. It sends a comment every 15 s.
SILENCE_LIMIT = 20.0


class NoAnswer(Exception):
    """The keeper is there, but does not answer."""


class NoSuchStream(Exception):
    """The keeper, one of an older version, has no such stream."""


async def listen(socket: str, path: str) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Yield ``(event, data)`` until the keeper ends the stream or goes.

    Parameters
    ----------
    socket : str
        Path of the keeper's control socket.
    path : str
        Path and query of the stream.

    Raises
    ------
    NoAnswer
        If it is silent for too long.
    NoSuchStream
        If it does not know the path.
    """
    # No TLS on a unix socket: the certificates of the world would take 30 to 100 ms to read, here in the loop.
    transport = httpx.AsyncHTTPTransport(uds=socket, verify=False)
    limits = httpx.Timeout(ANSWER_LIMIT, read=SILENCE_LIMIT)
    async with httpx.AsyncClient(transport=transport, timeout=limits, trust_env=False) as client:
        try:
            async with client.stream("GET", f"http://keeper{path}") as answer:
                if answer.status_code == 404:
                    raise NoSuchStream(path)
                if not answer.is_success:
                    return
                event = "message"
                async for line in answer.aiter_lines():
                    if line.startswith("event: "):
                        event = line[len("event: ") :]
                    elif line.startswith("data: "):
                        value = json.loads(line[len("data: ") :])
                        if isinstance(value, dict):
                            yield event, value
                        event = "message"
        except httpx.TimeoutException as error:
            raise NoAnswer(f"its keeper has not answered for {SILENCE_LIMIT:.0f} s") from error
        except (httpx.TransportError, ValueError):
            return  # it went in the middle of a line, or before it took the call
