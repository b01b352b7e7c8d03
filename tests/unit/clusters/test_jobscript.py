"""Job scripts: whatever stands in a profile stays a value, and never becomes a command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_steward.clusters.jobqueue import shape_of_slurm
from dask_steward.clusters.jobscript import UNREACHABLE, JobShape, LineEnds, render
from dask_steward.clusters.line import Line
from dask_steward.clusters.shapes import resources_of
from dask_steward.errors import StartFailed
from dask_steward.shell import node_quote

TAG = "dask-steward-abcdefghij"
ENVIRONMENT = {"TMPDIR": "/scratch/a b", "_x1": "under", "HOME": "/home/$NOT", "PATH": "/usr/bin:/bin"}
NASTY = [
    "$_",
    "${_}",
    "${_x}$__",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "\ntouch pwned\n",
    '" ; touch pwned ; "',
    "' ; touch pwned ; '",
    "\\",
    '\\"',
    "\\$(touch pwned)",
    "${HOME:-$(touch pwned)}",
    "${!x}",
    "$((1+1))",
    "$[1+1]",
    "$'\\n'",
    '$"x"',
    "$$",
    "$1 $@ $* $# $?",
    "!! !x",
    "*?[a-z]~",
    "a\tb  c",
    "&& touch pwned",
    "| touch pwned",
    "> pwned",
    "<(touch pwned)",
    "{a,b}",
    "~root",
    "#no comment",
    "é ☃ 𝔘",
    "$é",
    "@{header} @x %s $header",
    "-n",
    "",
    " ",
]


def expanded(value: str) -> str:
    """Return what a value means: only $NAME and ${NAME} are expanded, and $_ is the shell's own."""
    return re.sub(
        r"\$(?:([A-Za-z][A-Za-z0-9_]*|_[A-Za-z0-9_]+)|\{([A-Za-z][A-Za-z0-9_]*|_[A-Za-z0-9_]+)\})",
        lambda found: ENVIRONMENT.get(found[1] or found[2], ""),
        value,
    )


def shell(words: list[str]) -> list[str]:
    """Return the words as bash passes them on."""
    script = "printf '%s\\0' " + " ".join(node_quote(word) for word in words) if words else ":"
    done = subprocess.run(
        ["/bin/bash", "--norc", "-c", script], env=ENVIRONMENT, capture_output=True, timeout=30, cwd="/", check=True
    )
    return done.stdout.decode().split("\0")[:-1]


def test_nasty_values_stay_values() -> None:
    assert shell(NASTY) == [expanded(value) for value in NASTY]


texts = st.text(
    st.one_of(
        st.sampled_from("$`\"'\\{}()!;&|<>*~# \n\t=HOMETMPDIR_x1"),
        st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"),
    ),
    max_size=30,
)


@given(st.lists(texts, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_no_value_breaks_out(values: list[str]) -> None:
    assert shell(values) == [expanded(value) for value in values]


def test_a_value_is_expanded_on_the_node_and_only_once() -> None:
    assert shell(["$HOME", "${HOME}/x", "$HOMEx"]) == ["/home/$NOT", "/home/$NOT/x", ""]


# --- the whole script -------------------------------------------------------------------------------------------------


def ends(line: Line | None = None, **more: Any) -> LineEnds:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": line.port if line else 1,
        "scheduler_host": "127.0.0.1",
        "scheduler_port": line.port if line else 1,  # any port that somebody listens on
        "silence": 30.0,
        "keeper_secret": line.keeper_secret if line else "k",
        "job_secret": line.job_secret if line else "j",
    }
    return LineEnds(**{**given, **more})


def shape(command: str = "worker --name NAME --rest", prologue: tuple[str, ...] = ()) -> JobShape:
    return JobShape(1, 1, 10**9, "#!/usr/bin/env bash\n#SBATCH -n 1", command, prologue)


def script(line: Line | None = None, command: str = "worker --name NAME --rest", **more: Any) -> str:
    given: dict[str, Any] = {"environment": {}, "local_directory": None, "prologue": ()}
    given.update(more)
    return render(
        shape(command, given["prologue"]),
        tag=TAG,
        key="j1",
        name="NAME",
        line=ends(line, **more.get("ends", {})),
        environment=given["environment"],
        local_directory=given["local_directory"],
    )


def assert_is_shell(text: str) -> None:
    done = subprocess.run(["/bin/bash", "-n"], input=text, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True), texts, max_size=5), texts)
@settings(max_examples=60, deadline=None)
def test_rendered_scripts_are_whole_shell(environment: Mapping[str, str], local_directory: str) -> None:
    assert_is_shell(script(environment=environment, local_directory=local_directory))


def test_plain_script_is_whole_shell() -> None:
    text = script()

    assert_is_shell(text)
    assert "@{" not in text
    assert '--name "$steward_key" --rest' in text
    assert text.startswith("#!/usr/bin/env bash\n#SBATCH")


