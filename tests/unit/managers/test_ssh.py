"""Hosts over ssh: what is asked, what an answer means, and what a silent host means."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dask_steward import managers
from dask_steward.managers import ssh_words
from dask_steward.managers.base import JobState, Unknown
from dask_steward.managers.ssh import FOLDER, MARK, Host, Ssh, environment_of, hosts_of, parse_list
from tests.support.private_sshd import PrivateSshd

# -- pure --


def test_options_become_arguments_of_ssh() -> None:
    options = {
        "hosts": ["n1", "ada@n2"],
        "connect_options": {
            "username": "ada",
            "port": 2222,
            "client_keys": ["/k/one", "/k/two"],
            "known_hosts": "none",
            "tunnel": "gate",
            "connect_timeout": 3.0,
        },
    }
    first, second = hosts_of(options)
    assert (first.name, second.name) == ("n1", "ada@n2")
    words = " ".join(first.options)
    assert words.startswith("-l ada -p 2222 -J gate -i /k/one -i /k/two -o IdentitiesOnly=yes")
    assert "StrictHostKeyChecking=no" in words
    assert "ConnectTimeout=3" in words
    assert first.options == second.options


def test_each_host_may_be_reached_in_its_own_way() -> None:
    options = {"hosts": ["n1", "n2"], "connect_options": [{"username": "ada"}, {"port": 2222}]}
    first, second = hosts_of(options)
    assert (first.options[:2], second.options[:2]) == (("-l", "ada"), ("-p", "2222"))
    assert Ssh(environment_of({"options": options})).hosts == (first, second)


def test_without_options_ssh_has_its_own_way() -> None:
    (host,) = hosts_of({"hosts": ["n1"]})
    assert not {"-l", "-p", "-i", "-F"} & set(host.options)
    assert "StrictHostKeyChecking" not in " ".join(host.options)


def test_a_name_is_never_taken_for_an_option() -> None:
    arguments = Ssh().arguments(Host("-oProxyCommand=rm"))
    assert arguments[-3:] == ["--", "-oProxyCommand=rm", "exec /bin/sh -s"]


def test_another_process_asks_the_same_hosts() -> None:
    environment = environment_of({"options": {"hosts": ["n1", "n2", "n1"], "connect_options": {"port": 2222}}})
    manager = managers.get("ssh", environment)
    assert isinstance(manager, Ssh)
    assert [host.name for host in manager.hosts] == ["n1", "n2"]
    assert Ssh(manager.remembered()).hosts == manager.hosts


def test_where_the_hosts_are_not_known_nothing_is_known() -> None:
    assert isinstance(Ssh({}).jobs(), Unknown)
    assert isinstance(Ssh({}).find_by_tag(["dask-steward-a"]), Unknown)
    assert Ssh(environment_of({"options": {"hosts": []}})).jobs() == ()


ANSWER = f"""\
steward-begin
/proc/7/environ:{MARK}=dask-steward-a j1 7 900 1700000000 n1
/proc/9/environ:{MARK}=dask-steward-a j1 7 900 1700000000 n1
/proc/11/environ:{MARK}=dask-steward-b j2 11 901 1700000001 n1
/proc/12/environ:{MARK}=dask-steward-b j3 12 902 1700000001 alias-of-n1
/proc/13/environ:{MARK}=what somebody else has put there
steward-end
"""


def test_processes_of_one_job_are_one_job() -> None:
    found = parse_list("n1", ANSWER)
    assert not isinstance(found, Unknown)
    assert [(one.id, one.name, one.comment, one.state, one.node) for one in found] == [
        ("n1:7:900", "dask-steward-a", "dask-steward-a:j1", JobState.RUNNING, "n1"),
        ("n1:11:901", "dask-steward-b", "dask-steward-b:j2", JobState.RUNNING, "n1"),
    ]
    assert found[0].started == 1700000000.0


@pytest.mark.parametrize("cut", range(0, len(ANSWER) - 1, 7))
def test_an_answer_that_is_cut_off_is_none(cut: int) -> None:
    assert isinstance(parse_list("n1", ANSWER[:cut]), Unknown)


def test_ids_and_tags_of_others_are_refused() -> None:
    manager = Ssh(environment_of({"options": {"hosts": ["n1"]}}))
    for wrong in ("12", "n1:1", "n1:1:2; rm -rf /", "n1:$(id):2"):
        with pytest.raises(ValueError, match="not a process on a host"):
            manager.cancel([wrong])
    for wrong in ("", "a b", ".*", "a'"):
        with pytest.raises(ValueError, match="not a tag"):
            manager.cancel_tag(wrong)


@pytest.mark.parametrize(
    ("said", "words", "again"),
    [
        ("ssh: Could not resolve hostname n1: Name or service not known", "its name is not known", False),
        ("ssh: connect to host n1 port 22: Connection refused", "nobody listens on its ssh port", True),
        ("ssh: connect to host n1 port 22: Connection timed out", "it does not answer", True),
        ("ada@n1: Permission denied (publickey).", "it refuses this user or key", False),
        ("Host key verification failed.", "its host key is not known", False),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "has changed", False),
        ("kex_exchange_identification: read: Connection reset by peer", "ends the connection", True),
        ("", "exit status 255 without a word", True),
    ],
)
def test_what_ssh_says_is_a_sentence_with_a_way_out(said: str, words: str, again: bool) -> None:
    what, way, later = ssh_words.sentence("n1", said, 255, 10.0)
    assert what.startswith("host n1: ")
    assert words in what
    assert "\n" not in what + way
    assert way.endswith(".")
    assert later is again


# -- on a real sshd --


@pytest.fixture
def manager(sshd: PrivateSshd) -> Ssh:
    """Two names of this machine."""
    hosts = ["127.0.0.1", "127.0.0.2"]
    return Ssh(environment_of({"options": {"hosts": hosts, "connect_options": sshd.connect_options}}))


@pytest.fixture
def marked() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes as a cluster's job leaves them on 127.0.0.1: its leader, what that has started, and a stranger."""
    made: list[subprocess.Popen[bytes]] = []
    marks = ["dask-steward-unit j1 {0} {1} 1700000000 127.0.0.1", "dask-steward-unit0 j1 {0} {1} 1700000000 127.0.0.1"]
    program = (
        "import os, subprocess, sys; start = open('/proc/self/stat').read().rpartition(')')[2].split()[19]; "
        f"os.environ[{MARK!r}] = sys.argv[1].format(os.getpid(), start); "
        "os.execvpe('sh', ['sh', '-c', 'trap \"\" TERM; sleep 300 & wait; wait'], os.environ)"
    )
    for mark in marks:
        made.append(subprocess.Popen(["python3", "-c", program, mark], start_new_session=True))
    deadline = time.monotonic() + 30.0
    while not all(MARK.encode() in Path(f"/proc/{one.pid}/environ").read_bytes() for one in made):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield made
    for one in made:
        if one.poll() is None:
            os.killpg(one.pid, 9)
            one.wait()


