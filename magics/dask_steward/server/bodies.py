"""What is sent to the server, as `labextension/src/tokens.ts` has it: exactly these fields, of exactly these kinds.

Times are seconds, sizes bytes; both may be texts such as ``"5 min"`` and ``"64 GB"``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator

from dask_steward.control.card_models import Tenure
from dask_steward.units import parse_duration, parse_size

RowKind = Literal["workers", "jobs"]

#: More of anything is a slip of the finger, and some parts of a scheduler are linear in it.
MOST = 1_000_000


class Given(BaseModel):
    """What somebody sends: exactly these fields, of exactly these kinds."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _memory(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("takes bytes, or a size such as 64 GB")
    size = parse_size(value)
    if not 0 <= size <= 2**60:
        raise ValueError("takes 0 bytes or more, and less than an exabyte")
    return size


def _seconds(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("takes seconds, or a duration such as 5 min")
    return parse_duration(value)


_SIZE_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}, {"type": "null"}]}
_TIME_SCHEMA = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}, {"type": "null"}]}

Number = Annotated[int, Field(ge=0, le=MOST)]
Memory = Annotated[int | None, BeforeValidator(_memory), WithJsonSchema(_SIZE_SCHEMA)]
Duration = Annotated[float | None, BeforeValidator(_seconds), WithJsonSchema(_TIME_SCHEMA)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=256)]


class Size(Given):
    """A size in exactly one unit."""

    workers: Number | None = None
    jobs: Number | None = None
    cores: Number | None = None
    memory: Memory = None

    def units(self) -> dict[str, int]:
        """Return what is given."""
        found = {name: getattr(self, name) for name in ("workers", "jobs", "cores", "memory")}
        return {name: number for name, number in found.items() if number is not None}

    @model_validator(mode="after")
    def _one(self) -> Size:
        if len(self.units()) != 1:
            raise ValueError(
                f"a size is given in one unit: workers, jobs, cores or memory; got {', '.join(self.units()) or 'none'}"
            )
        return self


class Scale(Size):
    """A size of one group; without a name that of the profile's own jobs."""

    group: Name | None = None


class Limits(Given):
    """Between which size the cluster follows the work; in jobs, or worker processes of a local cluster."""

    minimum: Number | None = None
    maximum: Number | None = None
    hold: Duration = None
    queue_patience: Duration = None
    target_duration: Duration = None
    interval: Duration = None

    def given(self) -> dict[str, Any]:
        """Return what is given."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class StartLimits(Limits):
    """Limits of a start, both of them."""

    minimum: Number
    maximum: Number

    @model_validator(mode="after")
    def _ordered(self) -> StartLimits:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class Adapt(Limits):
    """Limits of one group; ``active`` false ends its following of the work."""

    active: bool = True
    group: Name | None = None

    @model_validator(mode="after")
    def _some(self) -> Adapt:
        if self.active and self.minimum is None and self.maximum is None:
            raise ValueError("needs a minimum, a maximum or both, or active: false")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class Start(Given):
    """The body of a start."""

    profile: Text
    name: Name | None = None
    scale: Size | None = None
    adapt: StartLimits | None = None
    tenure: Tenure | None = None
    kernel_id: Text | None = None
    environment: Text | None = Field(default=None, description="Name of a kernelspec: it runs in that environment.")
    set: dict[str, JsonValue] | None = Field(default=None, description="Fields over the profile, by dotted path.")


class Change(Given):
    """What of a running cluster can be changed."""

    name: Name | None = None
    tenure: Tenure | None = None
    kernel_id: Text | None = None
    idle_timeout: Duration = Field(
        default=None, description="A cluster that becomes detached ends after so long without work."
    )

    @model_validator(mode="after")
    def _something(self) -> Change:
        if self.name is None and self.tenure is None:
            raise ValueError("needs a name, a tenure or both")
        if self.idle_timeout is not None and self.tenure is None:
            raise ValueError("idle_timeout belongs to a tenure")
        return self


class Nothing(Given):
    """A body without fields."""


class SaveAs(Given):
    """The name under which a cluster is saved as a profile."""

    name: Name


class Watch(Given):
    """A lease: somebody looks at the rows of a table."""

    kind: RowKind
    watcher: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    seconds: Annotated[float, Field(gt=0, le=300)] = 60.0


class Listing(Given):
    """Query of the list of clusters."""

    all: bool = Field(default=False, description="Also those that ended and were dismissed.")


class Page(Given):
    """Query of a table."""

    offset: Annotated[int, Field(ge=0, le=MOST)] = 0
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100
    sort: Annotated[str, Field(max_length=40, pattern=r"^-?[a-z_]+$")] | None = Field(
        default=None, description="A field of the rows; with a leading - the largest first."
    )
