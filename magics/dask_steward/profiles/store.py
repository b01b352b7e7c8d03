"""All profiles of a user: found in layers of folders, merged, locked and checked."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dask_steward.errors import ProfileNotFound, UsageError
from dask_steward.profiles import registry
from dask_steward.profiles.checking import build, mark_of
from dask_steward.profiles.infos import ProfileInfo, ProfileView
from dask_steward.profiles.layers import Layer, layers, user_folder
from dask_steward.profiles.merging import (
    OWN,
    Layered,
    Lock,
    Path,
    field_path,
    keep_locked,
    lay_overrides,
    lock_groups,
    value_at,
)
from dask_steward.profiles.models import Profile
from dask_steward.profiles.problems import Problem, error_of, field_name, nearest, shown
from dask_steward.profiles.reading import Document, read_file
from dask_steward.profiles.searching import NAME, SUFFIXES, Candidate, Found, Search, bad_name
from dask_steward.profiles.site_rules import STEM, SiteRules, lockable


class ProfileStore:
    """The profiles that can be started here.

    The folders are looked at on every call, so that a store can be kept; files that did not change are not read again.

    Parameters
    ----------
    folders : sequence of Layer, optional
        The folders to search, the one that wins first. Default: those of ``DASK_STEWARD_PROFILES`` and Jupyter's
        config path.
    """

    def __init__(self, folders: Sequence[Layer] | None = None) -> None:
        self._folders = folders
        self._search = Search()

    @property
    def folders(self) -> list[Layer]:
        """The folders that are searched, the one that wins first."""
        return layers() if self._folders is None else list(self._folders)

    @property
    def user_folder(self) -> pathlib.Path:
        """The folder that new profiles are written to. Raises UsageError where there is none."""
        if self._folders is None:
            return user_folder()
        for layer in self._folders:
            if layer.level == "user":
                return layer.folder
        raise UsageError("None of the profile folders is the user's.")

    def names(self) -> list[str]:
        """Return the names of all profiles, also of those with problems."""
        return sorted(self._look().candidates)

    def infos(self) -> list[ProfileInfo]:
        """Return what a list shows of each profile, by name."""
        found = self._look()
        return [self._info(found, name) for name in sorted(found.candidates)]

    def problems(self) -> list[Problem]:
        """Return all that is wrong with any file, each once."""
        found = self._look()
        every = [*found.problems, *found.rules.problems]
        for name in sorted(found.candidates):
            every.extend(self._info(found, name).problems)
            # Files that another level hides are checked too: they may show up tomorrow.
            for candidate in found.candidates[name][1:]:
                every.extend(self._finish(found, name, self._merge(found, name, candidate), {})[1])
        seen: dict[str, Problem] = {}
        for problem in every:
            seen.setdefault(str(problem), problem)
        return list(seen.values())

    def source(self, name: str) -> pathlib.Path | None:
        """Return the file of a profile; None for a builtin one. Raises ProfileNotFound."""
        return self._candidate(self._look(), name).source

    def written(self, name: str) -> dict[str, Any]:
        """Return what the file of a profile says itself. Raises ProfileNotFound."""
        return self._candidate(self._look(), name).document.data

    def views(self) -> list[ProfileView]:
        """Return all that is known of each profile, by name, from one look at the folders."""
        found = self._look()
        views = []
        for name in sorted(found.candidates):
            info, profile = self._judged(found, name)
            resolved = None if info.problems else profile
            views.append(ProfileView(info, dict(found.candidates[name][0].document.data), resolved))
        return views

    def locked_for(self, system: str) -> dict[str, Any]:
        """Return the fields that an administrator locked for all profiles of a system, with their values."""
        return {field_name(path): lock.value for path, lock in self._look().rules.locks_of(system).items()}

    def allowed_systems(self) -> list[str]:
        """Return the systems of which an administrator allows clusters here."""
        rules = self._look().rules
        return [system for system in registry.names() if rules.refuse(system) is None]

    def check(self, file: pathlib.Path, document: Document | None = None) -> list[Problem]:
        """Return all that is wrong with a file, which need not be in a profile folder.

        Parameters
        ----------
        file : Path
            The file.
        document : Document, optional
            What is going to be written to it; default: what it holds.
        """
        document = document or read_file(file)
        if file.stem == STEM:
            rules = SiteRules()
            rules.read(document)
            return rules.problems
        problems = [] if NAME.fullmatch(file.stem) else [bad_name(file)]
        if file.suffix.lower() not in SUFFIXES:
            problems.append(
                Problem(f"is not found as a profile: its name must end in {' or '.join(SUFFIXES)}", file=file)
            )
        return problems + self._of_file(file, document)[1]

    def resolve_text(self, file: pathlib.Path, document: Document) -> Profile:
        """Return the profile that a file would be if it held a document, with all that it extends and what is locked.

        Raises
        ------
        ProfileError
            If anything is wrong, with every problem.
        """
        profile, problems = self._of_file(file, document)
        if problems or profile is None:
            raise error_of(file.stem, problems)
        return profile

    def _of_file(self, file: pathlib.Path, document: Document) -> tuple[Profile | None, list[Problem]]:
        found = self._look()
        layer = next((layer for layer in self.folders if _same(layer.folder, file.parent)), None)
        candidate = Candidate(document, layer.level if layer else "user", file)
        others = found.candidates.get(file.stem, [])
        # The file itself may be among them; what it extends under its own name comes after it.
        place = next((at for at, other in enumerate(others) if other.source and _same(other.source, file)), None)
        found.candidates[file.stem] = [candidate, *(others if place is None else others[place + 1 :])]
        profile, problems, _ = self._finish(found, file.stem, self._merge(found, file.stem, candidate), {})
        return profile, problems

    def resolve(self, name: str, overrides: Mapping[str, Any] | None = None) -> Profile:
        """Return a profile with all that it extends, what is locked, and values set over it.

        Parameters
        ----------
        name : str
            Name of the profile.
        overrides : mapping, optional
            Paths of fields (``options.cores``) with their values, which may be texts as a command line has them.

        Raises
        ------
        ProfileNotFound
            If no profile has the name.
        ProfileError
            If anything is wrong, with every problem.
        """
        found = self._look(name)
        candidate = self._candidate(found, name)
        profile, problems, _ = self._finish(found, name, self._merge(found, name, candidate), overrides or {})
        if problems or profile is None:
            raise error_of(name, problems)
        return profile

    def _candidate(self, found: Found, name: str) -> Candidate:
        if name in found.candidates:
            return found.candidates[name][0]
        known = sorted(self._look().candidates)
        near = nearest(name, known)
        hint = f"Did you mean {near}?" if near else f"There are: {', '.join(known)}."
        raise ProfileNotFound(f"no profile is called {shown(name)}.", hint=hint, value=name)

    def _info(self, found: Found, name: str) -> ProfileInfo:
        return self._judged(found, name)[0]

    def _judged(self, found: Found, name: str) -> tuple[ProfileInfo, Profile | None]:
        candidate = found.candidates[name][0]
        layered = self._merge(found, name, candidate)
        profile, problems, locked = self._finish(found, name, layered, {})
        system = layered.data.get("system")
        info = ProfileInfo(
            name=name,
            title=profile.title or name if profile else name,
            description=profile.description if profile else None,
            system=system if isinstance(system, str) else None,
            source=candidate.source,
            level=candidate.level,
            locked=tuple(field_name(path) for path in locked),
            launcher=profile.launcher is True if profile else False,
            problems=tuple(problems),
        )
        return info, profile

    def _finish(
        self, found: Found, name: str, layered: Layered, overrides: Mapping[str, Any]
    ) -> tuple[Profile | None, list[Problem], dict[Path, Lock]]:
        """Apply overrides and locks, and check the whole."""
        system = layered.data.get("system")
        kind, problem = registry.find(system)
        problems = list(layered.problems)
        if kind is None:
            # Without a system nothing more can be said, but for the fields that every profile has.
            explained = any(not known.path or known.path == ("extends",) for known in problems)
            if problem is not None and not (system is None and explained):
                problems.append(layered.place(problem))
            common = {key: value for key, value in layered.data.items() if key not in ("system", "options")}
            for each in build(Profile, common, together=False)[1]:
                if each.suggestion or not each.of_name:  # a field that this base does not know may be of the system
                    problems.append(layered.place(each))
            return None, _sorted(problems, name), {}
        forbidden = found.rules.refuse(system)
        problems += [layered.place(forbidden)] if forbidden else []
        locks = {**layered.locks, **found.rules.locks_of(str(system))}
        before = keep_locked(layered, found.rules.locks_of(str(system)), kind)
        if overrides:
            before += lay_overrides(layered, overrides, kind)
            before += keep_locked(layered, locks, kind)
        profile, more = build(kind, {**layered.data, "name": name})
        problems += before + [layered.place(each) for each in more]
        if profile is not None:
            profile._marks.update(layered.values)
        return profile, _sorted(problems, name), locks

    def _merge(
        self, found: Found, name: str, candidate: Candidate, trail: tuple[tuple[str, Candidate], ...] = ()
    ) -> Layered:
        """Lay a profile over all that it extends."""
        document = candidate.document
        trail = (*trail, (name, candidate))
        base = Layered()
        problems = list(document.problems)
        extends = document.data.get("extends")
        if extends is not None:
            following, problem = self._extended(found, name, candidate, extends, trail)
            if problem is not None:
                problems.append(problem.at(mark_of(document.values, ("extends",))))
            if following is not None:
                base = self._merge(found, following[0], following[1], trail)
                base.data = {key: value for key, value in base.data.items() if key not in OWN}
                problems += self._other_system(base, document, extends)
        system = base.data.get("system")
        base.lay(document)
        if system is not None:
            base.data["system"] = system
        kind = registry.find(base.data.get("system"))[0]
        if candidate.level != "system":
            problems += keep_locked(base, base.locks, kind)
        base.problems = [*base.problems, *problems, *self._lock(base, candidate, kind)]
        if "name" in document.data:
            del base.data["name"]
            message = "a profile is named by its file; title is what lists show"
            base.problems.append(base.place(Problem(message, ("name",), document.data["name"], True, of_name=True)))
        return base

    def _extended(
        self, found: Found, name: str, candidate: Candidate, extends: Any, trail: Iterable[tuple[str, Candidate]]
    ) -> tuple[tuple[str, Candidate] | None, Problem | None]:
        wanted = getattr(extends, "text", None) or extends
        if not isinstance(wanted, str):
            return None, None  # the model says so
        found.add_builtin(wanted, by_name=True)
        candidates = found.candidates.get(wanted, [])
        if wanted == name and candidate in candidates:
            candidates = candidates[candidates.index(candidate) + 1 :]
            if not candidates:
                return None, Problem("no other level has a profile of this name to extend", ("extends",), extends, True)
        if not candidates:
            known = [other for other in self._look().candidates if other != name]
            near = nearest(wanted, known)
            allowed = None if near else ", ".join(sorted(known))
            return None, Problem("no profile has this name", ("extends",), extends, True, allowed, near)
        following = candidates[0]
        names = [step[0] for step in trail]
        if any(step[1] is following for step in trail):
            return None, Problem(f"extends itself: {' → '.join([*names, wanted])}", ("extends",), extends, True)
        return (wanted, following), None

    def _other_system(self, base: Layered, document: Document, extends: Any) -> list[Problem]:
        own, inherited = document.data.get("system"), base.data.get("system")
        if own is None or inherited is None or own == inherited:
            return []
        message = (
            f"the profile extends {shown(extends)}, which is for {shown(inherited)}; both must be for the same system"
        )
        return [Problem(message, ("system",), own, True).at(mark_of(document.values, ("system",)))]

    def _lock(self, layered: Layered, candidate: Candidate, kind: type[Profile] | None) -> list[Problem]:
        """Lock the fields that an administrator's profile names to the values that it has."""
        given = layered.data.get("lock")
        if given is None:
            return []
        if candidate.level != "system":
            message = "only an administrator can lock fields, in a profile folder of the system level"
            return [layered.place(Problem(message, ("lock",), given, True, of_name=True))]
        problems = []
        for index, text in enumerate(given if isinstance(given, list) else []):
            if not isinstance(text, str) or kind is None:
                continue  # the model says so
            mark = mark_of(layered.values, ("lock", index))
            wrong = lockable(kind, text)
            if wrong is not None:
                problems.append(
                    Problem(wrong.message, ("lock", index), text, True, wrong.allowed, wrong.suggestion).at(mark)
                )
                continue
            path = field_path(kind, text)
            layered.locks[path] = Lock(path, value_at(layered.data, path), mark)
            lock_groups(layered, path, mark)
        return problems

    def _look(self, only: str | None = None) -> Found:
        return self._search.look(self.folders, only)


def _sorted(problems: list[Problem], name: str) -> list[Problem]:
    """Order problems as they stand in their files, those without a file last, each once."""
    once = {str(problem): problem.of(name) for problem in problems}
    return sorted(
        once.values(), key=lambda known: (known.file is None, str(known.file), known.line or 0, known.column or 0)
    )


def _same(one: pathlib.Path, other: pathlib.Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
