"""Logs over REST: ranges of bytes, the end, one that is followed; of living clusters and of ended ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import dask_steward as ds
from dask_steward.ledger import paths
from tests.server.conftest import started, stop_all, until, until_ready

pytestmark = pytest.mark.timeout(300)  # a server and a cluster come up meanwhile


@pytest.fixture(scope="module")
def cluster(server: Any) -> Iterator[str]:
    """The id of a living cluster."""
    with server.client() as api:
        id = started(api)["id"]
        until_ready(api, id)
        yield id
    stop_all()


def folder(id: str) -> Path:
    return Path(paths.clusters_dir()) / id


@pytest.fixture
def job_log(cluster: str) -> Iterator[Path]:
    """A log as a job would write it: the local cluster of these tests has none of its own."""
    logs = folder(cluster) / "logs"
    logs.mkdir(exist_ok=True)
    file = logs / "4711.log"
    file.write_text("")
    yield file
    file.unlink()


def part(api: httpx.Client, id: str, name: str, **query: Any) -> dict[str, Any]:
    answer = api.get(f"clusters/{id}/logs", params={"name": name, **query})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_all_logs_are_listed(api: httpx.Client, cluster: str, job_log: Path) -> None:
    for number in ("9", "10"):
        (job_log.parent / f"{number}.log").write_text("x\n")
    os.mkfifo(job_log.parent / "pipe.log")
    logs = api.get(f"clusters/{cluster}/logs").json()["logs"]
    assert [log["name"] for log in logs] == ["keeper", "job 9", "job 10", "job 4711", "worker w0"]
    assert [log["kind"] for log in logs] == ["keeper", "job", "job", "job", "worker"]
    assert logs[0]["size"] == (folder(cluster) / "keeper.log").stat().st_size
    assert logs[-1]["size"] is None
    assert api.get(f"clusters/{cluster}/logs", params={"name": "job pipe"}).status_code == 404
    for name in ("9.log", "10.log", "pipe.log"):
        (job_log.parent / name).unlink()


def test_ranges_join_to_the_whole_at_any_border(api: httpx.Client, cluster: str, job_log: Path) -> None:
    text = "".join(f"{number}: naïve 😀 €\n" for number in range(60))
    job_log.write_text(text)
    for limit in (301, 4096):
        found, offset, size = "", 0, len(text.encode())
        while offset < size:
            one = part(api, cluster, "job 4711", offset=offset, limit=limit)
            assert one["offset"] == offset
            assert offset < one["next"] <= offset + limit  # no part cuts a character
            assert one["size"] == size
            found, offset = found + one["text"], one["next"]
        assert found == text
    assert part(api, cluster, "job 4711", offset=size)["text"] == ""
    assert part(api, cluster, "job 4711", offset=size + 100)["offset"] == size


def test_without_an_offset_the_end_is_sent(api: httpx.Client, cluster: str, job_log: Path) -> None:
    lines = [f"line {number}\n" for number in range(1000)]
    job_log.write_text("".join(lines))
    end = part(api, cluster, "job 4711", limit=100)
    assert end["next"] == end["size"] == job_log.stat().st_size
    assert "".join(lines).endswith(end["text"])
    assert end["text"].startswith("line ")  # from the beginning of a line
    assert 50 < len(end["text"]) <= 100


def test_a_worker_tells_its_own_log(api: httpx.Client, cluster: str) -> None:
    one = part(api, cluster, "worker w0")
    assert "Start worker at" in one["text"]
    assert one["next"] == one["size"]


@pytest.mark.parametrize(
    "name", ["../entry.json", "keeper/../../x", "job ../4711", "job 4712", "worker nobody", "/etc/passwd"]
)
def test_other_names_are_no_logs(api: httpx.Client, cluster: str, name: str) -> None:
    answer = api.get(f"clusters/{cluster}/logs", params={"name": name})
    assert answer.status_code == 404
    assert answer.json()["error"] == "log-not-found"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"name": "keeper", "offset": "-1"}, "offset"),
        ({"name": "keeper", "limit": "0"}, "limit"),
        ({"name": "keeper", "limit": "99999999"}, "limit"),
        ({"name": "keeper", "follow": "perhaps"}, "follow"),
        ({"follow": "1"}, "name"),
        ({"offset": "1"}, "name"),
    ],
)
def test_a_wrong_query_is_told_at_its_field(api: httpx.Client, cluster: str, query: dict[str, str], field: str) -> None:
    answer = api.get(f"clusters/{cluster}/logs", params=query)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_no_cluster_no_logs(api: httpx.Client) -> None:
    assert api.get("clusters/aaaaaaaaaa/logs").status_code == 404
    assert api.get("clusters/..%2F..%2Fetc/logs").status_code == 404


def follow(api: httpx.Client, id: str, name: str, **query: Any) -> Iterator[dict[str, Any] | str]:
    """Yield the parts of a stream, and the name of an event that is none."""
    params = {"name": name, "follow": "1", **query}
    with api.stream("GET", f"clusters/{id}/logs", params=params) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        event = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield event or json.loads(line.removeprefix("data: "))
                event = ""


def test_a_log_is_followed_as_it_grows(api: httpx.Client, cluster: str, job_log: Path) -> None:
    job_log.write_text("one\n")
    parts = follow(api, cluster, "job 4711", offset=0)
    assert next(parts)["text"] == "one\n"  # type: ignore[index]
    with open(job_log, "a") as file:
        file.write("two\n")
    began = time.monotonic()
    found = next(parts)
    assert found == {"name": "job 4711", "offset": 4, "next": 8, "size": 8, "text": "two\n"}
    assert time.monotonic() - began < 5
    job_log.write_text("anew\n")  # somebody has cut it off
    assert next(parts)["text"] == "anew\n"  # type: ignore[index]


def test_following_holds_up_nobody_else(server: Any, cluster: str, job_log: Path) -> None:
    job_log.write_text("x\n")
    clients = [server.client() for _ in range(12)]
    streams = [follow(client, cluster, "job 4711", offset=0) for client in clients]
    for stream in streams:
        assert next(stream)["text"] == "x\n"  # type: ignore[index]
    took = []
    for _ in range(20):
        began = time.monotonic()
        assert server.http.get(f"{server.url}api/status").status_code == 200
        took.append(time.monotonic() - began)
    assert sorted(took)[10] < 0.5
    for stream in streams:
        stream.close()  # type: ignore[attr-defined]
    for client in clients:
        client.close()


def test_a_stream_ends_with_its_cluster_and_logs_stay(api: httpx.Client) -> None:
    id = started(api)["id"]
    until_ready(api, id)
    parts = follow(api, id, "keeper", offset=0)
    text = next(parts)["text"]  # type: ignore[index]
    ds.get(id).close()
    for one in parts:
        if one == "end":
            break
        text += one["text"]  # type: ignore[index]
    else:
        pytest.fail("the stream did not say that the cluster has ended")
    until(api, id, lambda card: card["state"] == "stopped")
    assert text == (folder(id) / "keeper.log").read_text()
    assert [log["name"] for log in api.get(f"clusters/{id}/logs").json()["logs"]] == ["keeper"]
    assert part(api, id, "keeper", offset=0, limit=1_000_000)["text"] == text
    assert list(follow(api, id, "keeper", offset=len(text.encode()))) == ["end"]
