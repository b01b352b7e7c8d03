"""What every profile holds, whatever system it is for, and how one is checked, expanded and carried as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, PrivateAttr

from dask_steward.profiles import registry
from dask_steward.profiles.checking import build, expand_values, mark_of
from dask_steward.profiles.fields import (
    NEVER_EXPANDED,
    Count,
    Duration,
    Flag,
    Model,
    Path,
    Plain,
    Positive,
    Prose,
    Reads,
    Size,
    Span,
    Value,
    choice,
)
from dask_steward.profiles.problems import Mark, Problem, error_of

__all__ = ["Adapt", "Options", "Profile", "Scale", "from_json"]

Tenure = Literal["kernel", "server", "process", "detached"]
Security = Literal["tls", "none"]


def _dashboard(value: Any) -> str:
    if isinstance(value, str):
        if value in ("socket", "off", "tcp"):
            return str(value)
        word, colon, port = value.partition(":")
        if word == "tcp" and colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65535:
            return f"tcp:{int(port)}"
    raise ValueError("must be socket, off, tcp or tcp:PORT with a port from 1 to 65535")


def _variable_name(value: Any) -> str:
    if isinstance(value, str) and value.isprintable() and value and "=" not in value and " " not in value:
        return str(value)
    raise ValueError("must be the name of an environment variable, such as OMP_NUM_THREADS")


Environment = dict[Annotated[str, Reads(_variable_name, {"type": "string"}, variable=False)], Value]


class Scale(Model):
    """How much to ask for at the start, in exactly one unit."""

    workers: Count | None = Field(default=None, description="Number of worker processes.", examples=[4])
    jobs: Count | None = Field(default=None, description="Number of jobs of a queue system.", examples=[10])
    cores: Count | None = Field(default=None, description="Number of cores in all workers together.", examples=[96])
    memory: Size | None = Field(
        default=None, description="Memory of all workers together: a size, or a number of bytes.", examples=["500 GB"]
    )


class Adapt(Model):
    """Let the number of workers (jobs, on a queue system) follow the load."""

    minimum: Count = Field(
        default=0, description="Never fewer than this many workers, or jobs on a queue system.", examples=[0]
    )
    maximum: Count | None = Field(
        default=None,
        description="Never more than this many workers, or jobs on a queue system. Not given: no limit.",
        examples=[20],
    )
    target_duration: Span = Field(
        default=5,
        description="Add workers until the work at hand would take about this long: a duration, or seconds.",
        examples=["5 s"],
    )
    interval: Span = Field(
        default=1, description="How often the load is looked at: a duration, or seconds.", examples=["1 s"]
    )
    hold: Duration | None = Field(
        default=None,
        description="Nothing is given back for a pause that is shorter than this: a duration, or seconds. Not given: "
        "5 min.",
        examples=["5 min"],
    )
    queue_patience: Duration | None = Field(
        default=None,
        description="How long a job that is not needed any more keeps its place in the queue: a duration, or seconds. "
        "Not given: as long as hold.",
        examples=["10 min"],
    )
    wait_count: Positive | None = Field(
        default=None,
        description="Hold, counted in looks as Dask's own adaptive clusters do: so many times interval, where no hold "
        "is given.",
        examples=[3],
    )


class Options(Model):
    """The arguments of the Dask class that a system uses."""


Known = TypeVar("Known", bound="Profile")


class Profile(Model):
    """What a user saves, and what a cluster starts from.

    Numbers are plain: durations are seconds, sizes are bytes. Before `expanded` a field may hold a text with ``$VAR``.
    """

    summary: ClassVar[str] = ""
    """One sentence about the system, for lists and the docs."""

    dask_class: ClassVar[str] = ""
    """The class whose arguments `options` are."""

    builtin: ClassVar[Mapping[str, Any] | None] = None
    """Content of the profile that exists without any file, under the system's name."""

    scale_units: ClassVar[tuple[str, ...]] = ("workers", "cores", "memory")
    """Units that `scale` may be in."""

    name: str = Field(default="", description="Name of the profile; it is the name of its file.")
    title: Plain | None = Field(
        default=None,
        description="What lists and menus show instead of the name.",
        examples=["Slurm · normal"],
        json_schema_extra=NEVER_EXPANDED,
    )
    description: Prose | None = Field(
        default=None,
        description="What the profile is for, in a sentence or more.",
        examples=["Nodes of the normal partition, 24 cores each."],
        json_schema_extra=NEVER_EXPANDED,
    )
    system: str = Field(default="", description="What the cluster runs on.")
    extends: Plain | None = Field(
        default=None,
        description="Name of another profile, whose values hold where this one says nothing. A profile that extends "
        "its own "
        "name extends the one of the next level: a user's slurm.yaml that of the environment or the system.",
        examples=["slurm"],
    )
    lock: tuple[Plain, ...] = Field(
        default=(),
        description="Paths of fields that nobody may change. Only in the files of an administrator (system level).",
        examples=[["options.account", "security"]],
    )
    scale: Scale | None = Field(
        default=None,
        description="How much to ask for at the start, in exactly one unit. Not given: what fits the system.",
        examples=[{"workers": 4}],
    )
    adapt: Adapt | None = Field(
        default=None,
        description="Let the number of workers follow the load, between two bounds.",
        examples=[{"minimum": 0, "maximum": 20}],
    )
    tenure: Annotated[Tenure, choice("kernel", "server", "process", "detached")] = Field(
        default="kernel",
        description="What the cluster belongs to, and ends with: the kernel, the Jupyter server or a process. A "
        "detached one "
        "belongs to nothing and needs an idle_timeout or a time_to_live.",
        examples=["kernel"],
    )
    idle_timeout: Span | None = Field(
        default=None,
        description="Stop after this long without work: a duration, or seconds. Not given: never.",
        examples=["30 min"],
    )
    time_to_live: Span | None = Field(
        default=None,
        description="Stop this long after the start, whatever happens: a duration, or seconds. Not given: never.",
        examples=["12 h"],
    )
    start_timeout: Span = Field(
        default=60,
        description="Give up a start that takes longer, and give everything back: a duration, or seconds.",
        examples=["60 s"],
    )
    logs_kept: Span = Field(
        default=7 * 86400,
        description="How long the logs of a cluster stay after it has ended: a duration, or seconds.",
        examples=["7 d"],
    )
    environment: Environment = Field(
        default_factory=dict,
        description="Environment variables of the workers. $VAR is replaced when the cluster starts, on the machine "
        "that starts it.",
        examples=[{"OMP_NUM_THREADS": "1"}],
    )
    python: Path | None = Field(
        default=None,
        description="Python that runs the cluster: a path or a command. Not given: the one that starts it, whose "
        "versions match.",
        examples=["$HOME/envs/dask/bin/python"],
    )
    security: Annotated[Security, choice("tls", "none")] = Field(
        default="tls",
        description="tls: only this user can connect. none: whoever reaches the port can run code as this user.",
        examples=["tls"],
    )
    dashboard: Annotated[str, Reads(_dashboard, {"type": "string", "pattern": r"^(socket|off|tcp(:[0-9]{1,5})?)$"})] = (
        Field(
            default="socket",
            description="Where Dask's own pages are served: on a socket that only this user can open (and Jupyter "
            "shows), nowhere, or "
            "on a TCP port of the loopback interface.",
            examples=["socket", "tcp:8787"],
        )
    )
    launcher: Flag = Field(
        default=False, description="Show a card for this profile in JupyterLab's launcher.", examples=[True]
    )
    options: Options = Field(
        default_factory=lambda: Options(),
        description="Arguments of the Dask class that the system uses.",
        examples=[{}],
    )

    _marks: dict[tuple[str | int, ...], Mark] = PrivateAttr(default_factory=dict)
    _expanded: bool = PrivateAttr(default=False)
    # Fields whose values were wrong: what is missing because of that is no problem of its own.
    _left_out: set[tuple[str | int, ...]] = PrivateAttr(default_factory=set)

    def __eq__(self, other: object) -> bool:
        # Where the values stood in a file is no part of what the profile says.
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # environment is a dict

    @classmethod
    def offered(cls) -> bool:
        """Tell whether lists show the builtin profile here; by its name it is always found."""
        return True

    def wrong_together(self) -> Iterator[Problem]:
        """Yield a problem for each set of values that are right alone and wrong together."""
        yield from wrong_size(self.scale, self.adapt, self.scale_units, self._left_out, system=self.system)
        ends = self.idle_timeout is not None or self.time_to_live is not None
        if self.tenure == "detached" and not ends and not self._left_out & {("idle_timeout",), ("time_to_live",)}:
            yield Problem(
                "nothing would ever end this cluster; give idle_timeout or time_to_live too",
                ("tenure",),
                "detached",
                True,
            )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON: durations in seconds, sizes in bytes. `from_json` is the inverse."""
        # Before `expanded` a number may be a text with $VAR, which pydantic would warn of.
        return self.model_dump(mode="json", warnings=False)

    def expanded(self: Known, environ: Mapping[str, str]) -> Known:
        """Return the profile with its ``$VAR`` replaced and ``~`` resolved, to start a cluster from.

        Fields that belong to the node of a job (``x-expanded: on the node`` in the schema) stay as written.

        Parameters
        ----------
        environ : mapping
            The environment of whoever starts the cluster, such as ``os.environ``.

        Raises
        ------
        ProfileError
            With every problem: variables that are not set, values that a field does not take.
        """
        if self._expanded:
            return self
        problems: list[Problem] = []
        data = expand_values(type(self), self.to_json(), environ, problems)
        found, more = build(type(self), data, expanded=True)
        problems = [*problems, *more]
        if problems or found is None:
            raise error_of(
                self.name, [problem.at(mark_of(self._marks, problem.path)).of(self.name) for problem in problems]
            )
        found._marks.update(self._marks)
        found._expanded = True
        return found


def wrong_size(
    scale: Scale | None,
    adapt: Adapt | None,
    units: tuple[str, ...],
    left_out: set[tuple[str | int, ...]],
    place: tuple[str | int, ...] = (),
    system: str = "it",
) -> Iterator[Problem]:
    """Yield what is wrong with a size and the bounds of an adaptive one.

    Parameters
    ----------
    scale, adapt : Scale, Adapt or None
        As they are given.
    units : tuple of str
        Units in which a size may be given.
    left_out : set of tuple
        Fields whose values were wrong, so that nothing follows from their absence.
    place : tuple
        Path of what holds both.
    system : str
        Who has such units.
    """
    above = "".join(f"{part}." for part in place)
    given = [] if scale is None else [unit for unit in Scale.model_fields if getattr(scale, unit) is not None]
    if scale is not None:
        missing = not given and not any(path[: len(place) + 1] == (*place, "scale") for path in left_out)
        if len(given) > 1 or missing:
            what = " and ".join(given) or "nothing"
            yield Problem(f"names {what}; it takes exactly one of {', '.join(units)}", (*place, "scale"))
        for unit in given:
            if unit not in units:
                allowed = ", ".join(f"{above}scale.{known}" for known in units) or None
                message = f"{system} has no {unit} to scale"
                yield Problem(message, (*place, "scale", unit), getattr(scale, unit), True, allowed)
    if adapt is None:
        return
    low, high = number(adapt.minimum), number(adapt.maximum)
    if high is None:
        return
    if scale is not None and len(given) == 1 and given[0] in ("workers", "jobs"):
        asked = number(getattr(scale, given[0]))
        if asked is not None and asked > high:
            message = f"is more than {above}adapt.maximum, {high:g}"
            yield Problem(message, (*place, "scale", given[0]), asked, True)
    if low is not None and low > high:
        yield Problem(f"is more than {above}adapt.maximum, {high:g}", (*place, "adapt", "minimum"), adapt.minimum, True)


def number(value: object) -> int | float | None:
    """Return a value that is a number already; before a profile is expanded it may be a text with ``$VAR``."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def from_json(data: Mapping[str, Any]) -> Profile:
    """Read what `Profile.to_json` wrote, in another process for instance.

    Raises
    ------
    ProfileError
        If the data is no profile of a system that is known here.
    """
    name = str(data.get("name", ""))
    system = data.get("system")
    kind, problem = registry.find(system)
    if kind is None:
        raise error_of(name, [problem] if problem else [])
    found, problems = build(kind, dict(data))
    if problems or found is None:
        raise error_of(name, problems)
    return found
