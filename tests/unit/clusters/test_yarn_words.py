"""What YARN says of applications and containers, in words for a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from dask_steward.clusters import yarn_words
from dask_steward.managers.yarn import Application, Node, Queue

GIB = 2**30

#: What Hadoop 3.3.6 said of a master of 192 MB that ate 600 MB; the list of its processes is left out.
MASTER_KILLED = (
    "Application application_1795313196303_0002 failed 1 times (global limit =2; local limit is =1) due to AM "
    "Container for appattempt_1795313196303_0002_000001 exited with  exitCode: -104\nFailing this attempt.Diagnostics: "
    "[2026-11-22 02:07:34.989]Container [pid=8286,containerID=container_1795313196303_0002_01_000001] is running "
    "84844544B beyond the 'PHYSICAL' memory limit. Current usage: 272.9 MB of 192 MB physical memory used; 3.2 GB of "
    "3.8 GB virtual memory used. Killing container.\nDump of the process-tree for "
    "container_1795313196303_0002_01_000001 :\n\n[2026-11-22 02:07:35.040]Container killed on request. Exit code is "
    "143\n[2026-11-22 02:07:35.040]Container exited with a non-zero exit code 143. \nFor more detailed output, check "
    "the application tracking page: http://rm:8088/cluster/app/application_1795313196303_0002 Then click on links to "
    "logs of each attempt.\n. Failing the application."
)


def application(state: str, diagnostics: str = "", final: str = "UNDEFINED") -> Application:
    return Application("application_1_0001", "dask", "ada", "science", state, final, diagnostics=diagnostics)


@pytest.mark.parametrize(
    ("diagnostics", "words"),
    [
        ("AM container is launched, waiting for AM container to Register with RM", "its master is starting"),
        (
            "Application is added to the scheduler and is not yet activated. Queue's AM resource limit exceeded. "
            " Details : AM Partition = <DEFAULT_PARTITION>; AM Resource Request = <memory:512, vCores:1>",
            "YARN: ACCEPTED, queue science — its queue's share for application masters is used up",
        ),
        (
            "Application is Activated, waiting for resources to be assigned for AM. Details : AM Partition = x",
            "YARN: ACCEPTED, queue science — no node has room for its master yet",
        ),
        ("", "YARN: ACCEPTED, queue science"),
        ("Something new.", "YARN: ACCEPTED, queue science — Something new"),
    ],
)
def test_why_an_application_waits(diagnostics: str, words: str) -> None:
    assert yarn_words.waiting(application("ACCEPTED", diagnostics)) == words


def test_an_application_that_waits_for_another_master() -> None:
    words = yarn_words.waiting(application("ACCEPTED", "AM container is launched"), again=True)

    assert words == "its master was lost, and YARN starts another one: its master is starting"


@pytest.mark.parametrize(
    ("state", "final", "diagnostics", "words"),
    [
        (
            "KILLED",
            "KILLED",
            "Application application_1_0001 was killed by user ada at 10.0.0.1",
            "was killed by user ada",
        ),
        (
            "KILLED",
            "KILLED",
            "killed by ResourceManager as it has exceeded the lifetime period.",
            "nobody had put that off",
        ),
        ("FINISHED", "FAILED", "Application driver failed with exit code 69", "finished as failed: Application driver"),
        ("FINISHED", "SUCCEEDED", "", "finished"),
        (
            "FAILED",
            "FAILED",
            MASTER_KILLED,
            "failed: its master was killed by YARN: it used more memory than it had asked for (272.9 MB of 192 MB)",
        ),
    ],
)
def test_why_an_application_is_over(state: str, final: str, diagnostics: str, words: str) -> None:
    assert words in yarn_words.over(application(state, diagnostics, final))


@pytest.mark.parametrize(("code", "told"), [(69, True), (690, False), (1, False)])
def test_whether_a_master_could_not_call_the_keeper(code: int, told: bool) -> None:
    diagnostics = f"Application driver failed with exit code {code}. See the diagnostics"

    assert yarn_words.cannot_call(application("FINISHED", diagnostics, "FAILED")) is told


@pytest.mark.parametrize(
    ("message", "field", "words", "certain"),
    [
        (
            "Failed to submit application, exception:\norg.apache.hadoop.yarn.exceptions.YarnException: Failed to "
            "submit application_1_1 to YARN : Application application_1_1 submitted by user root to unknown "
            "queue: nope",
            "options.queue",
            "YARN has no queue 'nope'",
            True,
        ),
        ("User ada does not have permission to submit application_1_1 to queue nope", "options.queue", "may not", True),
        (
            "java.net.ConnectException: Call From a to b failed: Connection refused",
            "options.resource_manager",
            "",
            False,
        ),
        (
            "java.io.FileNotFoundException: File file:/e.tar.gz does not exist",
            "options.environment",
            "File file:/e",
            True,
        ),
        (
            "org.apache.hadoop.security.authorize.AuthorizationException: User: ada is not allowed to impersonate bob",
            "options.user",
            "does not let you start applications on behalf of bob",
            True,
        ),
        ("something that nobody has seen", None, "did not take the application", False),
    ],
)
def test_why_a_submit_was_refused(message: str, field: str | None, words: str, certain: bool) -> None:
    found = yarn_words.refusal(RuntimeError(message), "nope")

    assert found.field == field
    assert words in found.sentence
    assert found.certain is certain
    assert "\n" not in found.sentence
    assert "Exception" not in found.sentence


@pytest.mark.parametrize(
    ("state", "message", "words"),
    [
        # What skein 0.8.2 on Hadoop 3.3.6 says of containers that were killed for their memory, and of a lost node's.
        (
            "FAILED",
            "106.6 MB of 64 MB physical memory used",
            "killed by YARN: it used more memory than it had asked for (106.6 MB of 64 MB)",
        ),
        (
            "FAILED",
            "7.5 GB of 1.3 GB virtual memory used",
            "killed by YARN: it used more virtual memory than its site allows (7.5 GB of 1.3 GB)",
        ),
        # Hadoop's own words, of where they are passed on whole.
        (
            "FAILED",
            "Container [pid=1,containerID=container_1_1_01_000004] is running 6675124224B beyond the 'VIRTUAL' memory "
            "limit. Current usage: 11.8 MB of 64 MB physical memory used; 7.5 GB of 1.3 GB virtual memory used. "
            "Killing container.",
            "more virtual memory than its site allows (7.5 GB of 1.3 GB)",
        ),
        (
            "FAILED",
            "Container [pid=1] is running beyond physical memory limits. Current usage: 2.1 GB of 2 GB physical memory "
            "used; 3 GB of 4.2 GB virtual memory used. Killing container.",
            "used more memory than it had asked for (2.1 GB of 2 GB)",
        ),
        ("FAILED", "Container released on a *lost* node", "its node was lost"),
        ("FAILED", "Exception from container-launch. exitCode: 3", "exit status 3"),
        ("FAILED", "Container exited with exitCode: 137", "signal 9"),
        ("FAILED", "Container failed during execution, see logs for more information.", "ended with an error"),
        ("KILLED", "Killed by user request.", "killed: Killed by user request"),
        ("SUCCEEDED", "", "ended by itself"),
    ],
)
def test_why_a_container_is_over(state: str, message: str, words: str) -> None:
    assert words in yarn_words.container_end(state, message)


def node(memory: int, vcores: int, *, used: int = 0, state: str = "RUNNING", labels: tuple[str, ...] = ()) -> Node:
    return Node("n:1", "n", state, None, memory * GIB, vcores, used * GIB, 0, labels)


@pytest.mark.parametrize(
    ("queue", "nodes", "label", "words"),
    [
        (Queue("a", "root.a", used=100.0, maximum=100.0), [node(64, 8)], None, "queue a is full"),
        (Queue("a", "root.a", used=10.0, maximum=100.0), [node(64, 8, used=60)], None, "the emptiest has 4 GiB and 8"),
        (None, [node(64, 1)], None, "no node has 8 GiB and 2 vcores free"),
        (None, [node(64, 8, state="LOST")], None, "no node that works"),
        (None, [node(64, 8)], "gpu", "no node that works has the label gpu"),
        (None, [node(64, 8, labels=("gpu",))], "gpu", None),
        (Queue("a", "root.a"), [node(64, 8)], None, None),
    ],
)
def test_why_there_is_no_room(queue: Queue | None, nodes: list[Node], label: str | None, words: str | None) -> None:
    found = yarn_words.no_room(queue, nodes, 8 * GIB, 2, label)

    assert (found is None) if words is None else (found is not None and words in found)


def test_what_a_container_said_itself(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("a worker\ndask-steward: the worker was ended by signal 9\nmore\n")

    assert yarn_words.own_words(str(log)) == "the worker was ended by signal 9"
    assert yarn_words.own_words(str(tmp_path / "none")) is None