def test_a_command_without_a_name_is_refused() -> None:
    with pytest.raises(StartFailed, match="without a name"):
        script(command="worker")


@pytest.fixture
def line() -> Iterator[Line]:
    found = Line(TAG, "127.0.0.1", None, lambda event: None)
    found.start()
    yield found
    found.close()


def run(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a job script as a node does."""
    return subprocess.run(
        ["/bin/bash"],
        input=text,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1", **environment},
    )


@pytest.fixture
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dsk-s", dir="/tmp") as folder:
        yield Path(folder)


def test_a_job_gives_the_worker_its_environment_and_leaves_no_folder(line: Line, scratch: Path) -> None:
    """A stub worker tells what it was given; strings that look like commands arrive as they are."""
    stub = scratch / "stub.py"
    stub.write_text(
        "import json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ), os.listdir(sys.argv[3])]))\n"
    )
    environment = {f"V{number}": value for number, value in enumerate(NASTY)}
    words = " ".join(node_quote(word) for word in NASTY)
    command = f'{sys.executable} {stub} --name NAME "$steward_dir" {words}'

    done = run(
        script(line, command, environment=environment, local_directory="$BASE/sub dir"),
        scratch,
        BASE=str(scratch),
        **{name: value for name, value in ENVIRONMENT.items() if name not in ("PATH", "TMPDIR")},
        TMPDIR=ENVIRONMENT["TMPDIR"],
    )

    assert done.returncode == 0, done.stderr
    import json

    arguments, seen, inside = json.loads(done.stdout)
    assert arguments[:2] == ["--name", "j1"]
    assert arguments[2] == f"{scratch}/sub dir/{TAG}.7"
    assert inside == [".steward"]  # says whose folder it is
    assert arguments[3:] == [expanded(value) for value in NASTY]
    assert {name: seen[name] for name in environment} == environment
    assert seen["DASK_STEWARD_JOB"] == f"{TAG}.7"
    assert not list(scratch.rglob("pwned"))
    assert os.listdir(scratch / "sub dir") == []


def test_the_exit_code_of_the_worker_is_that_of_the_job(line: Line, scratch: Path) -> None:
    assert run(script(line, "false --name NAME ; exit 9"), scratch).returncode == 9


def test_prologue_runs_before_the_worker_on_the_node(line: Line, scratch: Path) -> None:
    done = run(
        script(line, "echo --name NAME $WORD", prologue=("export WORD=first", "module() { :; }; module load x")),
        scratch,
    )

    assert done.stdout.strip() == "--name j1 first"


def test_a_daemon_of_the_worker_does_not_outlive_the_job(line: Line, scratch: Path) -> None:
    done = run(script(line, f"setsid sleep 600 >/dev/null 2>&1 & echo $! > {scratch}/pid; : --name NAME "), scratch)

    assert done.returncode == 0, done.stderr

    def left() -> list[str]:
        mark = f"DASK_STEWARD_JOB={TAG}.7".encode()
        return [name for name in os.listdir("/proc") if name.isdigit() and mark in _environ(name)]

    # A process that was killed needs a moment of a processor to be gone.
    deadline = time.monotonic() + 10
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left() == []


def _environ(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "environ").read_bytes()
    except OSError:
        return b""


def test_an_unwanted_job_leaves_without_a_worker(line: Line, scratch: Path) -> None:
    line.unwanted("j1")

    done = run(script(line, f"touch {scratch}/started --name NAME "), scratch)

    assert done.returncode == 0
    assert "not wanted any more" in done.stderr
    assert not (scratch / "started").exists()


def test_a_job_that_nobody_answers_leaves(scratch: Path) -> None:
    done = run(script(None, f"touch {scratch}/started --name NAME "), scratch)

    assert done.returncode == UNREACHABLE
    assert "nobody wants this job" in done.stderr
    assert not (scratch / "started").exists()


def test_a_job_that_reaches_the_keeper_but_not_the_scheduler_says_so_and_leaves(line: Line, scratch: Path) -> None:
    """A firewall lets the line's ports through and not the scheduler's: no worker waits a minute to find that out."""
    text = script(
        line, f"touch {scratch}/started --name NAME ", ends={"scheduler_host": "127.0.0.2", "scheduler_port": 1}
    )

    done = run(text, scratch)

    assert done.returncode == UNREACHABLE
    assert re.search(r"unreachable: n1 \(.*\) cannot reach 127\.0\.0\.2:1: Connection refused", done.stderr)
    assert "nobody wants" not in done.stderr
    assert not (scratch / "started").exists()


def test_a_false_keeper_is_not_believed(line: Line, scratch: Path) -> None:
    """Somebody else listens on the port now: what he says is not our secret, and the scheduler is not there either."""
    text = script(line, f"touch {scratch}/started --name NAME ", ends={"scheduler_port": 1})

    text = text.replace(line.keeper_secret, "0" * 32)

    done = run(text, scratch)

    assert done.returncode == UNREACHABLE
    assert "what answers is not the keeper" in done.stderr
    assert not (scratch / "started").exists()


def test_the_schedulers_own_job_goes_on_without_a_line(scratch: Path) -> None:
    """Nodes that cannot reach the keeper's host are one reason for a scheduler in a job: the keeper calls instead."""
    text = script(None, "echo --name NAME ", ends={"scheduler_port": None})

    done = run(text, scratch)

    assert done.returncode == 0
    assert done.stdout.strip() == "--name j1"
    assert "cannot be reached from here" in done.stderr


def test_the_schedulers_own_job_without_a_line_ends_when_who_started_it_has_died(scratch: Path) -> None:
    """YARN leaves the children of an application's master alone that has died by itself."""
    text = script(None, "touch started ; exec sleep 600 ; : --name NAME ", ends={"scheduler_port": None})
    with subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; subprocess.run(['/bin/bash', '-c', sys.argv[1]])", text],
        cwd=scratch,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "SLURM_JOB_ID": "7", "TMPDIR": str(scratch)},
    ) as above:
        while not (scratch / "started").exists():
            assert above.poll() is None
        above.kill()
        # Closed by the last process that has it: the script, and what it ran, have gone.
        _, err = above.communicate(timeout=30)

    assert "who started this job has gone" in err
    assert not (scratch / f"{TAG}.7").exists()


