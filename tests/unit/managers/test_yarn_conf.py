"""What Hadoop's configuration files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from dask_steward.managers import yarn_conf


def write(folder: Path, name: str, **properties: str) -> None:
    lines = [f"<property><name>{key}</name><value>{value}</value></property>" for key, value in properties.items()]
    (folder / name).write_text(f"<?xml version='1.0'?>\n<configuration>{''.join(lines)}</configuration>")


def test_variables_and_defaults_are_resolved(tmp_path: Path) -> None:
    write(
        tmp_path,
        "yarn-site.xml",
        **{
            "yarn.resourcemanager.hostname": "${our.rm}",
            "our.rm": "master.example.org",
            "yarn.resourcemanager.webapp.address": "${yarn.resourcemanager.hostname}:9999",
        },
    )
    found = yarn_conf.read({"HADOOP_CONF_DIR": str(tmp_path)})
    assert yarn_conf.addresses(found) == ("http://master.example.org:9999",)


def test_the_address_is_that_of_https_where_the_site_wants_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        "yarn-site.xml",
        **{"yarn.http.policy": "HTTPS_ONLY", "yarn.resourcemanager.hostname": "rm", "yarn.other": "x"},
    )
    assert yarn_conf.addresses(yarn_conf.read({"YARN_CONF_DIR": str(tmp_path)})) == ("https://rm:8090",)


def test_files_that_a_file_includes_count(tmp_path: Path) -> None:
    write(tmp_path, "inner.xml", **{"yarn.resourcemanager.hostname": "inner"})
    (tmp_path / "yarn-site.xml").write_text(
        '<configuration xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="inner.xml"/></configuration>'
    )
    assert yarn_conf.addresses(yarn_conf.read({"HADOOP_CONF_DIR": str(tmp_path)})) == ("http://inner:8088",)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "yarn-site.xml").write_text("<configuration>")
    with pytest.raises(ValueError, match=r"yarn-site\.xml cannot be read"):
        yarn_conf.read({"HADOOP_CONF_DIR": str(tmp_path)})


def test_without_a_folder_there_is_nothing(tmp_path: Path) -> None:
    assert yarn_conf.addresses(yarn_conf.read({"HADOOP_CONF_DIR": str(tmp_path)})) == ()


@pytest.mark.parametrize("address", ["", "ftp://rm", "http://"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not the address of a ResourceManager"):
        yarn_conf.normal(address)