@pytest.mark.requires("sshd")
def test_a_job_is_found_and_ended_and_nobody_else(manager: Ssh, marked: list[subprocess.Popen[bytes]]) -> None:
    found = manager.find_by_tag(["dask-steward-unit", "dask-steward-none"])
    assert not isinstance(found, Unknown)
    (job,) = found["dask-steward-unit"]
    assert job.id.startswith(f"127.0.0.1:{marked[0].pid}:")
    assert found["dask-steward-none"] == ()
    # Another start time is another process, whatever its number.
    host, pid, start = job.id.split(":")
    assert manager.cancel([f"{host}:{pid}:{int(start) + 1}"]) is None
    assert marked[0].poll() is None
    assert manager.cancel([job.id]) is None
    assert marked[0].wait(5) == -9
    assert marked[1].poll() is None
    found = manager.find_by_tag(["dask-steward-unit"])
    assert found == {"dask-steward-unit": ()}


@pytest.mark.requires("sshd")
def test_a_tag_ends_all_of_it(manager: Ssh, marked: list[subprocess.Popen[bytes]]) -> None:
    assert manager.cancel_tag("dask-steward-unit") is None
    assert marked[0].wait(5) == -9
    assert marked[1].poll() is None


@pytest.mark.requires("sshd")
def test_one_host_of_two_that_is_away(sshd: PrivateSshd, marked: list[subprocess.Popen[bytes]]) -> None:
    """It makes the answer unknown, and what the other one said is known all the same."""
    profile = {"options": {"hosts": ["127.0.0.1", "no-such.invalid"], "connect_options": sshd.connect_options}}
    answer = Ssh(environment_of(profile)).jobs()
    assert isinstance(answer, Unknown)
    assert "no-such.invalid: its name is not known" in answer.reason
    assert {one.name for one in answer.known} == {"dask-steward-unit", "dask-steward-unit0"}


def test_the_names_of_variables_differ() -> None:
    """The one is looked for by its beginning."""
    assert not FOLDER.startswith(f"{MARK}=")
