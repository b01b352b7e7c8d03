"""Ask Slurm what a site offers: partitions, nodes, accounts and qualities of service."""

from __future__ import annotations

import re

from dask_steward.managers import slurm_parse
from dask_steward.managers.base import Unknown
from dask_steward.managers.slurm import Slurm
from dask_steward.managers.slurm_offer import Site, User
from dask_steward.managers.slurm_site_parse import (
    parse_associations,
    parse_config,
    parse_nodes,
    parse_partitions,
    parse_qos,
    parse_table,
)

ACCOUNTING_OFF = "Slurm's accounting is off here, so there are no accounts or qualities of service to choose from"


def ask_site(slurm: Slurm, user: User, *, timeout: float | None = None) -> Site | Unknown:
    """Ask Slurm for all of it; what accounting cannot tell is a note, not a failure.

    Parameters
    ----------
    slurm : Slurm
        Which Slurm.
    user : User
        For whom.
    timeout : float, optional
        Seconds that one command may take.
    """

    def ask(*arguments: str) -> str | Unknown:
        done = slurm.ask(arguments, timeout)
        if isinstance(done, Unknown):
            return done
        if done.status != 0:
            said = slurm_parse.words(done.err, done.out) or f"exit status {done.status}"
            return Unknown(f"{arguments[0]}: {said}")
        return done.out

    answers = []
    for what in ("partition", "node"):
        answer = ask("scontrol", "--oneliner", "show", what)
        if isinstance(answer, Unknown):
            return answer
        answers.append(answer)
    partitions, nodes = parse_partitions(answers[0]), parse_nodes(answers[1])
    if not partitions:
        return Unknown("scontrol shows no partition")
    answer = ask("scontrol", "show", "config")
    config = {} if isinstance(answer, Unknown) else parse_config(answer)
    enforced = frozenset(re.split(r"[,\s]+", config.get("AccountingStorageEnforce", "").lower())) - {"", "none"}
    if config.get("AccountingStorageType", "") in ("accounting_storage/none", "(null)"):
        return Site(partitions, nodes, enforced=enforced, notes=(f"{ACCOUNTING_OFF}.",))
    cluster = config.get("ClusterName", "")
    where = (f"user={user.name}", *((f"cluster={cluster}",) if cluster else ()))
    shown = "format=account%-60,partition%-60,qos%-400,defaultqos%-60,maxwall%-30"
    table = ("sacctmgr", "--parsable2", "--readonly", "show")
    accounts = ask(*table, "associations", *where, shown)
    if isinstance(accounts, Unknown):
        note = f"Your accounts and qualities of service are not known ({accounts.reason})."
        # Nothing is refused for what is not known.
        return Site(partitions, nodes, notes=(note,))
    person = ask(*table, "user", user.name, "format=user%-60,defaultaccount%-60")
    qos = ask(*table, "qos", "format=name%-60,maxwall%-30")
    rows = () if isinstance(person, Unknown) else tuple(parse_table(person))
    return Site(
        partitions,
        nodes,
        parse_associations(accounts),
        next((row["Def Acct"] for row in rows if row.get("Def Acct")), None),
        {} if isinstance(qos, Unknown) else parse_qos(qos),
        enforced,
    )
