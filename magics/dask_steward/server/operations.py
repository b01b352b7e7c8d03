"""What a verb of a route is: who may use it, what it takes, what it answers.

The decorator both guards the method and describes it; the OpenAPI document is made from these descriptions, so that it
cannot say anything else than the code.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jupyter_server.auth.decorator import authorized
from pydantic import BaseModel
from tornado import web

#: As Jupyter's authorizers know them.
Action = Literal["read", "write", "execute"]
Method = Callable[..., Awaitable[None]]

#: Verbs that a handler may have, in the order of the document.
VERBS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One verb of one route.

    Attributes
    ----------
    action : str
        What the caller must be allowed to do with ``dask-steward``.
    summary : str
        One sentence.
    answers : dict of int to (model or None)
        Codes of success with the model of their body.
    body, query : model or None
        What it takes.
    errors : tuple of int
        Codes beside those that every route may answer (400, 403, 404, 405, 413, 415 where it takes a body).
    media : dict of int to str
        Content types other than JSON, by code.
    headers : dict of str to str
        Request headers that mean something, and what.
    """

    action: Action
    summary: str
    answers: Mapping[int, type[BaseModel] | None]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    errors: tuple[int, ...] = ()
    media: Mapping[int, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def operation(
    action: Action,
    summary: str,
    *,
    answers: Mapping[int, type[BaseModel] | None],
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    errors: tuple[int, ...] = (),
    media: Mapping[int, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Callable[[Method], Method]:
    """Guard a handler's method (authenticated, authorised), and describe it; parameters as in `Operation`."""
    described = Operation(action, summary, answers, body, query, errors, media or {}, headers or {})

    def decorate(method: Method) -> Method:
        guarded: Any = web.authenticated(authorized(action)(method))
        guarded.operation = described
        return guarded  # type: ignore[no-any-return]

    return decorate


def operations_of(handler: type) -> dict[str, Operation]:
    """Return the operations of a handler by verb."""
    found = {verb: getattr(getattr(handler, verb, None), "operation", None) for verb in VERBS}
    return {verb: one for verb, one in found.items() if isinstance(one, Operation)}
