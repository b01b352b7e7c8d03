"""What a site's Hadoop configuration says of its ResourceManager and its file system."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from xml.etree import ElementTree

FOLDERS = ("YARN_CONF_DIR", "HADOOP_CONF_DIR")
"""Variables that name the folder, in the order in which Hadoop's own command believes them."""

FILES = ("core-site.xml", "hdfs-site.xml", "yarn-site.xml")

DEFAULTS = {
    "yarn.resourcemanager.hostname": "0.0.0.0",
    "yarn.http.policy": "HTTP_ONLY",
    "fs.defaultFS": "file:///",
    "dfs.http.policy": "HTTP_ONLY",
    "yarn.resourcemanager.connect.retry-interval.ms": "30000",
}
"""Hadoop's own, where a site says nothing."""

_VARIABLE = re.compile(r"\$\{([^}$\s]+)\}")
_NESTED = 20
"""Rounds of variables within variables, as in Hadoop."""


def folder(environment: Mapping[str, str]) -> str | None:
    """Return the folder with the configuration that an environment means; None where there is none."""
    homes = [environment.get(name) for name in ("HADOOP_HOME", "HADOOP_PREFIX")]
    candidates = [
        *(environment.get(name) for name in FOLDERS),
        *(os.path.join(home, "etc", "hadoop") for home in homes if home),
        "/etc/hadoop/conf",
    ]
    for candidate in candidates:
        if candidate and os.path.isfile(os.path.join(candidate, "yarn-site.xml")):
            return os.path.abspath(candidate)
    return None


def read(environment: Mapping[str, str]) -> dict[str, str]:
    """Return all properties of the site, without Hadoop's own defaults; nothing where no folder is found.

    Raises
    ------
    ValueError
        If a file is no configuration; its name stands in the sentence.
    """
    found: dict[str, str] = {}
    place = folder(environment)
    for name in FILES if place else ():
        path = os.path.join(str(place), name)
        if os.path.exists(path):
            _read_into(found, path, depth=0)
    return found


def _read_into(found: dict[str, str], path: str, depth: int) -> None:
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    for element in root:
        if element.tag.endswith("}include") and depth < 5:
            inner = os.path.join(os.path.dirname(path), element.get("href") or "")
            if os.path.isfile(inner):
                _read_into(found, inner, depth + 1)
        elif element.tag == "property":
            name, value = element.findtext("name"), element.findtext("value")
            if name and value is not None:
                found[name.strip()] = value.strip()


def value(properties: Mapping[str, str], name: str) -> str:
    """Return a property with the variables in it resolved, else Hadoop's default, else nothing."""
    text = properties.get(name, DEFAULTS.get(name, ""))
    for _ in range(_NESTED):
        match = _VARIABLE.search(text)
        if match is None:
            break
        inner = properties.get(match[1], DEFAULTS.get(match[1], os.environ.get(match[1].removeprefix("env."), "")))
        text = text[: match.start()] + inner + text[match.end() :]
    return text


def addresses(properties: Mapping[str, str]) -> tuple[str, ...]:
    """Return where the web interfaces of all ResourceManagers are.

    >>> addresses({"yarn.resourcemanager.hostname": "rm.example.org"})
    ('http://rm.example.org:8088',)
    >>> addresses({"yarn.resourcemanager.ha.enabled": "true", "yarn.resourcemanager.ha.rm-ids": "a, b",
    ...            "yarn.resourcemanager.webapp.address.a": "one:8088", "yarn.resourcemanager.hostname.b": "two"})
    ('http://one:8088', 'http://two:8088')
    """
    if not properties:
        return ()
    rm = "yarn.resourcemanager"
    secure = value(properties, "yarn.http.policy").upper() == "HTTPS_ONLY"
    name, port = ("webapp.https.address", 8090) if secure else ("webapp.address", 8088)
    suffixes = [""]
    if value(properties, f"{rm}.ha.enabled").lower() == "true":
        suffixes = [f".{id.strip()}" for id in value(properties, f"{rm}.ha.rm-ids").split(",") if id.strip()]
    found = []
    for suffix in suffixes:
        host = value(properties, f"{rm}.hostname{suffix}") or value(properties, f"{rm}.hostname")
        address = value(properties, f"{rm}.{name}{suffix}") or f"{host}:{port}"
        found.append(normal(address, "https" if secure else "http", port))
    return tuple(dict.fromkeys(found))


def log_server(properties: Mapping[str, str]) -> str | None:
    """Return where the server is asked that shows logs which were gathered; None where there is none.

    >>> log_server({"yarn.log.server.web-service.url": "http://h:8188/ws/v1/applicationhistory/"})
    'http://h:8188/ws/v1/applicationhistory'
    >>> log_server({"yarn.timeline-service.enabled": "true", "yarn.timeline-service.hostname": "h"})
    'http://h:8188/ws/v1/applicationhistory'
    """
    said = value(properties, "yarn.log.server.web-service.url")
    if said:
        return said.rstrip("/") if said.startswith(("http://", "https://")) else None
    timeline = "yarn.timeline-service"
    if value(properties, f"{timeline}.enabled").lower() != "true":
        return None
    secure = value(properties, "yarn.http.policy").upper() == "HTTPS_ONLY"
    name, port = ("webapp.https.address", 8190) if secure else ("webapp.address", 8188)
    host = value(properties, f"{timeline}.hostname")
    address = value(properties, f"{timeline}.{name}") or (f"{host}:{port}" if host else "")
    return f"{'https' if secure else 'http'}://{address}/ws/v1/applicationhistory" if address else None


def normal(address: str, scheme: str = "http", port: int | None = None) -> str:
    """Return an address as ``scheme://host:port``.

    Raises
    ------
    ValueError
        If it is none.

    >>> normal("rm.example.org"), normal("https://rm.example.org/"), normal("http://rm:1234/cluster")
    ('http://rm.example.org:8088', 'https://rm.example.org:8090', 'http://rm:1234')
    """
    from urllib.parse import urlsplit

    text = address.strip()
    parts = urlsplit(text if "://" in text else f"{scheme}://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{address!r} is not the address of a ResourceManager, such as http://rm.example.org:8088")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or port or (8090 if parts.scheme == 'https' else 8088)}"
