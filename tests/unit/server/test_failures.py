"""One mapping from errors to codes and sentences."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from pydantic import ValidationError
from tornado.web import HTTPError

from dask_steward import errors
from dask_steward.errors import StewardError
from dask_steward.profiles.problems import Problem
from dask_steward.server import models
from dask_steward.server.failures import answer_to, of_body

ERRORS = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, StewardError) and one != StewardError
]
#: What the server cannot help, and a client neither.
OUTSIDE = {errors.KeeperGone, errors.ManagerUnreachable, errors.SchedulerLost, errors.StateFolderError}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_what_a_client_can_cause_is_no_error_of_the_server(kind: type[StewardError]) -> None:
    code, body = answer_to(kind("It went wrong.", field="scale", hint="Do it right.", cluster="abcdefghij"), 500)
    assert (code == 503) if kind in OUTSIDE else (400 <= code < 500)
    assert body == {
        "error": kind.code,
        "message": "It went wrong.",
        "field": "scale",
        "hint": "Do it right.",
        "cluster": "abcdefghij",
    }
    models.ErrorBody(**body)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.UsageError, 400),
        (errors.ProfileNotFound, 404),
        (errors.ClusterNotFound, 404),
        (errors.WrongState, 409),
        (errors.TimeLimit, 409),
        (errors.SubmitRefused, 422),
        (errors.ManagerUnreachable, 503),
    ],
)
def test_codes_are_those_of_the_interface(kind: type[StewardError], code: int) -> None:
    assert answer_to(kind("x"), 500)[0] == code


def test_every_problem_of_a_profile_is_told_with_its_field() -> None:
    problem = Problem("must be 1 or more", ("options", "cores"), 0, True, file=Path("/p/slurm.yaml"), line=7, column=3)
    code, body = answer_to(errors.ProfileError("slurm.yaml is wrong.", problems=(problem,)), 500)
    assert code == 400
    assert body["problems"] == [
        {
            "message": "options.cores = 0: must be 1 or more",
            "field": "options.cores",
            "file": "/p/slurm.yaml",
            "line": 7,
            "column": 3,
        }
    ]


def test_an_unexpected_error_keeps_its_words_for_the_log() -> None:
    code, body = answer_to(RuntimeError("a secret path"), 500)
    assert code == 500
    assert "secret" not in body["message"]


def test_errors_of_the_http_layer_have_the_same_form() -> None:
    code, body = answer_to(HTTPError(404, "nothing at %s", "here"), 404)
    assert (code, body["error"], body["message"]) == (404, "not-found", "nothing at here")


def test_percent_signs_in_a_message_do_no_harm() -> None:
    assert answer_to(HTTPError(400, "100% of it: %s %s", "x"), 400)[1]["message"] == "100% of it: %s %s"


@pytest.mark.parametrize(
    ("model", "body", "fields"),
    [
        (models.Start, {}, ["profile"]),
        (models.Start, {"profile": "local", "scale": {"workers": -1}, "color": 1}, ["scale.workers", "color"]),
        (models.Start, {"profile": "local", "scale": {"workers": "2"}}, ["scale.workers"]),
        (models.Start, {"profile": "local", "scale": {"memory": "a lot"}}, ["scale.memory"]),
        (models.Start, {"profile": "local", "tenure": "for ever"}, ["tenure"]),
        (models.Start, {"profile": "local", "adapt": {"minimum": 3, "maximum": 1}}, ["adapt"]),
        (models.Scale, {}, [None]),
        (models.Scale, {"workers": 1, "jobs": 2}, [None]),
        (models.Adapt, {"minimum": 1, "hold": "tomorrow"}, ["hold"]),
        (models.Change, {}, [None]),
        (models.Watch, {"kind": "tasks", "watcher": "x" * 8}, ["kind"]),
    ],
)
def test_a_wrong_body_names_each_field(
    model: type[models.Given], body: dict[str, object], fields: list[str | None]
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    error = of_body(caught.value)
    assert [one["field"] for one in error.problems] == fields
    assert error.http_status == 400
    assert all("Value error" not in one["message"] for one in error.problems)


def test_sizes_are_read_as_people_write_them() -> None:
    assert models.Scale.model_validate({"memory": "64 GB"}).units() == {"memory": 64 * 10**9}
    assert models.Scale.model_validate({"cores": 0, "group": "gpu"}).units() == {"cores": 0}
    limits = models.Adapt.model_validate({"minimum": 0, "maximum": 4, "hold": "5 min"})
    assert limits.hold == 300
