"""Discover what a site offers, and write profiles of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dask_steward import managers
from dask_steward.errors import ManagerUnreachable, UsageError
from dask_steward.managers.base import Unknown

if TYPE_CHECKING:
    from dask_steward.managers.slurm_offer import Site, User
    from dask_steward.profiles.discovered import Change
    from dask_steward.profiles.discovering import Found, Proposal

Progress = Callable[[str], None]


@dataclass
class Discovery:
    """What a discovery found, and what it does to the files of profiles.

    Attributes
    ----------
    changes : list of Change
        One for each profile: ``new``, ``changed``, ``same``, or ``yours``, which is left alone.
    left_out : dict
        Why a partition or queue has no profile, by its name.
    gone : list of str
        Profiles that an earlier discovery wrote, whose nodes or queues are no longer there (or not for this user).
    notes : list of str
        What could not be asked, and what a probe saw.
    written : list of str
        Names of the profiles that were written.
    """

    changes: list[Change]
    left_out: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @property
    def changed(self) -> list[Change]:
        """Files of an earlier discovery that would be overwritten."""
        return [one for one in self.changes if one.action == "changed"]

    def write(self, *, overwrite: bool = False) -> list[str]:
        """Write new profiles, and with `overwrite` also those of an earlier discovery; return their names.

        Raises
        ------
        ProfileError
            If a profile would be wrong, or a file cannot be written.
        """
        from dask_steward.profiles import ProfileStore, discovered

        store = ProfileStore()
        for one in self.changes:
            if one.name not in self.written and (one.action == "new" or (overwrite and one.action == "changed")):
                discovered.write(store, one)
                self.written.append(one.name)
        return self.written

    def text(self, *, whole: bool = False) -> str:
        """Return what was found for a person, and how files would change; with `whole` also those that are new."""
        from dask_steward.profiles.problems import short_path

        words = {"new": "new", "changed": "changed", "same": "up to date", "yours": "yours, left as it is"}
        width = max((len(one.name) for one in self.changes), default=0)
        lines = [f"{one.name.ljust(width)}  {words[one.action]}  {short_path(one.file)}" for one in self.changes]
        lines += [
            f"{one.name}: kept as you set {'it' if len(one.kept) == 1 else 'them'}: {', '.join(one.kept)}"
            for one in self.changes
            if one.kept
        ]
        lines += [f"{name}: no profile, {why}" for name, why in self.left_out.items()]
        lines += [f"{name}: nothing fits it any more (dask-steward profiles remove {name})" for name in self.gone]
        lines += [f"note: {note}" for note in self.notes]
        shown = ("new", "changed") if whole else ("changed",)
        lines += ["", *(one.diff for one in self.changes if one.action in shown)]
        return "\n".join(lines).rstrip() or "nothing was found"

    def written_text(self) -> str:
        """Return what was written, and what waits for an answer."""
        left = [one.name for one in self.changed if one.name not in self.written]
        parts = [f"Wrote {', '.join(self.written)}."] if self.written else []
        if left:
            parts.append(f"Not overwritten: {', '.join(left)}; --yes does that.")
        if not parts:
            parts = ["Nothing to write."]
        return " ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "profiles": [one.to_dict() for one in self.changes],
            "left_out": self.left_out,
            "gone": self.gone,
            "notes": self.notes,
            "written": self.written,
        }

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # IPython's hook

    def __str__(self) -> str:
        return self.text()


def discover(
    system: str = "slurm",
    *,
    probe: bool = False,
    write: bool = True,
    overwrite: bool = False,
    level: str = "user",
    on_progress: Progress | None = None,
) -> Discovery:
    """Write profiles from what a site offers its user.

    Files that somebody has changed since an earlier discovery keep all that was changed, and files that a person wrote
    are left alone.

    Parameters
    ----------
    system : str
        ``slurm`` or ``yarn``.
    probe : bool
        Run one job of a few seconds in each partition of Slurm, to find the network interface by which nodes reach this
        machine, and scratch on the nodes. None of them is left behind.
    write : bool
        False: only tell what would be written; `Discovery.write` writes it.
    overwrite : bool
        Also bring files of an earlier discovery up to date.
    level : str
        ``user`` or ``environment``: whose profile folder.
    on_progress : callable, optional
        Given a sentence now and then, while probes run.

    Raises
    ------
    UsageError
        If the system cannot be discovered, or there is no such folder.
    ManagerUnreachable
        If the site cannot be asked.
    ProfileError
        If a profile cannot be written.
    """
    if system not in _SYSTEMS:
        known = " and ".join(sorted(_SYSTEMS))
        raise UsageError(f"system: {system!r} cannot be discovered; {known} can.", field="system", value=system)
    if level not in ("user", "environment"):
        raise UsageError(f"level: {level!r} is not user or environment.", field="level", value=level)
    from dask_steward.profiles import ProfileStore, discovered

    folder = discovered.folder_of(ProfileStore(), level)
    offer = _SYSTEMS[system](probe, on_progress)
    changes = discovered.changes(folder, offer.proposals, probed=offer.probed)
    gone = discovered.gone(folder, [one.name for one in offer.proposals], system)
    made = Discovery(changes, offer.left_out, gone, offer.notes)
    if write:
        made.write(overwrite=overwrite)
    return made


@dataclass(frozen=True)
class Offer:
    """What a site offers its user: profiles, why there are no others, sentences for a person, and what was probed."""

    proposals: list[Proposal]
    left_out: dict[str, str]
    notes: list[str]
    probed: frozenset[str] = frozenset()


def _slurm(probe: bool, on_progress: Progress | None) -> Offer:
    from dask_steward.managers.slurm_offer import User
    from dask_steward.profiles import discovering

    user = User.of_process()
    site = _slurm_site(user)
    notes = list(site.notes)
    found = _probed(site, user, notes, on_progress) if probe else {}
    proposals, left_out = discovering.propose(site, user, found)
    return Offer(proposals, left_out, notes, frozenset(found))


def _yarn(probe: bool, on_progress: Progress | None) -> Offer:
    from dask_steward.managers.yarn import Yarn
    from dask_steward.managers.yarn_offer import ask_site
    from dask_steward.profiles.discovering_yarn import propose

    if probe:
        raise UsageError(
            "probe: YARN needs none: where containers run, its ResourceManager tells all that a profile says.",
            field="probe",
            hint="Leave out --probe.",
        )
    site = ask_site(Yarn(dict(os.environ)))
    if isinstance(site, Unknown):
        raise ManagerUnreachable(
            f"YARN cannot be asked: {site.reason}.",
            hint="HADOOP_CONF_DIR names the folder whose yarn-site.xml says where the ResourceManager is.",
        )
    proposals, left_out = propose(site)
    return Offer(proposals, left_out, list(site.notes))


_SYSTEMS: dict[str, Callable[[bool, Progress | None], Offer]] = {"slurm": _slurm, "yarn": _yarn}


def _slurm_site(user: User) -> Site:
    from dask_steward.managers import command
    from dask_steward.managers.slurm import Slurm
    from dask_steward.managers.slurm_site import ask_site

    path = os.environ.get("PATH", os.defpath)
    if command.find("scontrol", path) is None or not managers.available()["slurm"]:
        raise ManagerUnreachable(
            "Slurm's commands (scontrol, sbatch) are not on the PATH.",
            hint="Run this on a login node, perhaps after `module load slurm`.",
        )
    site = ask_site(Slurm(), user)
    if isinstance(site, Unknown):
        raise ManagerUnreachable(
            f"Slurm cannot be asked: {site.reason}.", hint="`scontrol ping` says whether its controller answers."
        )
    return site


def _probed(site: Site, user: User, notes: list[str], on_progress: Progress | None) -> dict[str, Found]:
    from dask_steward.control.probing import probe
    from dask_steward.profiles.discovering import probe_directives

    partitions = probe_directives(site, user)
    if not partitions:
        return {}
    found, told = probe(partitions, on_progress)
    notes += told
    return found
