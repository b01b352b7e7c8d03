"""The probe of YARN: one application of some seconds, which tells whether containers reach this machine, and it them.

It runs in the queue, and as the user, of a profile, with skein's master as a cluster's application has it. Its guard,
its line and its lifetime end it, as they end a cluster. At last comes ``{"seen": facts, "problems": {}}``:

``ends``, ``seen``
    ``host:port`` of each end here by its name, and what became of it: ``reached``, or why it was not.
``node``
    Where the container ran; None where none ran.
``back``
    Address of the application's master, and why it cannot be reached from here (null where it can); null as a whole
    where there was none.
``reason``
    Why the application has no container, or has ended too early.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import Any

from dask_steward.clusters import yarn_check, yarn_probe, yarn_spec, yarn_words
from dask_steward.clusters.yarn_driver import Driver, aside, load_skein
from dask_steward.errors import StartFailed
from dask_steward.keeper.probe import Probing, say
from dask_steward.ledger import holdings
from dask_steward.managers import yarn_logs
from dask_steward.managers.base import Unknown
from dask_steward.managers.yarn import Application, Yarn

#: Its kind and key in the ledger.
KIND = KEY = "application"
#: Seconds for the submit of an application that brings no files.
SUBMIT_LIMIT = 60.0
#: Seconds beyond its own limit for which YARN lets it live.
GRACE = 30.0
#: Seconds for one connection from here, and for its container to have told all it has to tell.
CONNECT_LIMIT, TELL_LIMIT = 5.0, 30.0
#: Seconds between two looks.
LOOK = 0.3


class YarnProber(Probing):
    """The probe application of one entry, for the entry's profile; its request says the ``limit`` (seconds)."""

    manager: Yarn

    def run(self) -> None:
        profile, folder = self.entry.profile, self.entry.folder
        load_skein(folder)
        self._driver = Driver(folder)
        plan = yarn_spec.plan(profile.get("options") or {})
        yarn_check.check(plan, self.manager)
        ends = yarn_probe.Ends(profile)
        self._report = ends.report
        self.seen = {"back": None, "reason": None}
        try:
            say({"progress": "the driver that speaks to YARN is starting"})
            asyncio.run(self._driver.start())
            if self.stop.is_set():
                return
            id = self._submit(yarn_probe.specification(plan.spec, self.entry.tag, ends.script()), plan.spec.queue)
            self._watch(id, float(self.entry.request["probe"]["limit"]))
        finally:
            ends.close()
            self.seen.update(asdict(ends.report))

    def _submit(self, spec: Any, queue: str) -> str:
        self.log.write(KIND, KEY, holdings.INTENT)
        try:
            id = str(asyncio.run(aside(self._driver.client.submit, spec, limit=SUBMIT_LIMIT)))
        except asyncio.TimeoutError as error:
            raise StartFailed(f"YARN did not say within {SUBMIT_LIMIT:g} s whether it took the application.") from error
        except Exception as error:  # whatever skein makes of what Hadoop throws
            refused = yarn_words.refusal(error, queue)
            if refused.certain:
                self.log.write(KIND, KEY, holdings.REFUSED, reason=refused.sentence)
            raise StartFailed(refused.sentence, field=refused.field, hint=refused.hint) from error
        self.log.write(KIND, KEY, holdings.HELD, id)
        self.manager.lifetime(id, float(self.entry.request["probe"]["limit"]) + GRACE)
        return id

    def _watch(self, id: str, limit: float) -> None:
        """Wait until it is known how containers and this machine reach each other, or the time for that is over."""
        deadline, tell_by, told = time.monotonic() + limit, 0.0, ""
        while not self.stop.wait(LOOK):
            report = self.manager.application(id)
            if isinstance(report, Unknown):
                words = f"the ResourceManager cannot be asked: {report.reason}"
            elif report is None:
                self.seen["reason"] = self.manager.gone
                return
            elif report.over:
                self.seen["reason"] = None if self._report.whole else yarn_words.over(report)
                return
            elif report.state == "RUNNING":
                tell_by = tell_by or time.monotonic() + TELL_LIMIT
                words = "its container runs, and looks whether it reaches this machine"
                self._look(report)
                if (self._report.whole and self.seen["back"] is not None) or time.monotonic() > tell_by:
                    return
            else:
                words = yarn_words.waiting(report)
            if words != told:
                told = words
                say({"progress": f"{id}: {words}"})
            if time.monotonic() > (tell_by or deadline):
                self.seen["reason"] = words
                return

    def _look(self, report: Application) -> None:
        """Reach for its master, and read what its container has said, where that does not come by itself."""
        self._report.node = self._report.node or report.node
        if self.seen["back"] is None and report.am_rpc:
            self.seen["back"] = {
                "address": report.am_rpc,
                "why": yarn_probe.reaches(report.am_rpc, CONNECT_LIMIT),
            }
        if not self._report.whole and report.am_host and report.am_container:
            secure = str(next(iter(self.manager.addresses), "")).startswith("https:")
            scheme = "https" if secure else "http"
            text = yarn_logs.running(
                report.am_host, report.am_container, self.manager.user, scheme=scheme, timeout=CONNECT_LIMIT
            )
            if not isinstance(text, Unknown):
                self._report.read(text)

    def release(self) -> str | None:
        left = super().release()
        driver = getattr(self, "_driver", None)
        if driver is not None:
            driver.stop()
        if left is None:
            self.manager.tidy(self.entry.folder, [one.id for one in self.log.known.values() if one.id])
        return left
