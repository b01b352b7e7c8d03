"""The reference of the magics, from their parsers."""

from __future__ import annotations

from generate.parser_page import sections

INTRODUCTION = """# The magics

```ipython
%load_ext dask_steward
```

registers two magics. A size, a name, or a field of the profile can be given with either:

```ipython
%%dask_cluster slurm --jobs 10 --set options.walltime="02:00:00"
data.mean("time").compute()
```

runs the cell on a cluster that ends with the cell, also when the cell fails or is interrupted; and

```ipython
%dask_cluster start slurm --jobs 10
```

starts one that stays until `%dask_cluster stop`, or until the kernel ends. In both cases `client` and `cluster` are
there to be used, and Dask's default client is set, so that `.compute()` runs on the cluster.

Mistakes are one line, and an error like any other: *Run all*, nbclient and papermill stop at them.
"""


def page() -> str:
    """Return the page."""
    from dask_steward.magics.parser import cell_parser, line_parser

    return "\n".join([INTRODUCTION, *sections(cell_parser()), *sections(line_parser())])
