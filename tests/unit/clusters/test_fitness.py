"""What is wrong with a job is found before it is submitted, where that is possible."""

from __future__ import annotations

import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from dask_steward import interpreters
from dask_steward.clusters import jobqueue, shapes
from dask_steward.clusters.fitness import check_script
from dask_steward.clusters.jobscript import LineEnds
from dask_steward.errors import StartFailed
from dask_steward.interpreters import interpreter_of, why_unfit

LINE = LineEnds("127.0.0.1", 40000, "127.0.0.1", 8786, 120.0, "keeper", "job")


@pytest.mark.parametrize(
    ("prologue", "words"),
    [
        (["if true; then"], "syntax error"),
        (["fi"], "unexpected token `fi'"),
        (["module load 'python"], "unexpected EOF"),
        (["cat <<END", "text"], "here-document"),
        (["module load python \\"], "ends with \\"),
        (["f() {"], "syntax error"),
        ([")"], "unexpected token `)'"),
    ],
)
def test_a_prologue_that_bash_cannot_read(prologue: list[str], words: str) -> None:
    with pytest.raises(StartFailed) as caught:
        check_script("#!/bin/bash\n" + "\n".join(prologue), prologue)
    assert caught.value.field == "options.job_script_prologue"
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "prologue",
    [
        ["module load python", "export A=1"],
        ["cat <<END", "text", "END"],
        ["for i in 1 2; do", "  echo $i", "done"],
        ["echo 'a \\\\'"],
        ["echo a \\\\"],
        ["# it's fine"],
        [],
    ],
)
def test_a_prologue_that_is_right(prologue: list[str]) -> None:
    check_script("#!/bin/bash\n" + "\n".join(prologue), prologue)


def test_nothing_of_a_script_is_run(tmp_path: Path) -> None:
    check_script(f"touch {tmp_path}/a", [f"touch {tmp_path}/b", f"$(touch {tmp_path}/c)"])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment without any package."""
    folder = tmp_path_factory.mktemp("env") / "bare"
    venv.create(folder, with_pip=False, symlinks=True)
    return folder


def executable(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


class TestInterpreters:
    def test_our_own_is_fit(self) -> None:
        assert why_unfit(sys.executable) is None

    def test_one_without_dask_is_not_unless_a_prologue_may_bring_it(self, bare: Path) -> None:
        python = str(bare / "bin" / "python")
        assert "has no distributed" in str(why_unfit(python))
        assert why_unfit(python, needs_dask=False) is None

    def test_what_the_environment_brings_counts(self, bare: Path, tmp_path: Path) -> None:
        (tmp_path / "distributed.py").write_text("")
        assert why_unfit(str(bare / "bin" / "python"), {"PYTHONPATH": str(tmp_path)}) is None

    def test_a_file_that_is_no_python(self, tmp_path: Path) -> None:
        assert "is no Python" in str(why_unfit(executable(tmp_path / "x", "#!/bin/sh\nexit 0\n")))
        assert "cannot be executed" in str(why_unfit(executable(tmp_path / "y", "#!/bin/nothing\n")))
        assert "is a folder" in str(why_unfit(str(tmp_path)))

    def test_a_file_without_permission(self, tmp_path: Path) -> None:
        assert "no permission" in str(why_unfit(executable(tmp_path / "x", "#!/bin/sh\n", 0o644)))

    def test_one_that_hangs_says_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(interpreters, "LOOK_LIMIT", 0.2)
        assert why_unfit(executable(tmp_path / "x", "#!/bin/sh\nexec sleep 60\n")) is None

    @pytest.mark.parametrize("text", ["/nowhere/on/this/host/python", "python3", "apptainer exec image.sif python"])
    def test_what_may_mean_something_on_the_nodes_is_not_judged(self, text: str) -> None:
        assert interpreter_of(text) == text
        assert why_unfit(text) is None

    def test_the_folder_of_an_environment_and_the_name_of_a_conda_one(
        self, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert interpreter_of(str(bare)) == str(bare / "bin" / "python")
        known = tmp_path / "environments.txt"
        known.write_text(f"/gone/bare\n{bare}\n")
        monkeypatch.setattr(interpreters, "CONDA_ENVIRONMENTS", str(known))
        assert interpreter_of("bare") == str(bare / "bin" / "python")
        assert interpreter_of("other") == "other"


def groups(options: dict[str, Any], **profile: Any) -> dict[str, Any]:
    jobqueue.load_jobqueue()
    return shapes.groups_of(
        {"options": {"cores": 1, "memory": 10**9, **options}, **profile},
        tag="dask-steward-abcdefghij",
        scheduler="tls://127.0.0.1:8786",
        python=profile.get("python"),
        tls={},
        line=LINE,
        logs="/l",
    )


def test_a_start_names_the_field(bare: Path) -> None:
    python = str(bare / "bin" / "python")
    for changed, profile, field in (
        ({"job_script_prologue": ["if"]}, {}, "options.job_script_prologue"),
        ({"python": python}, {}, "options.python"),
        ({}, {"python": python}, "python"),
        ({}, {"groups": {"big": {"options": {"python": python}}}}, "groups.big.options.python"),
        ({}, {"groups": {"b": {"options": {"job_script_prologue": ["("]}}}}, "groups.b.options.job_script_prologue"),
    ):
        with pytest.raises(StartFailed) as caught:
            groups(changed, **profile)
        assert caught.value.field == field


def test_the_folder_of_an_environment_becomes_its_python(bare: Path) -> None:
    script = groups({"python": str(bare), "job_script_prologue": ["module load dask"]})["main"].script("j1", 1)
    assert f'"{bare}/bin/python" -m distributed' in script
