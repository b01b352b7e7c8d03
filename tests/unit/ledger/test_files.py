"""Files of the ledger: whole or not there at all, whoever reads, writes or dies meanwhile."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dask_steward.ledger import files


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "fact.json")


def test_written_is_read(path: str) -> None:
    value = {"name": "Zürich ☃", "n": 1, "none": None, "list": [1.5, "a\nb"]}

    files.write_json(path, value)

    assert files.read_json(path) == value
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_readers_never_see_a_torn_file(path: str) -> None:
    """Two sizes of the same file, replaced as fast as it goes under four readers."""
    small, large = {"size": "small"}, {"size": "large", "pad": ["x" * 1000] * 50}
    files.write_json(path, small)
    stop = threading.Event()
    seen: list[str] = []
    torn: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                seen.append(files.read_json(path)["size"])
        except BaseException as error:
            torn.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for one in readers:
        one.start()
    for turn in range(300):
        files.write_json(path, large if turn % 2 else small, durable=False)
    stop.set()
    for one in readers:
        one.join(10)

    assert not torn
    assert {"small", "large"} >= set(seen) > set()


def test_a_writer_that_is_killed_leaves_the_old_file_whole(path: str) -> None:
    files.write_json(path, {"turn": -1})
    code = (
        "import sys\nfrom dask_steward.ledger import files\n"
        "sys.stdout.write('go'); sys.stdout.flush()\n"
        "turn = 0\n"
        "while True:\n"
        "    files.write_json(sys.argv[1], {'turn': turn, 'pad': 'x' * 100000}, durable=False)\n"
        "    turn += 1\n"
    )
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.read(2)
            for _ in range(20):
                files.read_json(path)
            writer.kill()
        assert files.read_json(path)["turn"] >= -1


@pytest.mark.parametrize("durable", [True, False])
def test_create_has_exactly_one_winner(path: str, durable: bool) -> None:
    won: list[int] = []
    start = threading.Barrier(8)

    def create(number: int) -> None:
        start.wait()
        if files.create_json(path, {"winner": number}, durable=durable):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(10)

    assert len(won) == 1
    assert files.read_json(path) == {"winner": won[0]}
    assert os.listdir(os.path.dirname(path)) == ["fact.json"]


@pytest.mark.parametrize(
    "text", ["", "{", '{"a": 1', "[1, 2]", "null", '"text"', "\x00\x00\x00", "{} {}", "[" * 100000], ids=repr
)
def test_a_file_that_is_no_whole_object_is_torn(path: str, text: str) -> None:
    Path(path).write_text(text)

    with pytest.raises(files.TornFile, match=r"fact\.json"):
        files.read_json(path)


def test_bytes_that_are_no_text_are_torn(path: str) -> None:
    Path(path).write_bytes(b"\xff\xfe{}")

    with pytest.raises(files.TornFile):
        files.read_json(path)


def test_what_is_not_there_is_said_at_once(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        files.read_json(path)


def test_a_stale_handle_is_tried_again(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS answers ESTALE for an instant while a file is being replaced."""
    files.write_json(path, {"a": 1})
    answers: Iterator[int] = iter([errno.ESTALE, errno.ETXTBSY])
    real = open

    def flaky(*arguments: object, **options: object) -> object:
        number = next(answers, 0)
        if number:
            raise OSError(number, os.strerror(number), path)
        return real(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", flaky)

    assert files.read_json(path) == {"a": 1}


# --- lines ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lines(tmp_path: Path) -> str:
    return str(tmp_path / "lines.jsonl")


def test_appended_lines_are_read_in_order(lines: str) -> None:
    for number in range(5):
        files.append_lines(lines, [{"n": number, "text": "a\nb"}])

    assert [line["n"] for line in files.read_lines(lines)] == [0, 1, 2, 3, 4]
    assert files.read_lines(lines)[0]["text"] == "a\nb"


def test_a_torn_last_line_is_passed_over(lines: str) -> None:
    files.append_lines(lines, [{"n": 1}])
    with open(lines, "a") as file:
        file.write('{"n": 2, "to')

    assert files.read_lines(lines) == [{"n": 1}]


@pytest.mark.parametrize("foreign", ["", "hello", "[1]", "null", "\x00" * 20, "{}}"], ids=repr)
def test_a_foreign_line_hides_no_other(lines: str, foreign: str) -> None:
    Path(lines).write_text(f'{{"n": 1}}\n{foreign}\n{{"n": 2}}\n')

    assert files.read_lines(lines) == [{"n": 1}, {"n": 2}]


def test_no_file_is_no_lines(lines: str) -> None:
    assert files.read_lines(lines) == []


_FULL = """\
import resource, signal, sys
from dask_steward.ledger import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
files.append_lines(sys.argv[1], [{"n": 1}])
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.RLIM_INFINITY))
try:
    files.append_lines(sys.argv[1], [{"n": 2, "pad": "x" * 100}])
except OSError as error:
    sys.stdout.write(str(error.errno))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
files.append_lines(sys.argv[1], [{"n": 3}])
"""


def test_a_line_that_does_not_fit_on_the_disk_leaves_no_half_that_spoils_the_next(lines: str) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL, lines], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr
    assert done.stdout == str(errno.EFBIG)
    assert files.read_lines(lines) == [{"n": 1}, {"n": 3}]


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "somebody's"
    target.write_text("precious")
    link = tmp_path / "holdings.jsonl"
    link.symlink_to(target)

    with pytest.raises(OSError, match="symbolic"):
        files.append_lines(str(link), [{"n": 1}])

    assert target.read_text() == "precious"


def test_a_file_that_cannot_be_replaced_leaves_no_litter(tmp_path: Path) -> None:
    folder = tmp_path / "fact.json"
    folder.mkdir()
    (folder / "inside").write_text("")

    with pytest.raises(OSError, match=r"fact\.json"):
        files.write_json(str(folder), {"a": 1})

    assert os.listdir(tmp_path) == ["fact.json"]


def test_json_is_human_readable(path: str) -> None:
    files.write_json(path, {"a": 1, "b": {"c": "ü"}})

    text = Path(path).read_text()
    assert text.count("\n") > 3
    assert "ü" in text
    assert json.loads(text) == {"a": 1, "b": {"c": "ü"}}