def test_a_folder_that_cannot_be_made_is_said(line: Line, scratch: Path) -> None:
    (scratch / "file").write_text("")

    done = run(script(line, local_directory=f"{scratch}/file/x"), scratch)

    assert done.returncode == 1
    assert "no local directory" in done.stderr


def test_the_job_ends_when_the_line_is_cut(scratch: Path) -> None:
    line = Line(TAG, "127.0.0.1", None, lambda event: None)
    line.start()
    text = script(line, "touch started ; sleep 600 ; : --name NAME ")
    with subprocess.Popen(
        ["/bin/bash", "-c", text],
        cwd=scratch,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "SLURM_JOB_ID": "7", "TMPDIR": str(scratch)},
    ) as job:
        while not (scratch / "started").exists():
            assert job.poll() is None
        line.close()
        _, err = job.communicate(timeout=30)

    assert job.returncode != 0
    assert "the keeper has gone" in err
    assert not (scratch / f"{TAG}.7").exists()


# --- what dask-jobqueue renders ---------------------------------------------------------------------------------------


def slurm(**options: Any) -> JobShape:
    given = {"cores": 2, "memory": "1 GB", "processes": 1, **options}
    return shape_of_slurm(
        given, scheduler="tls://127.0.0.1:8786", name="NAME", python="/usr/bin/python3", log_file="/logs/%j.log", tls={}
    )


def test_shape_of_a_slurm_job() -> None:
    found = slurm(queue="debug", walltime="00:10:00")

    assert (found.processes, found.cores, found.memory) == (1, 2, 10**9)
    assert "#SBATCH -p debug" in found.header
    assert "#SBATCH --output=/logs/%j.log" in found.header
    assert "--mem=954M" in found.header  # what was asked for, in Slurm's MiB
    assert "--name NAME " in found.command


@pytest.mark.parametrize("option", ["queue", "account", "walltime"])
def test_a_line_break_in_a_directive_is_refused(option: str) -> None:
    with pytest.raises(StartFailed, match="line break"):
        slurm(**{option: "debug\ntouch pwned"})


def test_a_line_break_in_a_workers_argument_is_refused() -> None:
    with pytest.raises(StartFailed, match="line break"):
        slurm(worker_extra_args=["'a\nb'"])


@pytest.mark.parametrize("missing", ["cores", "memory"])
def test_what_a_job_needs_is_named(missing: str) -> None:
    with pytest.raises(StartFailed, match=rf"options\.{missing} is not set") as caught:
        slurm(**{missing: None})

    assert caught.value.field == f"options.{missing}"


def test_words_of_dask_jobqueue_reach_the_person() -> None:
    with pytest.raises(StartFailed, match="colour"):
        slurm(colour="red")


@pytest.mark.parametrize(
    ("arguments", "resources"),
    [
        ([], {}),
        (["--resources", "GPU=1"], {"GPU": 1.0}),
        (["--resources 'GPU=1 bigmem=2.5'"], {"GPU": 1.0, "bigmem": 2.5}),
        (["--resources=GPU=2,FPGA=1", "--nthreads 3"], {"GPU": 2.0, "FPGA": 1.0}),
        (["--resources GPU=1", "--resources GPU=4"], {"GPU": 4.0}),
        (["--resources GPU=some"], {}),
        (["--resources"], {}),
    ],
)
def test_resources_that_arguments_of_a_worker_give(arguments: list[str], resources: dict[str, float]) -> None:
    assert resources_of(arguments) == resources
