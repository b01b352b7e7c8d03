"""Dask's names of tasks in the user's words."""

from __future__ import annotations

import re

#: What reductions and Dask's own layers put behind the name of what a person called.
_TAIL = re.compile(r"[-_](?:aggregate|agg|chunk|combine|partial)(?=[-_]|$)")
#: xarray adds the variable's name, and in older versions a word before it.
_OPENED = re.compile(r"^(?:original-)?(open_dataset|open_mfdataset|open_zarr)(?:-.*)?$")
_HEAD = re.compile(r"^original-")
#: What Dask puts together at the end of ``compute``.
_RESULT = re.compile(r"^finalize(?:compute)?(?:-.*)?$")


def task_name(prefix: str) -> str:
    """Return what a person called, for the prefix of Dask's keys.

    Groups of one name are one to a person: the chunks and the aggregation of a mean are the mean.

    Examples
    --------
    >>> [task_name(one) for one in ("mean_chunk", "mean_combine-partial", "mean_agg-aggregate")]
    ['mean', 'mean', 'mean']
    >>> task_name("open_dataset-air"), task_name("rechunk-merge"), task_name("finalize")
    ('open_dataset', 'rechunk-merge', 'result')
    """
    if _RESULT.match(prefix):
        return "result"
    opened = _OPENED.match(prefix)
    if opened:
        return opened[1]
    name = _TAIL.sub("", _HEAD.sub("", prefix))
    words: list[str] = []
    for word in name.split("-"):
        # Fused tasks carry all their names: the same one twice says nothing more.
        if word and word not in words[-1:]:
            words.append(word)
    return "-".join(words) or prefix
