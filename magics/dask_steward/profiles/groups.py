"""Groups: jobs of several shapes in one cluster, each scaled by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Field

from dask_steward.profiles.fields import NEVER_EXPANDED, Amount, Model, Plain, Reads, text
from dask_steward.profiles.models import Adapt, Options, Scale, wrong_size
from dask_steward.profiles.problems import Problem

#: The group that the profile's own options describe.
MAIN = "main"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def _group_name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("must be a name of lower-case letters, digits and _, such as bigmem (at most 32)")
    if value == MAIN:
        raise ValueError(f"{MAIN} is the group of the profile's own options; give this one another name")
    return str(value)


#: In ``allOf``, so that pydantic puts it into ``propertyNames``: a form draws ``additionalProperties``.
_SCHEMA: dict[str, Any] = {"type": "string", "allOf": [{"pattern": f"^{_NAME.pattern}$"}, {"not": {"const": MAIN}}]}
GroupName = Annotated[str, Reads(_group_name, _SCHEMA, variable=False)]
Resources = dict[Annotated[str, Reads(text, {"type": "string"}, variable=False)], Amount]


class Group(Model):
    """Jobs of one more shape: what differs from the profile's own options, and how many of them."""

    title: Plain | None = Field(
        default=None,
        description="What lists and menus show instead of the name.",
        examples=["Big memory"],
        json_schema_extra=NEVER_EXPANDED,
    )
    scale: Scale | None = Field(
        default=None,
        description="How much of this group to ask for at the start, in exactly one unit. Not given: none until it is "
        "scaled.",
        examples=[{"jobs": 2}],
    )
    adapt: Adapt | None = Field(
        default=None,
        description="Let the number of this group's jobs follow the load, between two bounds.",
        examples=[{"minimum": 0, "maximum": 4}],
    )
    resources: Resources = Field(
        default_factory=dict,
        description="Abstract resources of each worker of the group, by name; a task that asks for one runs here only.",
        examples=[{"bigmem": 1}],
    )
    options: Options = Field(
        default_factory=lambda: Options(),
        description="Arguments of the Dask class that differ from the profile's own.",
        examples=[{}],
    )

    cluster_wide: ClassVar[Mapping[str, str]] = {
        "scheduler_options": "a cluster has one scheduler; give them in options",
        "protocol": "all of a cluster speak the same protocol; give it in options",
        "shared_temp_directory": "a cluster has one; give it in options",
        "log_directory": "a cluster has one folder of logs; give it in options",
    }
    """Fields of the options that all groups share, each with a sentence that says where to write it."""


Shape = TypeVar("Shape", bound=Options)


def merged(options: Shape, group: Group) -> Shape:
    """Return what the jobs of a group are started with: what it says itself, else what the profile says."""
    given = {name: getattr(group.options, name) for name in group.options.model_fields_set}
    return options.model_copy(update=given)


def wrong_groups(groups: Mapping[str, Group], units: tuple[str, ...], left_out: set[Any]) -> Iterator[Problem]:
    """Yield what is wrong with groups apart from their merged options: sizes, bounds, options of the whole cluster."""
    for name, group in groups.items():
        place = ("groups", name)
        yield from wrong_size(group.scale, group.adapt, units, left_out, place)
        for field, why in group.cluster_wide.items():
            if field in group.options.model_fields_set:
                yield Problem(f"cannot be set for one group: {why}", (*place, "options", field), of_name=True)


def plain_options(groups: Mapping[str, Group], data: dict[str, Any]) -> None:
    """Leave in a profile's JSON only those options of each group that it gives itself: the rest is the profile's."""
    for name, group in groups.items():
        options = data[name]["options"]
        data[name]["options"] = {field: options[field] for field in options if field in group.options.model_fields_set}
