"""What every handler of the REST interface stands on.

A module with handlers exports ``ROUTES``, a list of ``(pattern under dask-steward/api/, handler)``, and is named in
`dask_steward.server.routes`. A method is written as ::

    @operation("write", "Stop a cluster.", answers={202: Cluster}, errors=(409,))
    async def delete(self, id: str) -> None:
        body = self.body(Stop)                       # 400 with every fault, 413, 415
        found = await in_thread(blocking, body)      # errors of dask_steward.errors become code and sentence
        self.reply(found, 202)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from pydantic import BaseModel, ValidationError

from dask_steward.errors import ClusterNotFound, StewardError
from dask_steward.ledger import entries
from dask_steward.server.failures import TooLarge, WrongBody, WrongMedia, answer_to, of_body
from dask_steward.server.operations import VERBS
from dask_steward.server.threads import in_thread

if TYPE_CHECKING:
    from dask_steward.server.app import DaskSteward

#: Where the interface is, under the server's base URL.
PREFIX = "dask-steward/api"
#: An id, a name: anything up to the next slash; the handler says 404 to what is none.
SEGMENT = r"([^/]+)"

#: Bytes of a body. The largest that make sense, profiles, have some thousand.
BODY_LIMIT = 1_000_000

Model = TypeVar("Model", bound=BaseModel)


class Handler(APIHandler):
    """Answers in JSON; errors have one form."""

    auth_resource = "dask-steward"

    @property
    def steward(self) -> DaskSteward:
        """The extension."""
        found: DaskSteward = self.settings["dask_steward"]
        return found

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse what is too long before anybody looks into it."""
        await super().prepare()
        if len(self.request.body) > BODY_LIMIT:
            raise TooLarge(f"The body has {len(self.request.body)} bytes; {BODY_LIMIT} are the most that is taken.")

    def body(self, model: type[Model]) -> Model:
        """Return the request's body.

        Raises
        ------
        WrongBody, WrongMedia
            If it is not what the model says.
        """
        return _checked(model, self._json())

    def query(self, model: type[Model]) -> Model:
        """Return the request's query; arguments that the model does not know are passed over.

        Raises
        ------
        WrongBody
            If an argument is not what the model says.
        """
        given = {name: self.get_query_argument(name) for name in model.model_fields if name in self._query_names()}
        return _checked(model, given, strict=False)

    def _query_names(self) -> set[str]:
        return set(self.request.query_arguments)

    def _json(self) -> Any:
        raw = self.request.body
        if not raw.strip():
            return {}
        media = self.request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()
        if media != "application/json":
            raise WrongMedia(
                f"The body is {media or 'of no type'}; only application/json is taken.",
                hint="Set the header Content-Type: application/json.",
            )
        try:
            value = json.loads(raw, parse_constant=_no_number)
            # A lone half of a surrogate pair is JSON, but can be written nowhere.
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise WrongBody(f"The body is no JSON: {error}.") from error
        if not isinstance(value, dict):
            raise WrongBody("The body must be a JSON object.")
        return value

    def cluster_id(self, text: str) -> str:
        """Return a cluster's id from a path.

        Raises
        ------
        ClusterNotFound
            If it has not even the form of one.
        """
        if not entries.is_id(text):
            raise ClusterNotFound(f"No cluster {text[:64]!r} is known.")
        return text

    def place_of(self, id: str) -> str:
        """Return the path of a cluster in this interface."""
        return url_path_join(self.base_url, PREFIX, "clusters", id)

    def reply(self, value: BaseModel | dict[str, Any] | None = None, status: int = 200) -> None:
        """Send an answer; None has no body."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        if value is None:
            self.finish()
        elif isinstance(value, BaseModel):
            self.finish(value.model_dump_json())
        else:
            self.finish(json.dumps(value))

    def compute_etag(self) -> None:
        """State is never cached."""

    def write_error(self, status_code: int, **details: Any) -> None:
        """Answer with the one form of all errors."""
        error = (details.get("exc_info") or (None, None, None))[1]
        status, body = answer_to(error, status_code)
        if status == 405:
            self.set_header("Allow", ", ".join(self._verbs()))
        self.reply(body, status)

    def _verbs(self) -> list[str]:
        found = [verb.upper() for verb in VERBS if hasattr(getattr(self, verb, None), "operation")]
        return [*found, "OPTIONS"]

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Keep tracebacks for what nobody expected."""
        if not isinstance(value, StewardError):
            super().log_exception(typ, value, tb)


class NotFound(Handler):
    """Every path that is no route: JSON, too."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Answer before a verb is looked for, to those who may know."""
        from tornado.web import HTTPError

        await super().prepare()
        raise HTTPError(404, "There is no such route; dask-steward/api/openapi.json lists them.")


def _checked(model: type[Model], value: Any, strict: bool | None = None) -> Model:
    try:
        return model.model_validate(value, strict=strict)
    except ValidationError as error:
        raise of_body(error) from error


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


__all__ = ["BODY_LIMIT", "PREFIX", "SEGMENT", "Handler", "NotFound", "in_thread"]
