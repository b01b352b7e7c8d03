"""What is asked and answered about profiles, as `labextension/src/tokens.ts` has it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from dask_steward.control.discover import Discovery as Found
from dask_steward.control.previewed import Preview as Previewed
from dask_steward.profiles.infos import ProfileView
from dask_steward.profiles.problems import Problem
from dask_steward.server.failures import problem_json
from dask_steward.server.models import Fault, Given, Size, Text, Told

#: Fields of a profile with their values, as its file has them; texts as a person types them ("64 GB") are fine.
Values = Annotated[dict[str, Any], Field(description="Fields with their values, as the profile's file has them.")]


# -- what is sent --


class Put(Given):
    """What a profile's file shall say."""

    profile: Values
    create: bool = Field(default=False, description="There must be none of this name yet.")


class Validate(Given):
    """A profile that nobody has saved yet."""

    name: Annotated[str, Field(max_length=1000)]
    profile: Values


class PreviewOf(Given):
    """A profile, saved or not, and a size."""

    name: Annotated[str, Field(max_length=1000)]
    profile: Values | None = None
    scale: Size | None = None
    environment: Text | None = Field(default=None, description="Name of a kernelspec, as for a start.")
    test_only: bool = Field(default=False, description="Ask the resource manager when and where it would start.")


class Discover(Given):
    """What to look for."""

    system: Text
    write: bool = Field(default=False, description="Write the profiles that are new.")
    overwrite: bool = Field(default=False, description="Also bring those of an earlier discovery up to date.")


# -- what is answered --


class Profile(Told):
    """A profile."""

    name: str
    title: str
    description: str | None
    system: str | None
    source: str | None = Field(description="Its file; null for one that exists without.")
    level: Literal["user", "environment", "system", "builtin"]
    editable: bool
    locked: tuple[str, ...] = Field(description="Paths of fields that an administrator locked.")
    launcher: bool
    problems: tuple[Fault, ...]
    written: dict[str, Any] = Field(description="What its file says itself.")
    resolved: dict[str, Any] | None = Field(description="With all that it extends; null where it has problems.")


class SystemOption(Told):
    """A system that profiles can be for."""

    system: str
    title: str
    summary: str


class Profiles(Told):
    """All profiles, and what is wrong with files that are none."""

    profiles: tuple[Profile, ...]
    problems: tuple[Fault, ...]
    systems: tuple[SystemOption, ...]


class Problems(Told):
    """All that is wrong; nothing, where it is right."""

    problems: tuple[Fault, ...]


class PreviewGroup(Told):
    """Jobs of one group."""

    name: str
    jobs: int
    script: str | None
    start: float | None
    nodes: str | None
    partition: str | None


class Preview(Told):
    """What a start would submit and hold."""

    profile: str
    system: str
    jobs: int
    cores: int
    memory: int
    start: float | None = Field(description="When the first job would start; null where nobody was asked or knows.")
    refusal: str | None
    warnings: tuple[str, ...]
    groups: tuple[PreviewGroup, ...]
    text: str = Field(description="The whole for a person.")


class DiscoveredProfile(Told):
    """A file that discovery would write, or has written."""

    name: str
    status: Literal["new", "changed", "same", "yours"]
    text: str
    path: str
    diff: str
    kept: tuple[str, ...] = Field(description="Fields that differ from what was found, and stay as somebody set them.")


class Discovery(Told):
    """What a site offers."""

    system: str
    profiles: tuple[DiscoveredProfile, ...]
    notes: tuple[str, ...]
    written: tuple[str, ...]


# -- from what the rest of Dask Steward knows --


def profile_of(view: ProfileView) -> Profile:
    """Return a profile as it is told."""
    info = view.info
    return Profile(
        name=info.name,
        title=info.title,
        description=info.description,
        system=info.system,
        source=str(info.source) if info.source else None,
        level=info.level,
        editable=info.level == "user" and info.source is not None and os.access(info.source.parent, os.W_OK),
        locked=info.locked,
        launcher=info.launcher,
        problems=faults(info.problems),
        written=view.written,
        resolved=view.resolved.to_json() if view.resolved is not None else None,
    )


def faults(problems: Iterable[Problem]) -> tuple[Fault, ...]:
    """Return problems as they are told."""
    return tuple(Fault(**problem_json(one)) for one in problems)


def preview_of(found: Previewed) -> Preview:
    """Return a preview as it is told."""
    return Preview(
        profile=found.profile,
        system=found.system,
        jobs=found.jobs,
        cores=found.cores,
        memory=found.memory,
        start=found.start,
        refusal=found.refusal,
        warnings=found.warnings,
        groups=tuple(
            PreviewGroup(
                name=one.name,
                jobs=one.jobs,
                script=one.script or None,
                start=one.start,
                nodes=one.nodes,
                partition=one.partition,
            )
            for one in found.groups
        ),
        text=str(found),
    )


def discovery_of(system: str, found: Found) -> Discovery:
    """Return a discovery as it is told."""
    notes = [
        *found.notes,
        *(f"{name}: no profile, {why}" for name, why in found.left_out.items()),
        *(f"{name}: nothing fits it any more; delete it if nobody uses it" for name in found.gone),
    ]
    return Discovery(
        system=system,
        profiles=tuple(
            DiscoveredProfile(
                name=one.name,
                status=one.action,
                text=one.text,
                path=str(one.file),
                diff=one.diff if one.action in ("new", "changed") else "",
                kept=one.kept,
            )
            for one in found.changes
        ),
        notes=tuple(notes),
        written=tuple(found.written),
    )
