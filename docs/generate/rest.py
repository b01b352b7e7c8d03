"""The reference of the REST interface, from the OpenAPI document that the server serves."""

from __future__ import annotations

from typing import Any

INTRODUCTION = """# REST interface

Jupyter's server has these routes under `dask-steward/api/`, behind its own authentication: a header
`Authorization: token …`, or a page's cookie (with `X-XSRFToken` for whatever changes something). The same as an OpenAPI
3.1 document is served as `dask-steward/api/openapi.json`.

Times are seconds since the epoch, sizes bytes. `read`, `execute` and `write` are what an authorizer of Jupyter's is
asked for the resource `dask-steward`: a site whose authorizer allows `read` alone has a sidebar that only shows.

Every answer that is no success is `{error, message, field?, hint?, cluster?, problems?}`; `problems` has every fault of
a body or a profile, each with the `field` that it is about. Beside the codes at each route there may be 400 (something
that was asked for is wrong), 403, 404, 405, and, where there is a body, 413 (over a megabyte) and 415 (not JSON).
What a page must not ask for again and again comes as [events](#events).

```console
$ curl -H "Authorization: token $TOKEN" http://localhost:8888/dask-steward/api/clusters
$ curl -H "Authorization: token $TOKEN" -d '{"profile": "local", "scale": {"workers": 2}}' \\
    -H "Content-Type: application/json" http://localhost:8888/dask-steward/api/clusters
```
"""

EVENTS = """## Events

On `/api/events/subscribe`, a websocket of Jupyter's own, by `schema_id`:

`urn:dask-steward:cluster:v1`
: `{action, id, cluster}`: a cluster has `changed` or was `removed` from the list; at most four a second of each.

`urn:dask-steward:rows:v1`
: `{id, kind, version, total, changed, gone}`: rows of a table that somebody watches; at most one a second.

`urn:dask-steward:profiles:v1`
: `{names}`: files of profiles were changed.

`urn:dask-steward:server:v1`
: `{server_id, seq, at}`: a beat each five seconds, so that a page knows that it hears.
"""

_KINDS = {
    "null": "null",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}
#: Models without fields of their own.
_PLAIN = {
    "Document": "object",
    "JsonValue": "any JSON",
    "LogAnswer": "[Logs](#body-logs) or [LogPart](#body-logpart)",
    "Nothing": "nothing, or `{}`",
    "Schema": "object",
}
_ALWAYS = {"400", "403", "404", "405", "413", "415"}


def page() -> str:
    """Return the page."""
    from dask_steward.server.openapi import document
    from dask_steward.server.routes import routes

    found = document(routes())
    lines = [INTRODUCTION, "## Routes", ""]
    for path, verbs in found["paths"].items():
        for verb, one in verbs.items():
            lines += _route(path, verb, one)
    lines += [EVENTS, "## Bodies", ""]
    for name, schema in sorted(found["components"]["schemas"].items()):
        if schema.get("properties"):
            lines += _body(name, schema)
    return "\n".join(lines)


def _route(path: str, verb: str, one: dict[str, Any]) -> list[str]:
    lines = [f"### `{verb.upper()} {path.removeprefix('/')}`", "", f"{one['summary']} Needs `{one['x-action']}`.", ""]
    if "requestBody" in one:
        lines += [f"Body: {_kind(one['requestBody']['content']['application/json']['schema'])}", ""]
    for given in one["parameters"]:
        if given["in"] != "path":
            where = " (header)" if given["in"] == "header" else ""
            words = f": {_kind(given['schema'])}. {given.get('description', '')}".rstrip()
            lines += [f"`{given['name']}`{where}", words, ""]
    for code, answer in one["responses"].items():
        if code not in _ALWAYS:
            content = answer.get("content", {})
            kinds = [
                _kind(each["schema"]) if media == "application/json" else f"`{media}`"
                for media, each in content.items()
            ]
            told = f" {' or '.join(kinds)}." if kinds and int(code) < 400 else ""
            lines += [f"{code}", f": {answer['description']}{told}", ""]
    return lines


def _body(name: str, schema: dict[str, Any]) -> list[str]:
    lines = [f"(body-{name.lower()})=", f"### {name}", "", schema.get("description", ""), ""]
    for field, part in schema["properties"].items():
        needed = "" if field in schema.get("required", ()) else ", may be left out"
        words = f" {part['description']}" if "description" in part else ""
        lines += [f"`{field}`", f": {_kind(part)}{needed}.{words}", ""]
    return lines


def _kind(schema: dict[str, Any]) -> str:
    """Return what a value is, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _PLAIN.get(name, f"[{name}](#body-{name.lower()})")
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_kind(option) for option in schema[word]))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items")
        return f"list of {_kind(items)}" if items else "list"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"mapping of names to {_kind(schema['additionalProperties'])}"
    return _KINDS.get(str(kind), "any JSON")
