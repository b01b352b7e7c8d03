"""Whatever stands in a file, a store says what is wrong with it and never fails in another way."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dask_steward.errors import ProfileError
from dask_steward.profiles import Layer, Profile, ProfileStore, from_json, registry
from dask_steward.profiles.checking import fields_at

SLURM = registry.find("slurm")[0]
WORDS = st.sampled_from(
    [
        *fields_at(SLURM, ()),
        *fields_at(SLURM, ("options",)),
        *fields_at(SLURM, ("options", "scheduler_options")),
        *(
            "workers",
            "jobs",
            "memory",
            "minimum",
            "maximum",
            "local",
            "slurm",
            "threads",
            "kernel",
            "detached",
            "tls",
            "a",
            "b",
        ),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 30),
    st.floats(),
    WORDS,
    st.text(max_size=10),
    st.sampled_from(
        ["4 GB", "30 min", "01:00:00", "$HOME", "${X:-4}", "${", "a\nb", "-1", "2 h", "#!x", "$" * 5, "~/x", "tcp:1"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=12,
)
PROFILES = st.dictionaries(WORDS, VALUES, max_size=8).flatmap(
    lambda data: st.sampled_from(["local", "slurm", "threads", None]).map(
        lambda system: data if system is None else {**data, "system": system}
    )
)
TOKENS = [*":-[]{},&*!|>'\"%#?~ab1", *["<<", "---", "...", "%YAML", "&a", "*a", "!!int", ".nan", "0x", "0o9"]]
TEXT = st.one_of(
    st.text(max_size=60),
    st.text("ab:-[]{},&*!|>'\"%@`#?\n\t .<~0123456789_", max_size=60),
    st.lists(st.sampled_from([*TOKENS, "\n", " "]), max_size=30).map("".join),
)
RELAXED = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)


def look_at(raw: bytes, level: str = "user") -> None:
    """Resolve, list, check and expand what a file says; anything but a ProfileError fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.yaml", "_site.yaml"):
            (Path(folder) / name).write_bytes(raw)
        store = ProfileStore([Layer(Path(folder), level)])  # type: ignore[arg-type]
        for info in store.infos():
            json.dumps(info.to_dict())
        for problem in store.problems():
            assert "\n" not in str(problem)
        store.check(Path(folder) / "a.yaml")
        expanded = resolve(store, "a", {})
        if expanded is not None:
            text = json.dumps(expanded.to_json(), allow_nan=False)
            assert from_json(json.loads(text)).to_json() == expanded.to_json()


def resolve(store: ProfileStore, name: str, overrides: dict[str, object]) -> Profile | None:
    """Return what a cluster would start from, or None where that is refused with problems of one line each."""
    problems: list[str] | None = None
    try:
        return store.resolve(name, overrides).expanded({"HOME": "/h"})
    except ProfileError as error:
        problems = [str(problem) for problem in error.problems]
    assert problems
    assert all("\n" not in problem for problem in problems)
    return None


@RELAXED
@given(st.binary(max_size=80))
def test_any_bytes(raw: bytes) -> None:
    look_at(raw)


@RELAXED
@given(TEXT)
def test_any_text(text: str) -> None:
    look_at(text.encode("utf-8", "surrogatepass"))


@RELAXED
@given(PROFILES, st.sampled_from(["user", "system"]))
def test_any_values(data: dict[str, object], level: str) -> None:
    look_at(json.dumps(data).encode(), level)


@RELAXED
@given(PROFILES)
def test_any_values_as_block_yaml(data: dict[str, object]) -> None:
    import io

    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(data, stream)
    look_at(stream.getvalue().encode("utf-8", "surrogatepass"))


@RELAXED
@given(
    st.dictionaries(
        st.one_of(WORDS, st.lists(WORDS, min_size=1, max_size=4).map(".".join), st.text(max_size=8)), VALUES, max_size=4
    )
)
def test_any_overrides(overrides: dict[str, object]) -> None:
    store = ProfileStore([])
    for name in ("local", "threads"):
        resolve(store, name, overrides)
