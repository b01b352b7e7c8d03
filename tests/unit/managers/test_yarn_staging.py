"""Staging folders: found in the driver's log, removed where they are, and nothing but them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from dask_steward.managers.yarn_staging import DRIVER_LOG, Files, places

ID = "application_1795301216924_0001"
NOTHING = {"PATH": "/nowhere"}


def test_the_drivers_log_names_them(tmp_path: Path) -> None:
    (tmp_path / DRIVER_LOG).write_text(
        "26/11/21 23:04:47 INFO skein.Driver: Driver started, listening on 41515\n"
        f"26/11/21 23:04:48 INFO skein.Driver: Uploading application resources to viewfs://fixture/user/ada/.skein/{ID}\n"
        "26/11/21 23:04:48 INFO skein.Driver: Uploading application resources to hdfs://ns/user/root\n"
        "26/11/21 23:04:49 INFO skein.Driver: Submitting application...\n"
    )
    assert places(str(tmp_path)) == {ID: f"viewfs://fixture/user/ada/.skein/{ID}"}
    assert places(str(tmp_path / "none")) == {}


@pytest.mark.parametrize(
    "uri",
    [
        *("file:///etc", "file:///home/x/.skein", f"file:///x/.skein/{ID}/..", f"file:///x/{ID}"),
        *(f"file:///x/.skein/{ID}/../../.skein/{ID}", f"file:///x/.skein/{ID}0"),
    ],
)
def test_what_is_no_staging_folder_is_never_removed(tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    monkeypatch.setattr("shutil.rmtree", removed.append)
    assert Files({}, NOTHING, "me").remove_staging({ID: uri, "job_1": None}) is None
    assert removed == []


def test_a_mounted_folder_is_removed_where_it_is(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "me" / ".skein" / ID).mkdir(parents=True)
    table = "fs.viewfs.mounttable.site"
    properties = {
        "fs.defaultFS": "viewfs://site/",
        f"{table}.link./user": f"file://{tmp_path}/a",
        f"{table}.link./user/me": f"file://{tmp_path}/b/me",
        f"{table}.link./us": "file:///nowhere",
    }
    files = Files(properties, NOTHING, "me")

    assert files.remove_staging({ID: None}) is None

    assert not (tmp_path / "b" / "me" / ".skein" / ID).exists(), "the longest mount point counts"
    assert (tmp_path / "a" / "me" / ".skein" / ID).exists()
    assert files.remove_staging({ID: None}) is None, "what is not there is removed"


class _NameNode(BaseHTTPRequestHandler):
    """WebHDFS as Hadoop documents it; the same was tried once on a real NameNode of 3.3.6, alone and as a service."""

    told: tuple[int, dict[str, Any]] = (200, {"boolean": True})
    asked: list[str] = []  # noqa: RUF012

    def do_DELETE(self) -> None:
        self.asked.append(self.path)
        status, value = self.told
        body = json.dumps(value, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def namenode(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(_NameNode, "asked", [])
    server = HTTPServer(("127.0.0.1", 0), _NameNode)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("service", [False, True])
def test_hdfs_is_asked_by_its_namenodes_web(namenode: str, service: bool) -> None:
    if service:
        # The first one is down.
        properties = {
            "fs.defaultFS": "hdfs://ns",
            "dfs.nameservices": "ns",
            "dfs.ha.namenodes.ns": "a,b",
            "dfs.namenode.http-address.ns.a": "127.0.0.1:1",
            "dfs.namenode.http-address.ns.b": namenode,
        }
    else:
        port = namenode.rpartition(":")[2]
        properties = {"fs.defaultFS": "hdfs://127.0.0.1:8020", "dfs.namenode.http-address": f"0.0.0.0:{port}"}

    assert Files(properties, NOTHING, "me").remove_staging({ID: None}) is None

    path = f"/webhdfs/v1/user/me/.skein/{ID}?op=DELETE&recursive=true&user.name=me"
    assert _NameNode.asked == [path]


def test_a_refusal_is_told_in_hdfs_words(namenode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = {"RemoteException": {"exception": "AccessControlException", "message": "Permission denied: user=me"}}
    monkeypatch.setattr(_NameNode, "told", (403, refused))
    properties = {"fs.defaultFS": "hdfs://127.0.0.1:8020", "dfs.namenode.http-address": namenode}

    why = Files(properties, NOTHING, "me").remove_staging({ID: None})

    assert why is not None
    assert f"hdfs://127.0.0.1:8020/user/me/.skein/{ID} could not be removed" in why
    assert "refuses it: Permission denied: user=me" in why
    assert "no hdfs command" in why


def test_another_file_system_is_asked_by_the_command(tmp_path: Path) -> None:
    program = tmp_path / "hadoop"
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\n')
    program.chmod(0o755)
    files = Files({"fs.defaultFS": "s3a://bucket"}, {"PATH": str(tmp_path)}, "me")

    assert files.remove_staging({ID: None}) is None

    asked = (tmp_path / "asked").read_text().split()
    assert asked == ["fs", "-rm", "-r", "-f", "-skipTrash", f"s3a://bucket/user/me/.skein/{ID}"]
