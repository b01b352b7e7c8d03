"""The anywidget itself: what the kernel and a page tell each other. Imported only where anywidget is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from dask_steward.errors import StewardError
from dask_steward.widgets.bundle import BUNDLE

#: What a page asks: the name of an act and its arguments; what is returned is the answer.
Act = Callable[[str, dict[str, Any]], Any]


class View(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """What is displayed of one thing, in any number of outputs.

    Parameters
    ----------
    kind : str
        ``cluster`` or ``progress``.
    cluster_id : str
        Which cluster it is about.
    act : callable
        Does what a page asks. Called in a thread of its own.
    looked : callable
        Called with True when a page shows it, with False when none does any more.

    Attributes
    ----------
    card : dict
        The cluster's card, as the server's REST has it.
    progress : dict
        What is computed.
    followed : bool
        Whether news still come.
    """

    _esm = BUNDLE.read_text(encoding="utf-8")

    kind = traitlets.Unicode().tag(sync=True)
    cluster_id = traitlets.Unicode(allow_none=True).tag(sync=True)
    card = traitlets.Instance(dict, allow_none=True).tag(sync=True)
    progress = traitlets.Instance(dict, allow_none=True).tag(sync=True)
    followed = traitlets.Bool(True).tag(sync=True)

    def __init__(self, *, act: Act, looked: Callable[[bool], None], **state: Any) -> None:
        super().__init__(**state)
        self._act, self._looked = act, looked
        self._pages: set[str] = set()
        self._pages_lock = threading.Lock()
        self.on_msg(self._heard)
        _let_through(self.comm)

    # -- what a page says --

    def _heard(self, _: Any, content: Any, buffers: Any) -> None:
        """Take a message; in whatever thread, for as short as can be."""
        if not isinstance(content, dict):
            return
        if content.get("kind") == "view":
            self._count(str(content.get("view")), bool(content.get("open")))
        elif content.get("kind") == "ask":
            threading.Thread(target=self._answer, args=(content,), name="dask-steward-act", daemon=True).start()

    def _count(self, page: str, shown: bool) -> None:
        with self._pages_lock:
            before = bool(self._pages)
            (self._pages.add if shown else self._pages.discard)(page)
            now = bool(self._pages)
        if before != now:
            self._looked(now)

    def _answer(self, content: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"kind": "answer", "id": content.get("id")}
        given = content.get("args")
        try:
            answer["value"] = self._act(str(content.get("what")), given if isinstance(given, dict) else {})
        except StewardError as error:
            answer["error"] = error.message
        except Exception as error:  # noqa: BLE001 - whatever it is, the person who pressed the button must hear of it
            answer["error"] = f"{type(error).__name__}: {error}"
        if self.comm is not None:
            self.send(answer)

    # -- its end --

    @property
    def closed(self) -> bool:
        """Whether somebody else has closed its comm: marimo does when the cell that made it is run again."""
        return self.comm is None or bool(getattr(self.comm, "_closed", False))

    def retire(self) -> None:
        """Let go of everything on this side; pages keep what they show.

        A widget that is closed in the usual way takes its views out of every page. Here nobody hears of it.
        """
        import comm

        self.followed = False
        for one in (self, self.layout):
            channel = one.comm
            if channel is not None:
                channel._closed = True
                manager = getattr(channel, "comm_manager", None) or comm.get_comm_manager()  # marimo's has its own
                with contextlib.suppress(KeyError):  # closed before, by whoever runs the cell again
                    manager.unregister_comm(channel)
                one.close()


def _let_through(channel: Any) -> None:
    """Let a page's messages take the way that the page chose.

    ipykernel 7.4 sends what a page says on a comm to the shell that published on it last. That is the main one here,
    which a busy cell blocks; JupyterLab asks for a subshell. Can go when ipykernel lets a comm say where it is heard.
    """
    if hasattr(channel, "_reply_subshell_for"):
        channel._reply_subshell_for = lambda data, default: default
