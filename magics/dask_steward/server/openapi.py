"""The OpenAPI 3.1 document, made from the routes, the descriptions of their verbs and the models of their bodies."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, RootModel
from pydantic.json_schema import models_json_schema
from tornado.web import RequestHandler

from dask_steward._version import __version__
from dask_steward.server.base import PREFIX, Handler
from dask_steward.server.models import ErrorBody
from dask_steward.server.operations import Operation, operation, operations_of

#: Codes that any route may answer, and those of routes that take a body.
ALWAYS = (400, 403, 404, 405)
OF_BODY = (413, 415)
MEANINGS = {
    200: "Done.",
    201: "Made.",
    202: "Begun; it goes on by itself.",
    204: "Done; there is nothing to say.",
    302: "It is elsewhere.",
    400: "Something that was asked for is wrong; `problems` has every fault.",
    403: "Not known, or not allowed.",
    404: "There is no such thing.",
    405: "The route has no such verb.",
    409: "Not in the state that it is in.",
    413: "Longer than anything that makes sense.",
    415: "Of another type than JSON.",
    422: "It did not start, or the resource manager refused it: in its own words.",
    503: "A resource manager or a keeper cannot be asked now.",
}
_GROUP = re.compile(r"\((?!\?)[^()]*\)")


class Document(RootModel[dict[str, Any]]):
    """An OpenAPI document."""


def document(routes: Iterable[tuple[str, type[RequestHandler]]], base_url: str = "/") -> dict[str, Any]:
    """Return the document.

    Parameters
    ----------
    routes : iterable of (str, handler)
        As `dask_steward.server.routes.routes` has them.
    base_url : str
        Where the server is mounted.
    """
    table = [(pattern, handler, operations_of(handler)) for pattern, handler in routes]
    verbs_of_all = [one for _, _, verbs in table for one in verbs.values()]
    taken = {one.body for one in verbs_of_all if one.body is not None}
    told = {model for one in verbs_of_all for model in one.answers.values() if model is not None} | {ErrorBody}
    refs, schemas = models_json_schema(
        [
            *((model, "validation") for model in _ordered(taken)),
            *((model, "serialization") for model in _ordered(told)),
        ],
        ref_template="#/components/schemas/{model}",
    )
    reference: dict[Any, dict[str, Any]] = {model: schema for (model, _), schema in refs.items()}
    paths: dict[str, dict[str, Any]] = {}
    for pattern, handler, verbs in table:
        for verb, one in verbs.items():
            path, parameters = _path(pattern, handler, verb)
            described = _operation(one, parameters, reference, _name(verb, path))
            paths.setdefault(path, {})[verb] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Dask Steward",
            "version": __version__,
            "description": "Dask clusters and the profiles that they start from. Times are seconds since the epoch, "
            "sizes bytes. Every answer that is no success is an `ErrorBody`.",
        },
        "servers": [{"url": f"{base_url.rstrip('/')}/{PREFIX}"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token …`, as for every interface of a Jupyter server; a page has its cookie, and "
                    "sends `X-XSRFToken` with whatever changes something.",
                }
            },
        },
    }


def _ordered(models: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    """Order models so that the document is the same each time."""
    return sorted(models, key=lambda model: f"{model.__module__}.{model.__qualname__}")


def path_of(pattern: str, names: Iterable[str]) -> str:
    """Return the path of a route with its parameters by name.

    Examples
    --------
    >>> path_of(r"clusters/([^/]+)/dashboard(?:/(.*))?", ["id", "path"])
    '/clusters/{id}/dashboard/{path}'
    """
    left = iter(names)
    text = _GROUP.sub(lambda _: f"{{{next(left)}}}", pattern)
    return "/" + re.sub(r"\(\?:(.*?)\)\?", r"\1", text)


def _path(pattern: str, handler: type[RequestHandler], verb: str) -> tuple[str, list[str]]:
    method = getattr(handler, verb)
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    return path_of(pattern, names), names


def _name(verb: str, path: str) -> str:
    """Return an operation's id, such as ``post_clusters_id_scale``."""
    return "_".join([verb, *re.findall(r"[a-z]+", path)])


def _operation(
    one: Operation, parameters: list[str], reference: Mapping[Any, dict[str, Any]], name: str
) -> dict[str, Any]:
    codes = {*ALWAYS, *one.errors, *(OF_BODY if one.body is not None else ())}
    found: dict[str, Any] = {
        "operationId": name,
        "summary": one.summary,
        "x-action": one.action,
        "parameters": [
            *({"name": each, "in": "path", "required": True, "schema": {"type": "string"}} for each in parameters),
            *_query(one.query),
            *(
                {"name": each, "in": "header", "description": text, "schema": {"type": "string"}}
                for each, text in one.headers.items()
            ),
        ],
        "responses": {
            **{str(code): _success(one, code, model, reference) for code, model in one.answers.items()},
            **{
                str(code): {
                    "description": MEANINGS[code],
                    "content": {"application/json": {"schema": reference[ErrorBody]}, **_media(one, code)},
                }
                for code in sorted(codes)
            },
        },
    }
    if one.body is not None:
        needed = any(field.is_required() for field in one.body.model_fields.values())
        found["requestBody"] = {
            "required": needed,
            "content": {"application/json": {"schema": reference[one.body]}},
        }
    return found


def _query(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            **({"description": part["description"]} if "description" in part else {}),
            "schema": _given(part),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _given(part: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a query's argument: it is left out rather than null."""
    options = [option for option in part.get("anyOf", ()) if option.get("type") != "null"]
    kept = {name: value for name, value in part.items() if name not in ("anyOf", "description", "title")}
    if kept.get("default", ...) is None:
        del kept["default"]
    return {**kept, **(options[0] if len(options) == 1 else {"anyOf": options} if options else {})}


def _success(
    one: Operation, code: int, model: type[BaseModel] | None, reference: Mapping[Any, dict[str, Any]]
) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if model is not None:
        content["application/json"] = {"schema": reference[model]}
    content |= _media(one, code)
    return {"description": MEANINGS[code], **({"content": content} if content else {})}


def _media(one: Operation, code: int) -> dict[str, Any]:
    """Return what an answer may be beside JSON."""
    return {one.media[code]: {"schema": {"type": "string"}}} if code in one.media else {}


class Served(Handler):
    """The document."""

    @operation("read", "This interface, as an OpenAPI 3.1 document.", answers={200: Document})
    async def get(self) -> None:
        """Make it."""
        from dask_steward.server.routes import routes  # the routes name this module, too

        self.reply(document(routes(), self.base_url))


ROUTES: list[tuple[str, type[Handler]]] = [("openapi.json", Served)]
