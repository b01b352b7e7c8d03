"""Logs that YARN has gathered: asked for once they are wanted, in a limited time, and what is missing is said."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dask_steward.control import gathered_logs, log_parts
from dask_steward.control.logs import read_logs
from dask_steward.managers import yarn_logs
from dask_steward.managers.base import Unknown

APPLICATION = "application_1795312792011_0001"
CONTAINER = "container_e17_1795312792011_0001_01_000002"

#: What ``yarn logs`` of Hadoop 3.3.6 writes; of what starts a container only the beginning.
GATHERED = f"""\
Container: {CONTAINER} on localhost_27793
LogAggregationType: AGGREGATED
====================================================================
LogType:dask.worker.log
LogLastModifiedTime:Sun Nov 22 02:01:16 +0000 2026
LogLength:24
LogContents:
wörld
LogContents:
the end

End of LogType:dask.worker.log
**********************************************************************

Container: {CONTAINER} on localhost_27793
LogAggregationType: AGGREGATED
====================================================================
LogType:launch_container.sh
LogLastModifiedTime:Sun Nov 22 02:01:16 +0000 2026
LogLength:3859
LogContents:
#!/bin/bash

End of LogType:launch_container.sh
************************************************************************************

Container: container_e17_1795312792011_0001_01_000001 on localhost_27793
LogAggregationType: AGGREGATED
====================================================================
LogType:application.driver.log
LogLastModifiedTime:Sun Nov 22 02:01:16 +0000 2026
LogLength:0
LogContents:
no line end
End of LogType:application.driver.log
***************************************************************************************

"""

#: What it said of an application whose logs were not there (status 255).
NOTHING = f"""\
File file:/agg/root/logs-tfile/{APPLICATION} does not exist

Can not find any log file matching the pattern: [ALL] for the application: {APPLICATION}
Can not find the logs for the application: {APPLICATION} with the appOwner: root
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The entry of a cluster on YARN that has ended, whose keeper was killed: it brought no log."""
    entry = tmp_path / "state" / "dask-steward" / "clusters" / "abcdefghij"
    (entry / "logs").mkdir(parents=True)
    profile = {"system": "yarn", "options": {"resource_manager": ["127.0.0.1:1"]}}
    request = {"format": 1, "id": "abcdefghij", "name": "one", "profile": profile, "created": time.time()}
    (entry / "request.json").write_text(json.dumps(request))
    end = {"format": 1, "state": "failed", "reason": "its keeper died", "by": "guard", "at": time.time()}
    (entry / "end.json").write_text(json.dumps(end))
    line = {"at": 1.0, "kind": "application", "key": "application", "step": "released", "id": APPLICATION}
    (entry / "holdings.jsonl").write_text(json.dumps(line) + "\n")
    (entry / "keeper.log").write_text("began\n")
    monkeypatch.setenv("DASK_STEWARD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(gathered_logs, "_answers", {})
    return entry


def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a stand-in for ``yarn`` on the PATH: it says what the real one said; return where it writes its arguments."""
    path = tmp_path / "bin" / "yarn"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{script}\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    return tmp_path / "asked"


def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on: bool, more: Mapping[str, str] | None = None) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    said = {"yarn.log-aggregation-enable": "true" if on else "false", **(more or {})}
    lines = [f"<property><name>{name}</name><value>{value}</value></property>" for name, value in said.items()]
    (conf / "yarn-site.xml").write_text(f"<configuration>{''.join(lines)}</configuration>")
    monkeypatch.setenv("YARN_CONF_DIR", str(conf))


def test_logs_that_nobody_brought_are_brought_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, monkeypatch, on=True)
    (tmp_path / "said").write_text(GATHERED)
    asked = command(tmp_path, monkeypatch, f"cat {tmp_path}/said")
    (folder / "logs" / f"{CONTAINER}.log").write_text("wör")  # as far as it was when the keeper died

    found = read_logs(str(folder), job=None, keeper=False, tail=9)

    assert found == {"keeper": "began\n", CONTAINER: "wörld\nLogContents:\nthe end\n", APPLICATION: "no line end\n"}
    again = log_parts.logs_of("abcdefghij")
    assert ({one.name for one in again.logs}, again.missing) == ({"keeper", CONTAINER, APPLICATION}, None)
    assert log_parts.part_of("abcdefghij", CONTAINER, 6, 100).text == "\nLogContents:\nthe end\n"
    assert asked.read_text() == f"logs -applicationId {APPLICATION} -size -4000000\n"


