"""One mapping from errors to codes and bodies: ``{error, message, field?, hint?, cluster?, problems?}``."""

from __future__ import annotations

import http
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from tornado.web import HTTPError

from dask_steward.errors import ProfileError, StewardError, UsageError
from dask_steward.profiles.problems import Problem, field_name

#: Words for errors of the HTTP layer.
_WORDS = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "wrong-state",
    413: "too-large",
    415: "media-type",
    422: "refused",
    503: "unreachable",
}


class WrongBody(UsageError):
    """The body of a request is not what it should be; ``problems`` holds every fault found."""

    def __init__(self, message: str, *, problems: list[dict[str, Any]] | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.problems = problems or []


class TooLarge(UsageError):
    """The body of a request is longer than any that makes sense."""

    code = "too-large"
    http_status = 413


class WrongMedia(UsageError):
    """The body of a request is of another type than JSON."""

    code = "media-type"
    http_status = 415


def answer_to(error: BaseException | None, status: int) -> tuple[int, dict[str, Any]]:
    """Return code and body for an error.

    Parameters
    ----------
    error : exception or None
        What was raised.
    status : int
        The code that the HTTP layer has for it.
    """
    if isinstance(error, StewardError):
        body = error.to_dict()
        problems = getattr(error, "problems", None)
        if problems:
            body["problems"] = [problem_json(one) for one in problems]
        # A limit that is over is no failure of the server: what was asked for goes on, or was given back.
        return (409 if error.http_status == 504 else error.http_status), body
    if isinstance(error, HTTPError):
        return status, {"error": _WORDS.get(status, "failed"), "message": _sentence(error, status)}
    if error is None:
        return status, {"error": _WORDS.get(status, "failed"), "message": f"{_phrase(status)}."}
    return 500, {
        "error": "unexpected",
        "message": f"Something went wrong in the server ({type(error).__name__}); its log says what.",
    }


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown error"


def _sentence(error: HTTPError, status: int) -> str:
    text = error.log_message or ""
    if text and error.args:
        try:
            text = text % error.args
        except (TypeError, ValueError):
            pass
    return text or f"{error.reason or _phrase(status)}."


def problem_json(problem: Problem | dict[str, Any]) -> dict[str, Any]:
    """Return one fault of a profile or a body as the front end takes it."""
    if isinstance(problem, dict):
        found = problem
    else:
        found = problem.to_dict()
        # Its place is shown by itself; what it holds and what is allowed belong to the sentence.
        sentence = str(Problem(**{**vars(problem), "file": None, "line": None, "column": None}))
        found["message"] = sentence
    return {name: found.get(name) for name in ("message", "field", "file", "line", "column")}


def of_body(error: ValidationError) -> WrongBody:
    """Return the error for a body (or a query) that a model refuses, with every fault in it."""
    problems = []
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        field = _field_of(one["loc"])
        text = str(one["msg"]).removeprefix("Value error, ")
        problems.append({"message": text[:1].lower() + text[1:], "field": field})
    first = problems[0]
    where = f"{first['field']}: " if first["field"] else ""
    more = f" ({len(problems)} problems in all)" if len(problems) > 1 else ""
    return WrongBody(
        f"{where}{first['message']}{more}.",
        field=first["field"],
        problems=[problem_json(one) for one in problems],
    )


def _field_of(place: Iterable[str | int]) -> str | None:
    return field_name(place) or None


__all__ = ["ProfileError", "TooLarge", "WrongBody", "WrongMedia", "answer_to", "of_body", "problem_json"]
