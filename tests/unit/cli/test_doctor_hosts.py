"""``dask-steward doctor`` asks the hosts of each profile that names some."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dask_steward.cli import doctor
from tests.support.private_sshd import PrivateSshd

pytestmark = pytest.mark.requires("sshd")


def check(tmp_path: Path, sshd: PrivateSshd, hosts: list[str]) -> doctor.Check:
    (tmp_path / "mine.yaml").write_text(
        f"system: ssh\noptions: {{hosts: {json.dumps(hosts)}, connect_options: {json.dumps(sshd.connect_options)}}}\n"
    )
    (found,) = [one for one in doctor.run_all() if one.name == "hosts of mine"]
    return found


def test_hosts_that_let_us_in(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sshd: PrivateSshd
) -> None:
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))
    found = check(tmp_path, sshd, ["127.0.0.1", "127.0.0.2"])
    assert (found.result, found.found) == ("ok", "2 of 2 let you in; 0 jobs of clusters run there")


def test_a_host_that_does_not(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sshd: PrivateSshd
) -> None:
    monkeypatch.setenv("DASK_STEWARD_PROFILES", str(tmp_path))
    found = check(tmp_path, sshd, ["127.0.0.1", "no-such-host.invalid"])
    assert found.result == "fail"
    assert "host no-such-host.invalid: its name is not known" in found.found
