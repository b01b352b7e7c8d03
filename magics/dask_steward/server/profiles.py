"""Profiles: list, read, check, write, preview, discover."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import RootModel

from dask_steward.control.discover import discover
from dask_steward.control.preview import preview
from dask_steward.errors import ProfileError, ProfileNotFound, WrongState
from dask_steward.profiles import ProfileStore, forms, registry
from dask_steward.profiles.problems import Problem
from dask_steward.profiles.schema import schema
from dask_steward.server import profile_models as models
from dask_steward.server.base import Handler, in_thread
from dask_steward.server.kernelspecs import Interpreters
from dask_steward.server.operations import operation
from dask_steward.server.permissions import need

#: Previews at once: each runs an interpreter that imports Dask.
PREVIEWS_AT_ONCE = 2

_TITLES = {"local": "This machine", "htcondor": "HTCondor"} | {
    name: name.upper() for name in ("pbs", "sge", "lsf", "oar", "yarn")
}


class Schema(RootModel[dict[str, Any]]):
    """A JSON Schema (draft 2020-12)."""


class _Profiles(Handler):
    """What handlers of profiles share."""

    @property
    def store(self) -> ProfileStore:
        """The profiles; one store for all requests, since it keeps files that did not change."""
        found = self.settings.get("dask_steward_profiles")
        if not isinstance(found, ProfileStore):
            found = self.settings["dask_steward_profiles"] = ProfileStore()
        return found

    @property
    def previews(self) -> asyncio.Semaphore:
        """Lets a few previews run at once."""
        found = self.settings.get("dask_steward_previews")
        if not isinstance(found, asyncio.Semaphore):
            found = self.settings["dask_steward_previews"] = asyncio.Semaphore(PREVIEWS_AT_ONCE)
        return found


class All(_Profiles):
    """All profiles."""

    @operation(
        "read",
        "All profiles that can be started here, and the systems that new ones can be for.",
        answers={200: models.Profiles},
    )
    async def get(self) -> None:
        """List them."""
        self.reply(await in_thread(all_of, self.store))


class SystemSchema(_Profiles):
    """What a form is drawn from."""

    @operation(
        "read",
        "The JSON Schema of a system's profiles; `x-locked` has the fields that an administrator locked, with values.",
        answers={200: Schema},
    )
    async def get(self, system: str) -> None:
        """Return it."""
        self.reply(await in_thread(_schema, self.store, system))


class One(_Profiles):
    """One profile."""

    @operation("read", "One profile.", answers={200: models.Profile})
    async def get(self, name: str) -> None:
        """Return it."""
        self.reply(await in_thread(one_of, self.store, name))

    @operation(
        "write",
        "Write a profile of yours. Comments of its file stay; wrong fields are told all at once.",
        body=models.Put,
        answers={200: models.Profile, 201: models.Profile},
        errors=(409,),
    )
    async def put(self, name: str) -> None:
        """Write it into the user's folder."""
        body = self.body(models.Put)
        new = await in_thread(forms.put, self.store, name, body.profile, create=body.create)
        self.reply(await in_thread(one_of, self.store, name), 201 if new else 200)

    @operation("write", "Delete a profile of yours.", answers={204: None}, errors=(409,))
    async def delete(self, name: str) -> None:
        """Remove its file."""
        await in_thread(forms.remove, self.store, name)
        self.reply(None, 204)


class Validate(_Profiles):
    """What is wrong with a profile."""

    @operation(
        "read",
        "All that is wrong with a profile that need not be saved, each with the field that it is about.",
        body=models.Validate,
        answers={200: models.Problems},
    )
    async def post(self) -> None:
        """Look for it."""
        body = self.body(models.Validate)
        found = await in_thread(_problems, self.store, body.name, body.profile)
        self.reply(models.Problems(problems=models.faults(found)))


class Preview(_Profiles):
    """What a start would do."""

    @operation(
        "execute",
        "What a start would submit and hold, of a profile that need not be saved. Nothing is submitted.",
        body=models.PreviewOf,
        answers={200: models.Preview},
        errors=(409, 422),
    )
    async def post(self) -> None:
        """Have the profile's interpreter render the jobs."""
        body = self.body(models.PreviewOf)
        interpreters = Interpreters.of(self.settings)
        python = await interpreters.python_of(body.environment) if body.environment else await interpreters.default()
        units = body.scale.units() if body.scale is not None else {}
        async with self.previews:
            found = await in_thread(
                preview,
                body.name,
                definition=body.profile,
                test_only=body.test_only,
                python=python,
                **units,  # type: ignore[arg-type]  # workers, jobs, cores or memory
            )
        self.reply(models.preview_of(found))


class Discover(_Profiles):
    """Profiles from what a site has."""

    @operation(
        "execute",
        "Profiles for what a site's resource manager offers; `write` (which needs that permission) saves them.",
        body=models.Discover,
        answers={200: models.Discovery},
        errors=(503,),
    )
    async def post(self) -> None:
        """Ask the resource manager."""
        body = self.body(models.Discover)
        if body.write:
            await need(self, "write")
        found = await in_thread(discover, body.system, write=body.write, overwrite=body.overwrite)
        self.reply(models.discovery_of(body.system, found))


def all_of(store: ProfileStore) -> models.Profiles:
    """Return all profiles, and the problems that belong to none of them."""
    views = store.views()
    told = {str(problem) for view in views for problem in view.info.problems}
    return models.Profiles(
        profiles=tuple(map(models.profile_of, views)),
        problems=models.faults(one for one in store.problems() if str(one) not in told),
        systems=tuple(systems_of(store)),
    )


def one_of(store: ProfileStore, name: str) -> models.Profile:
    """Return one profile. Raises ProfileNotFound."""
    for view in store.views():
        if view.info.name == name:
            return models.profile_of(view)
    store.source(name)  # names the nearest
    raise ProfileNotFound(f"no profile is called {name[:64]!r}.", value=name)


def systems_of(store: ProfileStore) -> list[models.SystemOption]:
    """Return the systems that profiles can be for here."""
    found = []
    for system in store.allowed_systems():
        kind, _ = registry.find(system)
        if kind is not None:
            title = _TITLES.get(system, system.capitalize())
            found.append(models.SystemOption(system=system, title=title, summary=kind.summary))
    return found


def _schema(store: ProfileStore, system: str) -> Schema:
    if not registry.is_known(system):
        raise ProfileNotFound(
            f"no system is called {system[:64]!r}.", hint=f"There are: {', '.join(registry.names())}.", value=system
        )
    return Schema({**schema(system), "x-locked": store.locked_for(system)})


def _problems(store: ProfileStore, name: str, data: dict[str, Any]) -> list[Problem]:
    try:
        return forms.problems_of(store, name, data)
    except (WrongState, ProfileError) as error:  # the file of this name cannot be changed by a form
        return [Problem(str(error))]


ROUTES: list[tuple[str, type[Handler]]] = [
    ("profiles", All),
    (r"profiles/schema/([^/]+)", SystemSchema),
    ("profiles/validate", Validate),
    ("profiles/preview", Preview),
    ("profiles/discover", Discover),
    (r"profiles/([^/]+)", One),
]

__all__ = ["ROUTES", "all_of", "one_of", "systems_of"]
