"""A scheduler that somebody else owns: it is used and shown, never stopped and never scaled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dask_steward.profiles.fields import Model, Path, Reads, Span, text
from dask_steward.profiles.models import Options, Profile
from dask_steward.profiles.problems import Problem

_ADDRESS = re.compile(r"(?:(?:tcp|tls|ws|wss)://)?(?:\[[0-9A-Fa-f:.%]+\]|[^\s\[\]/:@]+):[0-9]{1,5}")
_APPLICATION = re.compile(r"application_[0-9]+_[0-9]{4,}")
_WORDS = "must be an address such as tcp://localhost:8786 or tls://host:8786"
#: What would do nothing: these are of workers, and somebody else decides on them.
_THEIRS = ("adapt", "environment")
_PLACES = ("address", "scheduler_file", "application")


def _address(value: Any) -> str:
    found = text(value)
    if not _ADDRESS.fullmatch(found):
        raise ValueError(_WORDS)
    if not 0 < int(found.rpartition(":")[2]) <= 65535:
        raise ValueError("must end with a port from 1 to 65535")
    return found


def _application(value: Any) -> str:
    found = text(value)
    if not _APPLICATION.fullmatch(found):
        raise ValueError("must be the id of an application of YARN, such as application_1795256476310_0001")
    return found


class TlsFiles(Model):
    """The files by which a scheduler with TLS is spoken to: those that its owner gave you."""

    ca: Path | None = Field(
        default=None,
        description="Certificate of the authority that signed the scheduler's. Not given: "
        "distributed.comm.tls.ca-file of Dask's configuration.",
        examples=["/home/shared/dask/ca.pem"],
    )
    cert: Path | None = Field(
        default=None,
        description="Your certificate. Not given: distributed.comm.tls.client.cert of Dask's configuration.",
        examples=["$HOME/.dask/cert.pem"],
    )
    key: Path | None = Field(
        default=None,
        description="Your key. Not given: distributed.comm.tls.client.key of Dask's configuration.",
        examples=["$HOME/.dask/key.pem"],
    )


class AddressOptions(Options):
    """Where the scheduler is: as for ``distributed.Client``, one of address and scheduler_file, or its application."""

    not_taken: ClassVar[dict[str, str]] = {
        "security": "use tls: {ca: FILE, cert: FILE, key: FILE}",
        "timeout": "use start_timeout, beside options",
        "name": "a cluster is named when it is attached",
    }

    address: Annotated[str, Reads(_address, {"type": "string", "minLength": 1, "x-kind": "text"})] | None = Field(
        default=None, description="Address of the scheduler.", examples=["tcp://localhost:8786"]
    )
    scheduler_file: Path | None = Field(
        default=None,
        description="File in which the scheduler has written its address (dask scheduler --scheduler-file).",
        examples=["$HOME/scheduler.json"],
    )
    application: (
        Annotated[str, Reads(_application, {"type": "string", "pattern": _APPLICATION.pattern, "x-kind": "text"})]
        | None
    ) = Field(
        default=None,
        description="Application of YARN in which dask-yarn, or another program with skein, runs the scheduler.",
        examples=["application_1795256476310_0001"],
    )
    tls: TlsFiles = Field(
        default_factory=lambda: TlsFiles(),
        description="Files for a scheduler with TLS.",
        examples=[{"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"}],
    )


class AddressProfile(Profile):
    """A scheduler that somebody else owns."""

    summary: ClassVar[str] = (
        "A scheduler that somebody else has started: it is used and shown, but never stopped, scaled or restarted."
    )
    dask_class: ClassVar[str] = "distributed.Client"
    scale_units: ClassVar[tuple[str, ...]] = ()
    builtin: ClassVar[dict[str, Any]] = {
        "title": "Scheduler of somebody else",
        "description": "Attach to a scheduler by its address, or by its scheduler file.",
    }

    system: Literal["address"] = Field(default="address", description="What the cluster runs on.", examples=["address"])
    start_timeout: Span = Field(
        default=15,
        description="Give up when the scheduler has not answered for this long: a duration, or seconds.",
        examples=["15 s"],
    )
    options: AddressOptions = Field(
        default_factory=lambda: AddressOptions(),
        description="Where the scheduler is.",
        examples=[{"address": "tcp://localhost:8786"}],
    )

    def wrong_together(self) -> Iterator[Problem]:
        """Yield a problem for each value that does nothing, or that contradicts another."""
        yield from super().wrong_together()
        for name in _THEIRS:
            value = getattr(self, name)
            if value:
                shown = value.model_dump(warnings=False) if name == "adapt" else value
                yield Problem("is decided by whoever started this scheduler; leave it out", (name,), shown, True)
        options = self.options
        first, *more = [*(name for name in _PLACES if getattr(options, name) is not None), ""]
        for place in more[:-1]:
            message = f"contradicts options.{first}; give one of the two"
            yield Problem(message, ("options", place), getattr(options, place), True)
        if (options.tls.cert is None) != (options.tls.key is None):
            given, missing = ("cert", "key") if options.tls.key is None else ("key", "cert")
            yield Problem(
                f"needs options.tls.{missing} beside it", ("options", "tls", given), getattr(options.tls, given), True
            )


PROFILE = AddressProfile
