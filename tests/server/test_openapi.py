"""The document says what the handlers do, and the handlers do nothing else: also when they are sent nonsense."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tornado.web import RequestHandler

import dask_steward as ds
from dask_steward.server.openapi import document, path_of
from dask_steward.server.operations import VERBS, operations_of
from dask_steward.server.routes import routes
from tests.server.conftest import started, stop_all, until, until_ready
from tests.server.serving import Server, folder_for
from tests.support.foreign import foreign_scheduler

pytestmark = pytest.mark.timeout(300)  # a server and a cluster come up meanwhile

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = 12
REFUSED = ("scale", "adapt", "restart")
"""What may be asked of a scheduler of somebody else, since the answer is no."""


def test_every_verb_of_every_handler_is_in_the_document() -> None:
    found = document(routes())
    described = {(path, verb) for path, verbs in found["paths"].items() for verb in verbs}
    mounted = set()
    for pattern, handler in routes():
        for verb in VERBS:
            method = getattr(handler, verb)
            if method is RequestHandler._unimplemented_method:
                continue
            assert verb in operations_of(handler), f"{verb} of {pattern} says nothing of itself"
            names = [name for name in inspect.signature(method).parameters if name != "self"]
            mounted.add((path_of(pattern, names), verb))
    assert described == mounted
    operations = [one for verbs in found["paths"].values() for one in verbs.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)


def test_reading_needs_read_and_changing_needs_more() -> None:
    looking = {"/profiles/validate", "/clusters/{id}/watch"}
    for path, verbs in document(routes())["paths"].items():
        for verb, one in verbs.items():
            expected = {"read"} if verb == "get" or path in looking else {"write", "execute"}
            assert one["x-action"] in expected, (verb, path)


def test_the_document_is_the_same_each_time() -> None:
    assert document(routes()) == document(routes())


# --- nonsense ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = folder_for("open")
    (folder / "profiles").mkdir()
    with Server(folder, environment={"DASK_STEWARD_PROFILES": str(folder / "profiles")}) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def ids(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """The ids of a living cluster, of one that has ended, and of a scheduler of somebody else."""
    with server.client() as api, foreign_scheduler(tmp_path_factory.mktemp("foreign"), 1) as scheduler:
        ended, living = started(api)["id"], started(api)["id"]
        until_ready(api, living)
        ds.get(ended).close()
        until(api, ended, lambda card: card["state"] in ("stopped", "failed"))
        # The first look at a dashboard imports bokeh, which takes its time beside other tests.
        api.get(f"clusters/{living}/dashboard/health", timeout=200)
        foreign = started(api, profile="address", set={"options.address": scheduler.address})["id"]
        until_ready(api, foreign)
        yield living, ended, foreign
        assert scheduler.alive
        stop_all()


OPERATIONS = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_dict(document(routes(), "/user/ann/")).get_all_operations()
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", OPERATIONS)
def test_nonsense_gets_a_documented_answer(
    label: str, mode: GenerationMode, server: Server, ids: tuple[str, str, str]
) -> None:
    operation = OPERATIONS[label]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
        pytest.skip("takes nothing that could be wrong")
    living, ended, foreign = ids
    # A living cluster is only looked at: what would be asked of it at random, such as a million workers, it does.
    looks = operation.method.upper() == "GET" or operation.path.endswith("/watch")
    known = [ended, living, foreign] if looks else [ended]
    if operation.path.rpartition("/")[2] in REFUSED:
        known.append(foreign)
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), which=st.integers(0, len(known)))
    def ask(case: Any, which: int) -> None:
        if "id" in (case.path_parameters or {}) and which < len(known):
            case.path_parameters["id"] = known[which]
        if case.query and case.query.get("follow"):
            case.query["follow"] = "false"  # a stream has no end that could be waited for here
        answer = case.call(
            base_url=f"{server.url}dask-steward/api",
            headers={"Authorization": f"token {server.token}"},
            timeout=60,
            allow_redirects=False,
        )
        seen.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    ask()
    assert seen
