"""What stands in the profile folders: one look, with the files that did not change since the last one kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dask_steward.profiles import registry
from dask_steward.profiles.layers import Layer, Level
from dask_steward.profiles.problems import Problem
from dask_steward.profiles.reading import Document, read_file
from dask_steward.profiles.site_rules import STEM, SiteRules

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_WORDS = "letters, digits, dots, - and _, beginning with a letter or digit, at most 64"
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Candidate:
    """A file (or a builtin, without one) that a name may mean."""

    document: Document
    level: Level
    source: Path | None


@dataclass
class Found:
    """What one look at the folders found: for each name its candidates, the one that wins first."""

    candidates: dict[str, list[Candidate]] = field(default_factory=dict)
    rules: SiteRules = field(default_factory=SiteRules)
    problems: list[Problem] = field(default_factory=list)

    def add_builtin(self, name: str, *, by_name: bool) -> None:
        """Add the builtin profile of a name, behind all files, if there is one, and, not by name, if it is of use."""
        candidates = self.candidates.get(name, [])
        if not registry.is_known(name) or any(candidate.level == "builtin" for candidate in candidates):
            return
        kind, _ = registry.find(name)
        if kind is not None and kind.builtin is not None and (by_name or kind.offered()):
            document = Document(Path(f"<builtin {name}>"), {"system": name, **kind.builtin})
            self.candidates.setdefault(name, []).append(Candidate(document, "builtin", None))


class Search:
    """Looks at folders, and remembers what it read."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[tuple[int, ...], Document]] = {}

    def look(self, folders: Iterable[Layer], only: str | None = None) -> Found:
        """Look at the folders.

        Parameters
        ----------
        folders : iterable of Layer
            The folders, the one that wins first.
        only : str, optional
            A name; the models of other systems are not imported for their builtins then.
        """
        found = Found()
        for layer in folders:
            self._look_at(layer, found)
        for system in registry.names() if only is None else [only]:
            found.add_builtin(system, by_name=only is not None)
        return found

    def _look_at(self, layer: Layer, found: Found) -> None:
        try:
            entries = sorted(os.listdir(layer.folder))
        except FileNotFoundError:
            if layer.named:
                message = "does not exist, though DASK_STEWARD_PROFILES names it"
                found.problems.append(Problem(message, file=layer.folder))
            return
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            found.problems.append(Problem(f"cannot be searched for profiles: {reason}", file=layer.folder))
            return
        here: dict[str, str] = {}
        for entry in entries:
            stem, suffix = os.path.splitext(entry)
            file = layer.folder / entry
            if suffix.lower() not in SUFFIXES or entry.startswith("."):
                continue
            if stem == STEM:
                self._site_rules(layer, file, found)
            elif not NAME.fullmatch(stem):
                found.problems.append(bad_name(file))
            elif stem in here:
                found.problems.append(Problem(f"is hidden by {here[stem]} beside it", file=file, profile=stem))
            else:
                here[stem] = entry
                found.candidates.setdefault(stem, []).append(Candidate(self._document(file), layer.level, file))

    def _site_rules(self, layer: Layer, file: Path, found: Found) -> None:
        if layer.level == "system":
            found.rules.read(self._document(file))
        else:
            message = "has no effect here; an administrator's rules stand in a profile folder of the system level"
            found.problems.append(Problem(message, file=file))

    def _document(self, file: Path) -> Document:
        try:
            status = file.stat()
        except (OSError, ValueError):
            return read_file(file)
        signature = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns, status.st_mode)
        known = self._read.get(file)
        if known is None or known[0] != signature:
            known = self._read[file] = (signature, read_file(file))
        return known[1]


def bad_name(file: Path) -> Problem:
    """Return the problem of a file whose name cannot be a profile's."""
    return Problem(f"its name cannot be a profile's: {NAME_WORDS}", file=file)
