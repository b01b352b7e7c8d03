"""Profiles of hosts over ssh, and of schedulers of somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dask_steward.errors import ProfileError
from dask_steward.profiles import Layer, ProfileStore


def problems(tmp_path: Path, text: str) -> str:
    """Return what is wrong with a profile, all of it."""
    (tmp_path / "mine.yaml").write_text(text)
    store = ProfileStore([Layer(tmp_path, "user")])
    try:
        store.resolve("mine").expanded({"HOME": "/home/ada"})
    except ProfileError as error:
        return "\n".join(str(problem) for problem in error.problems)
    return ""


@pytest.mark.parametrize(
    "text",
    [
        "system: address\noptions: {address: 'tcp://localhost:8786'}",
        "system: address\noptions: {address: 'tls://[::1]:8786', tls: {ca: a, cert: b, key: c}}",
        "system: address\noptions: {address: 'node1:8786'}",
        "system: address\noptions: {scheduler_file: $HOME/scheduler.json}",
        "system: ssh\noptions: {hosts: node1}",
        "system: ssh\noptions: {hosts: [node1, ada@node2, 10.0.0.1, 'fe80::1'], remote_python: [a, b, c, d]}",
        "system: ssh\nscale: {jobs: 2}\noptions: {hosts: [node1, node2], worker_options: {n_workers: 4}}",
        "system: ssh\noptions: {hosts: [n], connect_options: {username: ada, client_keys: a, known_hosts: none}}",
        "system: ssh\noptions: {hosts: [n, m], connect_options: [{username: ada}, {port: 2222, client_keys: k}]}",
        "system: ssh\noptions: {hosts: [n, n], connect_options: [{port: 2222}, {port: 2222}]}",
    ],
)
def test_what_is_right(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("system: address\noptions: {address: localhost}", "options.address = localhost: must be an address such as"),
        ("system: address\noptions: {address: 'tcp://h:99999'}", "must end with a port from 1 to 65535"),
        ("system: address\noptions: {address: 'h:1', scheduler_file: f}", "contradicts options.address"),
        (
            "system: address\noptions: {scheduler_file: f, application: application_1_0001}",
            "contradicts options.scheduler_file",
        ),
        ("system: address\noptions: {application: application_1}", "must be the id of an application of YARN"),
        ("system: address\noptions: {address: 'h:1', tls: {cert: c}}", "needs options.tls.key beside it"),
        ("system: address\nscale: {workers: 2}", "scale"),
        ("system: address\nadapt: {maximum: 2}", "decided by whoever started this scheduler"),
        ("system: address\nenvironment: {A: 1}", "decided by whoever started this scheduler"),
        ("system: ssh\noptions: {hosts: ['-oProxyCommand=x']}", "must be the name or address of a host"),
        ("system: ssh\noptions: {hosts: [a b]}", "must be the name or address of a host"),
        ("system: ssh\noptions: {hosts: [a], remote_python: [x, y]}", "has 2 for 1 hosts"),
        ("system: ssh\nscale: {jobs: 3}\noptions: {hosts: [a, b]}", "is more than options.hosts has, 2"),
        ("system: ssh\noptions: {hosts: [a], connect_options: {password: x}}", "nobody is there to type it"),
        ("system: ssh\noptions: {hosts: [a], connect_options: [{password: x}]}", "nobody is there to type it"),
        ("system: ssh\noptions: {hosts: [a, b], connect_options: [{port: 1}]}", "has 1 for 2 hosts; give one for all"),
        ("system: ssh\noptions: {hosts: [a], connect_options: [{port: x}]}", "options.connect_options[0].port = x"),
        (
            "system: ssh\noptions: {hosts: [a], connect_options: [{usrname: x}]}",
            "did you mean options.connect_options.",
        ),
        ("system: ssh\noptions: {hosts: [a], connect_options: {prot: 1}}", "did you mean options.connect_options.port"),
        ("system: ssh\noptions: {hosts: [a], connect_options: 7}", "options.connect_options = 7: must be a mapping"),
        ("system: ssh\noptions: {hosts: [a, a], connect_options: [{port: 1}, {port: 2}]}", "a name of its own"),
        ("system: ssh\noptions: {hosts: [a], worker_options: {name: x}}", "Steward names the workers"),
        ("system: ssh\noptions: {hosts: [a], nprocs: 2}", "worker_options: {n_workers: N}"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, text: str, words: str) -> None:
    assert words in problems(tmp_path, text)
