"""Wrong values of a profile of hosts over ssh: one sentence that names the field, soon, and nothing is left."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import dask_steward as ds
from tests.faults.stage import Stage, wait_until
from tests.support.private_sshd import PrivateSshd

pytestmark = pytest.mark.requires("sshd")

SOON = 15.0
"""Seconds within which a person must know what is wrong."""

PROFILE = """\
system: ssh
options:
  hosts: {hosts}
  connect_options: {connect}
  remote_python: {python}
  worker_options: {{nthreads: 1, memory_limit: 400 MB}}
  scheduler_options: {{host: 127.0.0.1}}
dashboard: "off"
"""


def refused(
    stage: Stage,
    sshd: PrivateSshd,
    *,
    hosts: list[str] | None = None,
    python: str = sys.executable,
    **connect: Any,
) -> str:
    """Start a cluster that cannot start; return the sentence."""
    text = PROFILE.format(
        hosts=json.dumps(hosts or ["127.0.0.1"]),
        connect=json.dumps({**sshd.connect_options, **connect}),
        python=json.dumps(python),
    )
    stage.profile("wrong", text)
    began = time.monotonic()
    with pytest.raises(ds.StartFailed) as caught:
        ds.start("wrong")
    assert time.monotonic() - began < SOON
    assert sshd.processes() == []
    assert ds.held() == []
    assert ds.clusters() == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_host_without_a_name(stage: Stage, sshd: PrivateSshd) -> None:
    said = refused(stage, sshd, hosts=["no-such-host.invalid"])
    assert "options.hosts: host no-such-host.invalid: its name is not known" in said
    assert "Correct options.hosts" in said


def test_a_closed_port(stage: Stage, sshd: PrivateSshd) -> None:
    said = refused(stage, sshd, port=1)
    assert "options.hosts: host 127.0.0.1: nobody listens on its ssh port" in said
    assert "options.connect_options.port" in said


def test_a_key_that_is_refused(stage: Stage, sshd: PrivateSshd, tmp_path: Path) -> None:
    sshd.make_key(tmp_path / "other")
    said = refused(stage, sshd, client_keys=[str(tmp_path / "other")])
    assert "options.hosts: host 127.0.0.1: it refuses this user or key" in said
    assert "client_keys" in said


def test_a_key_that_is_not_there(stage: Stage, sshd: PrivateSshd, tmp_path: Path) -> None:
    said = refused(stage, sshd, client_keys=[str(tmp_path / "nothing")])
    assert "host 127.0.0.1" in said
    assert "client_keys" in said


def test_a_host_key_that_has_changed(stage: Stage, sshd: PrivateSshd, tmp_path: Path) -> None:
    sshd.make_key(tmp_path / "another")
    public = (tmp_path / "another.pub").read_text().split()[:2]
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{sshd.port} {' '.join(public)}\n")
    said = refused(stage, sshd, known_hosts=str(known))
    assert "options.hosts: host 127.0.0.1: its host key has changed" in said
    assert "ssh-keygen -R" in said


def test_a_host_key_that_is_not_known(stage: Stage, sshd: PrivateSshd, tmp_path: Path) -> None:
    said = refused(stage, sshd, known_hosts=str(tmp_path / "none-yet"))
    assert "options.hosts: host 127.0.0.1: its host key is not known" in said
    assert "known_hosts" in said


def test_a_python_that_is_not_there(stage: Stage, sshd: PrivateSshd) -> None:
    said = refused(stage, sshd, python="/no/such/python")
    assert "options.remote_python: /no/such/python on host 127.0.0.1 cannot be run" in said
    assert "not found" in said


def test_a_python_without_dask(stage: Stage, sshd: PrivateSshd, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    said = refused(stage, sshd, python=str(folder / "bin" / "python"))
    assert f"options.remote_python: {folder}/bin/python on host 127.0.0.1 has no distributed" in said
    assert "Install" in said


def test_a_python_with_another_dask(stage: Stage, sshd: PrivateSshd, tmp_path: Path) -> None:
    """What its packages say of themselves is enough: nothing of them is imported before it is known to fit."""
    folder = tmp_path / "old"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    packages = next((folder / "lib").glob("python*/site-packages"))
    for name in ("distributed", "dask"):
        (packages / f"{name}-2022.1.0.dist-info").mkdir()
        (packages / f"{name}-2022.1.0.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: 2022.1.0\n")
    said = refused(stage, sshd, python=str(folder / "bin" / "python"))
    assert "has distributed 2022.1.0, dask 2022.1.0, and this cluster" in said
    assert "options.remote_python" in said


def test_one_host_of_two_is_wrong(stage: Stage, sshd: PrivateSshd) -> None:
    """Where another host works the cluster runs, and a warning names the one that does not."""
    text = PROFILE.format(
        hosts=json.dumps(["127.0.0.1", "no-such-host.invalid"]),
        connect=json.dumps(sshd.connect_options),
        python=json.dumps(sys.executable),
    )
    stage.profile("half", text)
    with ds.start("half") as cluster:
        state = cluster.state
        assert (state["workers"]["asked"], state["workers"]["running"]) == (2, 1)
        words = "host no-such-host.invalid: its name is not known"
        wait_until("the reason is told", lambda: words in str(cluster.state["reason"]))
        assert any("no-such-host.invalid" in one for one in state["warnings"])
    assert cluster.state["state"] == "stopped"
    assert sshd.processes() == []


def test_more_jobs_than_hosts(stage: Stage, sshd: PrivateSshd) -> None:
    text = PROFILE.format(
        hosts=json.dumps(["127.0.0.1"]),
        connect=json.dumps(sshd.connect_options),
        python=json.dumps(sys.executable),
    )
    stage.profile("one", text)
    with pytest.raises(ds.StewardError, match=r"3 jobs are more than the 1 of options\.hosts"):
        ds.start("one", jobs=3)
    assert ds.held() == []
    with (
        ds.start("one") as cluster,
        pytest.raises(ds.UsageError, match=r"2 jobs are more than the 1 of options\.hosts"),
    ):
        cluster.scale(jobs=2)
