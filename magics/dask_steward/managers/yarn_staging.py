"""Folders that a submit leaves on the file system: ``~/.skein/<application>``, with the keys of the application.

The application's master removes its folder when it ends. What was cut off while it was submitted never had one, and
what was killed while it waited had not started it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from dask_steward.managers import command, yarn_conf
from dask_steward.managers.base import Unknown
from dask_steward.managers.yarn_http import certificates_of, exchange

DRIVER_LOG = "driver.log"
"""What skein's driver says, in the cluster's folder of the ledger."""

_UPLOADING = re.compile(r"Uploading application resources to (\S+/\.skein/(application_[0-9]+_[0-9]+))/?\s*$", re.M)
_STAGING = re.compile(r"(/[^/]+)*/\.skein/(application_[0-9]+_[0-9]+)")

WEB_LIMIT = 5.0
"""Seconds in which a NameNode must answer."""

COMMAND_LIMIT = 60.0
"""Seconds that ``hdfs dfs`` may take: a Java virtual machine, and perhaps a NameNode that is busy."""


def places(folder: str) -> dict[str, str | None]:
    """Return the staging folders that a cluster's driver has made, by application id."""
    try:
        with open(os.path.join(folder, DRIVER_LOG), encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return {}
    return {id: uri for uri, id in _UPLOADING.findall(text)}


class Files:
    """The file systems of a site, as far as it takes to remove such a folder.

    Parameters
    ----------
    properties : mapping
        The site's configuration.
    environment : mapping
        Of the commands.
    user : str
        Who asks.
    """

    def __init__(self, properties: Mapping[str, str], environment: Mapping[str, str], user: str) -> None:
        self._properties, self._environment, self._user = properties, environment, user

    def remove_staging(self, wanted: Mapping[str, str | None]) -> str | None:
        """Remove staging folders, given by application id, at their address or else below the user's home.

        Returns
        -------
        str or None
            What could not be removed and why; None when nothing is left.
        """
        failed = []
        for id, uri in wanted.items():
            if not id.startswith("application_"):
                continue
            at = uri or f"{self._home()}/.skein/{id}"
            # Whatever the log holds, nothing else is ever removed.
            path = urlsplit(at).path
            found = _STAGING.fullmatch(path)
            if found is None or found[2] != id or ".." in path.split("/"):
                continue
            why = self._remove(at)
            if why is not None:
                failed.append(f"{at} could not be removed: {why}")
        return "; ".join(failed) or None

    def _home(self) -> str:
        default = yarn_conf.value(self._properties, "fs.defaultFS").rstrip("/")
        parts = urlsplit(default)
        if parts.scheme == "file" or not parts.scheme:
            return f"file://{os.path.expanduser('~')}"
        prefix = (
            yarn_conf.value(self._properties, f"fs.viewfs.mounttable.{parts.netloc}.homedir")
            if parts.scheme == "viewfs"
            else yarn_conf.value(self._properties, "dfs.user.home.dir.prefix")
        )
        return f"{default}{prefix or '/user'}/{self._user}"

    def _remove(self, uri: str) -> str | None:
        at = self._resolved(uri)
        parts = urlsplit(at)
        if parts.scheme in ("file", ""):
            return _remove_here(parts.path)
        web = None
        if parts.scheme in ("hdfs", "webhdfs", "swebhdfs"):
            web = self._remove_by_web(parts.scheme, parts.netloc, parts.path)
            if web is None:
                return None
        why = self._remove_by_command(uri)
        return why and "; ".join(filter(None, (web, why)))

    def _resolved(self, uri: str) -> str:
        """Return what a viewfs shows under an address: another file system's address."""
        for _ in range(5):
            parts = urlsplit(uri)
            if parts.scheme != "viewfs":
                break
            table = f"fs.viewfs.mounttable.{parts.netloc or 'default'}."
            links = {
                name.removeprefix(f"{table}link.").rstrip("/"): name
                for name in self._properties
                if name.startswith(f"{table}link.")
                and (parts.path + "/").startswith(name.removeprefix(f"{table}link.") + "/")
            }
            if links:
                mount = max(links, key=len)
                name, rest = links[mount], parts.path[len(mount) :]
            else:
                name, rest = f"{table}linkMergeSlash", parts.path
            target = yarn_conf.value(self._properties, name)
            if not target:
                break
            uri = target.rstrip("/") + rest
        return uri

    def _remove_by_web(self, scheme: str, netloc: str, path: str) -> str | None:
        told = "no NameNode's web address is known"
        query = urlencode({"op": "DELETE", "recursive": "true", "user.name": self._user})
        for address in self._namenodes(scheme, netloc):
            reply = exchange(
                address,
                "DELETE",
                f"/webhdfs/v1{quote(path)}?{query}",
                limit=WEB_LIMIT,
                certificates=certificates_of(self._environment),
            )
            if isinstance(reply, Unknown):
                told = reply.reason
            elif reply.status == 200 and b'"boolean"' in reply.raw:
                return None  # false: it was not there
            else:
                said = re.search(rb'"message":"([^"\\\n]*)', reply.raw)
                words = said[1].decode("utf-8", "replace")[:200] if said else f"HTTP {reply.status}"
                told = f"the NameNode at {address} refuses it: {words}"
        return told

    def _namenodes(self, scheme: str, netloc: str) -> list[str]:
        """Return where the NameNodes of a name service, or the one of a host, have their web."""
        if scheme != "hdfs":
            return [f"{'https' if scheme == 'swebhdfs' else 'http'}://{netloc}"]
        secure = yarn_conf.value(self._properties, "dfs.http.policy").upper() == "HTTPS_ONLY"
        key = f"dfs.namenode.{'https' if secure else 'http'}-address"
        port = 9871 if secure else 9870
        ids = yarn_conf.value(self._properties, f"dfs.ha.namenodes.{netloc}")
        keys = [f"{key}.{netloc}.{id.strip()}" for id in ids.split(",") if id.strip()] or [f"{key}.{netloc}", key]
        host = netloc.rpartition(":")[0] or netloc
        found = [address for one in keys if (address := yarn_conf.value(self._properties, one))]
        # Hadoop's own default, 0.0.0.0, means the NameNode's host.
        found = [f"{host}:{one.rpartition(':')[2]}" if one.startswith("0.0.0.0:") else one for one in found]
        if not found and not ids:
            found = [f"{host}:{port}"]
        return [f"{'https' if secure else 'http'}://{one}" for one in found]

    def _remove_by_command(self, uri: str) -> str | None:
        path = self._environment.get("PATH", os.defpath)
        for name, verb in (("hdfs", "dfs"), ("hadoop", "fs")):
            program = command.find(name, path)
            if program is None:
                continue
            try:
                done = command.run(
                    [program, verb, "-rm", "-r", "-f", "-skipTrash", uri],
                    environment=self._environment,
                    timeout=COMMAND_LIMIT,
                )
            except OSError as error:
                return f"{program} cannot be started: {error.strerror or error}"
            if done.status == 0:
                return None
            if done.status is None:
                return f"{name} {verb} gave no answer within {COMMAND_LIMIT:g} s"
            return " ".join((done.err or done.out).split())[-300:] or f"{name} {verb} failed"
        return "there is no hdfs command on the PATH"


def _remove_here(path: str) -> str | None:
    import shutil  # it brings three compressors, and few sites have a local file system

    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    return None