@pytest.mark.parametrize(
    ("script", "on", "words"),
    [
        ("exit 1", False, "its log aggregation is off"),
        (f"cat >&2 <<.\n{NOTHING}.\nexit 255", True, "or has not gathered them yet; ask again in a moment"),
        ("exec sleep 60", True, "yarn logs gave no answer within 0.5 s"),
        ("echo 'Call From a to b failed: Connection refused' >&2; exit 1", True, "Connection refused"),
        ("rm $0; exit 1", True, "(status 1): it says nothing"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, on: bool, words: str
) -> None:
    configure(tmp_path, monkeypatch, on)
    monkeypatch.setattr(gathered_logs, "LIMIT", 0.5)
    asked = command(tmp_path, monkeypatch, script)

    found = read_logs(str(folder), job=None, keeper=False, tail=9)

    assert words in found[APPLICATION]
    assert "\n" not in found[APPLICATION]
    assert words in read_logs(str(folder), job=CONTAINER, keeper=False, tail=9)[APPLICATION]
    assert words in str(log_parts.logs_of("abcdefghij").missing)
    with pytest.raises(log_parts.NoSuchLog) as caught:
        log_parts.part_of("abcdefghij", CONTAINER, None, 100)
    assert words in str(caught.value)
    # Each question would cost a Java process.
    assert asked.exists() is on
    assert not on or asked.read_text().count("\n") == 1
    assert read_logs(str(folder), job=None, keeper=True, tail=9) == {"keeper": "began\n"}


#: What the timeline's server of Hadoop 3.3.6 answers: which logs there are of a container, and one of them.
LISTED = (
    '[{"containerLogInfo":[{"fileName":"dask.worker.log","fileSize":"3","lastModifiedTime":"Sun Nov 22 02:40:04 +0000 '
    '2026"},{"fileName":"directory.info","fileSize":"1383","lastModifiedTime":"Sun Nov 22 02:40:04 +0000 2026"}],'
    '"logAggregationType":"AGGREGATED","containerId":"%s","nodeId":"localhost_19366"}]'
)
SHOWN = (
    "Container: %s on localhost_19366\nLogAggregationType: AGGREGATED\n"
    "====================================================================\nLogType:dask.worker.log\n"
    "LogLastModifiedTime:Sun Nov 22 02:40:04 +0000 2026\nLogLength:3\nLogContents:\nhi\n\n"
    "End of LogType:dask.worker.log\n************************\n\n"
)


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """Where the timeline's server is, and what it was asked for; it has the logs of two containers."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            path = self.path.partition("?")[0]
            id = path.split("/")[5]
            known = id.rpartition("_")[2] in ("000002", "000005")
            text = SHOWN % id if path.endswith("dask.worker.log") else LISTED % id
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(text.encode() if known else b"")

        def log_message(self, *given: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}/ws/v1/applicationhistory", asked
    made.shutdown()
    made.server_close()
    thread.join()


def test_where_there_is_no_command_the_sites_server_shows_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: tuple[str, list[str]]
) -> None:
    base, asked = server
    configure(tmp_path, monkeypatch, on=True, more={"yarn.log.server.web-service.url": base})
    monkeypatch.setenv("PATH", str(tmp_path / "none"))

    found = read_logs(str(folder), job=None, keeper=False, tail=9)

    first = "container_1795312792011_0001_01_"
    assert found == {"keeper": "began\n", f"{first}000002": "hi\n", f"{first}000005": "hi\n"}
    assert any("000002/logs/dask.worker.log?user.name=" in path and "size=-4000000" in path for path in asked)
    assert len(asked) == 2 + 5 + yarn_logs.GAP
    assert gathered_logs.bring_to(str(folder)) == {}


def test_a_server_that_knows_nothing_or_is_not_there(server: tuple[str, list[str]]) -> None:
    base, asked = server
    nothing = yarn_logs.served("container_e17_1_0001_01_000001", f"{base}/x", "ada", timeout=5)
    assert nothing is None
    assert "/x/containers/container_e17_1_0001_01_000001/logs?user.name=ada" in asked[0]
    late = yarn_logs.served(CONTAINER, base, "ada", timeout=0)
    away = yarn_logs.served(CONTAINER, "http://127.0.0.1:1/ws", "ada", timeout=5)
    assert isinstance(late, Unknown)
    assert isinstance(away, Unknown)
    assert "took too long" in late.reason
    assert "http://127.0.0.1:1/ws cannot be asked: " in away.reason


def test_only_ended_clusters_of_yarn_are_asked_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = command(tmp_path, monkeypatch, "exit 1")
    (folder / "logs.whole").touch()
    assert gathered_logs.bring_to(str(folder)) == {}
    (folder / "logs.whole").unlink()
    end = (folder / "end.json").read_text()
    (folder / "end.json").unlink()
    assert gathered_logs.bring_to(str(folder)) == {}, "its keeper brings them"
    (folder / "end.json").write_text(end)
    (folder / "keeper.log").unlink()
    (folder / "logs").rmdir()
    assert gathered_logs.bring_to(str(folder)) == {}, "they were kept for as long as was asked for"
    assert not asked.exists()


def test_an_older_yarn_and_another_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "said").write_text(GATHERED)
    refuses = 'case "$*" in *-size*) echo "options parsing failed: Unrecognized option: -size" >&2; exit 1;; esac'
    asked = command(tmp_path, monkeypatch, f"{refuses}\ncat {tmp_path}/said")

    found = yarn_logs.gathered(APPLICATION, {}, owner="ada", containers=1000, timeout=5)

    assert isinstance(found, dict)
    assert set(found) == {CONTAINER, CONTAINER.replace("000002", "000001")}
    first, second = asked.read_text().splitlines()
    assert first == f"logs -applicationId {APPLICATION} -appOwner ada -size -64000"
    assert second == f"logs -applicationId {APPLICATION} -appOwner ada"
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    none = yarn_logs.gathered(APPLICATION, {}, timeout=5)
    assert isinstance(none, Unknown)
    assert "no command yarn" in none.reason
