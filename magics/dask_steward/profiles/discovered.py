"""Files that discovery writes, and how a later discovery brings them up to date without touching what a person wrote.

A generated file ends its head with a line that says what was generated: a digest of the rest of the text, and the
value of each field. A file whose digest still fits is written anew as a whole. In one that somebody has changed since,
only those fields are brought up to date that still have the value which was generated; every other value, comment and
line stays. A file without such a line is a person's, and is left alone.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import os
import re
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dask_steward.errors import ProfileError, UsageError
from dask_steward.profiles import edit, registry
from dask_steward.profiles.discovering import Proposal
from dask_steward.profiles.layers import layers
from dask_steward.profiles.merging import value_at
from dask_steward.profiles.problems import short_path
from dask_steward.profiles.reading import read_text
from dask_steward.profiles.searching import SUFFIXES
from dask_steward.profiles.store import ProfileStore

Action = Literal["new", "changed", "same", "yours"]

PROBED = ("options.interface", "options.scheduler_options.interface", "options.local_directory")
"""Fields that only a probe can tell; a discovery without one leaves them as the last probe set them."""

_HEAD = """\
# Written by `dask-steward discover {}`. Change what you like: a later discovery brings only those fields up to date
# that you have not changed. Delete the line that begins with "# discovered:", and discovery leaves the file alone."""
_MARK = re.compile(r"^# discovered: 1 ([0-9a-f]{16}) (\{.*\})[ \t]*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """What discovery would do to one file.

    Attributes
    ----------
    name : str
        The profile's name.
    file : Path
        Its file.
    action : str
        ``new``, ``changed``, ``same`` (nothing to do) or ``yours`` (a person's file, which is left alone).
    text : str
        What the file will hold.
    before : str
        What it holds.
    kept : tuple of str
        Fields that differ from what the site says now and stay, since a person set them.
    """

    name: str
    file: Path
    action: Action
    text: str = ""
    before: str = ""
    kept: tuple[str, ...] = ()

    @property
    def diff(self) -> str:
        """What changes, as a unified diff without the line that says what was generated; empty where nothing does."""
        old, new = (_MARK.sub("", text).splitlines(keepends=True) for text in (self.before, self.text))
        old_name = "/dev/null" if self.action == "new" else short_path(self.file)
        return "".join(difflib.unified_diff(old, new, old_name, short_path(self.file)))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "file": os.fspath(self.file),
            "action": self.action,
            "kept": list(self.kept),
            "diff": self.diff if self.action in ("new", "changed") else "",
        }


def folder_of(store: ProfileStore, level: str) -> Path:
    """Return the folder that profiles of a level are written to.

    Raises
    ------
    UsageError
        If there is none.
    """
    if level == "user":
        return store.user_folder
    for layer in layers():
        if layer.level == level:
            return layer.folder
    raise UsageError(f"There is no profile folder of the level {level}.", field="level", value=level)


def changes(folder: Path, proposals: Iterable[Proposal], *, probed: Collection[str] = ()) -> list[Change]:
    """Return what to do to the files of a folder so that they say what was found; nothing is written.

    Parameters
    ----------
    folder : Path
        The profile folder.
    proposals : iterable of Proposal
        What was found.
    probed : collection of str
        Partitions of which a probe told what `PROBED` names.
    """
    return [_change(folder, proposal, proposal.place in probed) for proposal in proposals]


def gone(folder: Path, names: Iterable[str], system: str) -> list[str]:
    """Return the profiles of a folder that an earlier discovery of a system wrote, and that this one would not."""
    known = set(names)
    found = []
    for file in sorted(folder.glob(f"{system}-*")) if folder.is_dir() else []:
        if file.suffix in SUFFIXES and file.stem not in known and _MARK.search(_read(file)):
            found.append(file.stem)
    return found


def write(store: ProfileStore, change: Change) -> None:
    """Write one change.

    Raises
    ------
    ProfileError
        If the profile would be wrong (a site's rules may forbid it), or the file cannot be written, or somebody
        changed it since it was read.
    """
    edit.refuse_wrong(store, change.name, change.file, change.text)
    if change.action == "changed" and _read(change.file) != change.before:
        raise ProfileError(f"{short_path(change.file)} was changed meanwhile.", hint="Run the discovery again.")
    edit.write(change.file, change.text, replace=change.action == "changed")


def text_of(proposal: Proposal) -> str:
    """Return the text of a new file."""
    remarks = [line for remark in proposal.remarks for line in _comment(remark)]
    head = _HEAD.format(proposal.fields["system"])
    above, below = "".join(f"{line}\n" for line in (head, "#", *remarks)), _yaml(proposal.fields)
    return above + _mark(_digest(above + below), proposal.fields) + below


def _mark(digest: str, fields: Mapping[str, Any]) -> str:
    return f"# discovered: 1 {digest} {json.dumps(fields, ensure_ascii=False)}\n"


def _digest(rest: str) -> str:
    return hashlib.sha256(rest.encode()).hexdigest()[:16]


def _comment(text: str) -> Sequence[str]:
    return textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)


def _yaml(fields: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    data: dict[str, Any] = {}
    for path, value in fields.items():
        *above, last = path.split(".")
        holder = data
        for part in above:
            holder = holder.setdefault(part, {})
        # Unquoted, 01:00:00 is a number in sixties to programs that read YAML 1.1.
        is_clock = isinstance(value, str) and re.fullmatch(r"[0-9:-]+", value)
        holder[last] = DoubleQuotedScalarString(value) if is_clock else value
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _change(folder: Path, proposal: Proposal, probed: bool) -> Change:
    file = next((path for path in _files(folder, proposal.name) if os.path.lexists(path)), None)
    if file is None:
        return Change(proposal.name, folder / f"{proposal.name}{SUFFIXES[0]}", "new", text_of(proposal))
    before = _read(file)
    mark = _MARK.search(before)
    base = _base(mark)
    if mark is None or base is None:
        return Change(proposal.name, file, "yours", before, before)
    if not probed:
        fields = {path: value for path, value in proposal.fields.items() if path not in PROBED}
        fields |= {path: base[path] for path in PROBED if path in base}
        proposal = Proposal(proposal.name, proposal.place, fields, proposal.remarks)
    no_field: tuple[str, ...] = ()
    if _digest(_without(before, mark)) == mark[1]:
        text, kept = text_of(proposal), no_field
    else:
        text, kept = _merged(before, mark, base, proposal, file)
    return Change(proposal.name, file, "same" if text == before else "changed", text, before, kept)


def _files(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}{suffix}" for suffix in SUFFIXES]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # no file of ours
    except OSError as error:
        raise ProfileError(f"{short_path(file)} cannot be read: {error.strerror or error}.") from error


def _base(mark: re.Match[str] | None) -> dict[str, Any] | None:
    try:
        found = json.loads(mark[2]) if mark is not None else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _without(text: str, mark: re.Match[str]) -> str:
    return text[: mark.start()] + text[mark.end() :]


def _merged(
    before: str, mark: re.Match[str], base: Mapping[str, Any], proposal: Proposal, file: Path
) -> tuple[str, tuple[str, ...]]:
    """Bring those fields of an edited file up to date that have the value which was generated."""
    document = read_text(before, file)
    system = proposal.fields["system"]
    kind, _ = registry.find(system)
    if document.problems or kind is None or document.data.get("system") != system:
        return before, ()  # `profiles check` says what is wrong with it
    changed: dict[tuple[str, ...], Any] = {}
    kept = []
    for path in dict.fromkeys((*base, *proposal.fields)):
        place = tuple(path.split("."))
        here, was, now = value_at(document.data, place), base.get(path), proposal.fields.get(path)
        if here == now:
            continue
        if here == was:
            changed[place] = edit.GONE if now is None else now
        else:
            kept.append(path)
    text = edit.changed_text(before, kind, changed) if changed else before
    again = _MARK.search(text)
    if again is None:
        return before, ()
    # The digest stays: it must go on to say that the file was edited.
    return text[: again.start()] + _mark(mark[1], proposal.fields) + text[again.end() :], tuple(kept)
