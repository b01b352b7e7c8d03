"""Dask's names of tasks in the user's words."""

from __future__ import annotations

import re

#: What reductions and Dask's own layers put behind the name of what a person called.
_TAIL = re.compile(r"[-_](?:aggregate|agg|chunk|combine|partial)(?=[-_]|$)|-tree(?=-|$)|(?<=-)fused-")
#: xarray adds the variable's name, and in older versions a word before it.
_OPENED = re.compile(r"^(?:original-)?(open_dataset|open_mfdataset|open_zarr)(?:-.*)?$")
_HEAD = re.compile(r"^original-|^_(?=\w+_chunk)")
#: What Dask puts together at the end of ``compute``; a data frame becomes one piece.
_RESULT = re.compile(r"^finalize(?:compute)?(?:-.*)?$|^repartitiontofewer$")
#: Dask DataFrame calls its steps by its own classes.
_FRAMES = (
    (re.compile(r"^frompandas$"), "from_pandas"),
    (re.compile(r"^readparquet\w*$"), "read_parquet"),
    (re.compile(r"^readcsv$"), "read_csv"),
    (re.compile(r"^(?:hash-join-transfer|hashjoinp2p|blockwisemerge)$"), "merge"),
    (re.compile(r"^(?:(?:group-|split-)?(?:task|disk|p2p|simple)shuffle|shuffle-(?:transfer|barrier))$"), "shuffle"),
)


def task_name(prefix: str) -> str:
    """Return what a person called, for the prefix of Dask's keys.

    Groups of one name are one to a person: the chunks and the aggregation of a mean are the mean.

    Examples
    --------
    >>> [task_name(one) for one in ("mean_chunk", "mean_combine-partial", "mean_agg-aggregate")]
    ['mean', 'mean', 'mean']
    >>> task_name("open_dataset-air"), task_name("rechunk-merge"), task_name("finalize")
    ('open_dataset', 'rechunk-merge', 'result')
    >>> task_name("_mean_chunk"), task_name("mean-tree"), task_name("getitem-fused-assign")
    ('mean', 'mean', 'getitem-assign')
    """
    if _RESULT.match(prefix):
        return "result"
    opened = _OPENED.match(prefix)
    if opened:
        return opened[1]
    for pattern, called in _FRAMES:
        if pattern.match(prefix):
            return called
    name = _TAIL.sub("", _HEAD.sub("", prefix))
    words: list[str] = []
    for word in name.split("-"):
        # Fused tasks carry all their names: the same one twice says nothing more.
        if word and word not in words[-1:]:
            words.append(word)
    return "-".join(words) or prefix
