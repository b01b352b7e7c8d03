"""Who asks a site what it offers."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    """Who asks.

    Attributes
    ----------
    name : str
        Name of the account on the host.
    groups : frozenset of str
        Names of its groups.
    is_root : bool
        Whether it is root, whom Slurm asks for no group.
    """

    name: str
    groups: frozenset[str]
    is_root: bool = False

    @classmethod
    def of_process(cls) -> User:
        """Return the user of this process."""
        import grp
        import pwd

        uid = os.geteuid()
        groups = set()
        for number in {os.getegid(), *os.getgroups()}:
            try:
                groups.add(grp.getgrgid(number).gr_name)
            except KeyError:
                continue  # a group of a file server that this host has no name for
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        return cls(name, frozenset(groups), uid == 0)


def groups_of(name: str) -> frozenset[str] | None:
    """Return the groups of an account, by what this host knows; None where it does not know the account."""
    import grp
    import pwd

    try:
        account = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = set()
    for number in os.getgrouplist(name, account.pw_gid):
        try:
            groups.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return frozenset(groups)
