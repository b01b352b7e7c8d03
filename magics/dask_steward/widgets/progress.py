"""``Progress``: computations shown while they run, and what became of them once they have ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dask_steward.console.live import Live
from dask_steward.console.progress_text import progress_text
from dask_steward.control.following import Followed, follow
from dask_steward.control.progress_html import progress_html
from dask_steward.control.scrub import hosts_of, scrubbed
from dask_steward.errors import StewardError, UsageError
from dask_steward.progress_data import ProgressView

if TYPE_CHECKING:
    from dask_steward.control.cluster import Cluster

#: Seconds for which what was just submitted is waited for, and between two looks: a graph is on its way for a moment.
ARRIVES, LOOKS = 2.0, 0.05
#: Keys of futures that are asked by: all of one ``map`` are one computation.
KEYS = 100


class Progress:
    """Follow what computes.

    As the last expression of a cell it shows itself: live where the front end can show widgets, else as text and HTML,
    which are replaced by how it ended. Around computations (``with Progress():``) it is a bar that is gone or final
    when they are done.

    Parameters
    ----------
    *what : dask collections, futures, xarray objects, or lists of them
        What to follow, also before it is computed. Nothing: everything that the client submits.
    client : distributed.Client, optional
        Of one of Dask Steward's clusters; by default that of the futures, or Dask's default client.

    Raises
    ------
    UsageError
        If there is no such client, its scheduler is somebody else's, or something given is neither a collection nor a
        future.

    Examples
    --------
    >>> import dask_steward as ds
    >>> mean = data.mean("time").persist()  # doctest: +SKIP
    >>> ds.widgets.Progress(mean)  # doctest: +SKIP
    """

    def __init__(self, *what: Any, client: Any = None) -> None:
        groups, keys, found = _names(what)
        self._client = client if client is not None else found if found is not None else _default_client()
        self.cluster: Cluster = _cluster_of(self._client)
        if self.cluster.foreign:
            raise UsageError(
                f"The scheduler of {self.cluster.name} is somebody else's, where computations are not told apart.",
                hint="Use distributed.progress; %dask_cluster status and dask-steward status have its tasks by kind.",
            )
        if what:
            self._followed = Followed(self.cluster, sorted(groups), sorted(keys))
        else:
            self._followed = Followed(self.cluster, client=str(self._client.id))
        self._submitted = _is_submitted(what)
        self._live: Live | None = None

    def view(self) -> ProgressView:
        """Return what is known now, as plain data."""
        return self._followed.view()

    def arrived(self) -> ProgressView:
        """Return what is known as soon as the scheduler knows of what was submitted: it may be saved as it is shown."""
        deadline = time.monotonic() + ARRIVES
        while True:
            view = self.view()
            if view["computations"] or not self._submitted or time.monotonic() > deadline:
                return view
            time.sleep(LOOKS)

    def follow(self, tell: Callable[[ProgressView], None]) -> Callable[[], None]:
        """Call `tell` in a thread of its own with what is new, until everything has ended; return what ends that."""
        return follow(self._followed, tell)

    def close(self) -> None:
        """Follow nothing that is submitted from now on."""
        self._followed.close()

    def __enter__(self) -> Progress:
        self._live = self.live()
        self._live.begin()
        return self

    def live(self, kind: str = "auto", *, patience: float = 0.0) -> Live:
        """Return a display that a ``with`` shows: a line on a terminal, one output in a notebook.

        Parameters
        ----------
        kind : str
            ``bar`` for text, ``widget`` for the widget, with a sentence where it is not installed; ``auto`` for the
            widget where it is.
        patience : float
            Seconds that something must have run before it appears.
        """
        note = _missing() if kind == "widget" else None
        return Live(
            self._followed,
            patience=patience,
            widget=dict if kind == "bar" else lambda: _live_bundle(self),
            note=note,
            hidden=self._hosts(),
        )

    def _hosts(self) -> set[str]:
        try:
            return hosts_of(self.cluster.state)
        except StewardError:
            return set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        live, self._live = self._live, None
        if live is not None:
            live.end()

    def __repr__(self) -> str:
        return progress_text(self.arrived())

    def static(self, view: ProgressView, note: str | None = None) -> dict[str, Any]:
        """Return what any program can show: text and HTML, which are saved and so say nothing of the site."""
        hidden = self._hosts()
        text = progress_text(view) + (f"\n{note}" if note else "")
        return {"text/plain": scrubbed(text, hidden), "text/html": progress_html(view, hidden, note)}

    def bundle(self, view: ProgressView) -> dict[str, Any]:
        """Return all that a notebook can show of it."""
        live = _live_bundle(self)
        return {**live, **self.static(view, None if live else _missing())}

    def _ipython_display_(self) -> None:
        from dask_steward.widgets.outputs import show

        if not show(self):
            raise NotImplementedError  # IPython then asks for the other forms

    def _display_(self) -> Any:
        """Return what marimo shows."""
        from dask_steward.control.shown import Markup
        from dask_steward.widgets import progress_widget

        return progress_widget(self) or Markup(progress_html(self.arrived(), self._hosts(), _missing()))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.bundle(self.arrived())


def _live_bundle(progress: Progress) -> dict[str, Any]:
    """Return what the widget adds, where its parts are installed."""
    from dask_steward import widgets

    make = getattr(widgets, "progress_widget", None)
    widget = make(progress) if make is not None else None
    if widget is None:
        return {}
    bundle = widget._repr_mimebundle_()
    found: dict[str, Any] = bundle[0] if isinstance(bundle, tuple) else bundle or {}
    return dict(found)


def _missing() -> str | None:
    """Return what to install for a live display; None where it is there."""
    from dask_steward.widgets.bundle import missing

    return missing()


def _default_client() -> Any:
    from distributed import default_client

    try:
        return default_client()
    except ValueError as error:
        raise UsageError(
            "There is no client whose computations could be shown.",
            hint="Make one: client = cluster.get_client(). Dask's one-machine schedulers have dask.diagnostics.",
        ) from error


def _cluster_of(client: Any) -> Cluster:
    from dask_steward.control.api import clusters
    from dask_steward.control.cluster import Cluster

    cluster = getattr(client, "cluster", None)
    if isinstance(cluster, Cluster):
        return cluster
    address = str(getattr(getattr(client, "scheduler", None), "address", "") or "")
    for one in clusters():
        if isinstance(one, Cluster) and address and one.scheduler_address == address:
            return one
    raise UsageError(
        f"The scheduler of this client ({address or 'not connected'}) is none of Dask Steward's clusters.",
        hint="Start the cluster with dask_steward.start, or use distributed.progress.",
    )


def _names(what: Iterable[Any]) -> tuple[set[str], set[str], Any]:
    """Return names of task groups, keys that are plain texts, and the client of the first future."""
    from dask.base import is_dask_collection
    from dask.core import flatten
    from distributed import Future
    from distributed.client import futures_of
    from distributed.utils import key_split_group

    groups: set[str] = set()
    keys: set[str] = set()
    client = None
    expressions: list[Any] = []
    for one in _flat(what):
        if isinstance(one, Future):
            client = client or one.client
            found = [one.key]
        elif is_dask_collection(one):
            found = list(_keys_of(one.__dask_keys__(), flatten))
            groups.update(_layers_of(one))
            if hasattr(one, "expr"):
                expressions.append(one)
                # What was persisted has keys of its own in front of the ones that are known there.
                found += [future.key for future in futures_of(one)]
        else:
            raise UsageError(
                f"A {type(one).__name__} is neither a Dask collection nor a future.",
                hint="Give what dask.compute or client.gather would take.",
            )
        for key in found:
            if isinstance(key, str):
                if len(keys) < KEYS:
                    keys.add(key)
            else:
                groups.add(str(key_split_group(key)))
    for form in _rewritten(expressions):
        groups.update(str(key_split_group(key)) for key in _keys_of(form.__dask_keys__(), flatten))
    return groups, keys, client


def _is_submitted(what: Iterable[Any]) -> bool:
    """Tell whether there are futures among it, as those behind what was persisted."""
    from distributed.client import futures_of

    return any(futures_of(one) for one in _flat(what))


def _keys_of(keys: Any, flatten: Callable[..., Iterable[Any]]) -> Iterator[Any]:
    """Yield one key of each group."""
    seen: set[Any] = set()
    for key in flatten(keys):
        name = key[0] if isinstance(key, tuple) else key
        if name not in seen:
            seen.add(name)
            yield key


def _rewritten(expressions: list[Any]) -> Iterator[Any]:
    """Yield expressions as Dask submits them: it rewrites them before, and each way gives other names."""
    if not expressions:
        return
    yield from (one.optimize() for one in expressions)  # as a collection's own persist does
    try:
        from dask._expr import FinalizeCompute
        from dask.base import collections_to_expr
    except ImportError:  # before Dask 2025.4 there was no other way
        return
    alone = [[one] for one in expressions]
    for some in alone if len(alone) == 1 else [expressions, *alone]:
        expression = collections_to_expr(some)
        yield expression.optimize()  # as dask.persist does
        yield FinalizeCompute(expression).optimize()  # as every compute does


def _layers_of(collection: Any) -> Iterator[str]:
    """Yield the names of layers by which a computation of a collection is known.

    A result of one block is fused into what Dask puts behind it, and its name is lost; the first layers before it that
    have several blocks are not.
    """
    graph = collection.__dask_graph__()
    layers, dependencies = getattr(graph, "layers", None), getattr(graph, "dependencies", None)
    if layers is None or dependencies is None:
        return
    seen: set[str] = set()
    stack = [name for name in collection.__dask_layers__() if name in layers]
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        yield str(name)
        if len(layers[name].get_output_keys()) == 1:
            stack.extend(dependencies[name])


def _flat(what: Iterable[Any]) -> Iterator[Any]:
    for one in what:
        if isinstance(one, list | tuple | set | frozenset):
            yield from _flat(one)
        elif isinstance(one, dict):
            yield from _flat(one.values())
        else:
            yield one
