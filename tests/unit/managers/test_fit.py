"""Jobs that no node of a site can hold."""

from __future__ import annotations

import pytest

from dask_steward.managers import slurm_parse
from dask_steward.managers.base import NodeSize, Unknown
from dask_steward.managers.fit import unfit
from dask_steward.managers.slurm import Slurm
from tests.support.private_slurm import PrivateSlurm

GIB = 2**30
SITE = (
    NodeSize("normal", True, 24, 120 * GIB),
    NodeSize("normal", True, 48, 60 * GIB),
    NodeSize("big", False, 64, 1000 * GIB),
)


@pytest.mark.parametrize(
    ("partition", "cores", "memory", "words"),
    [
        ("normal", 24, 120 * GIB, None),
        (None, 24, 121 * GIB, "121.0 GiB fits on no node of the partition normal: the largest has 120.0 GiB"),
        ("normal", 49, GIB, "49 cores fits on no node of the partition normal: the largest has 48"),
        ("normal", 48, 120 * GIB, "48 cores and 120.0 GiB fits on no node of the partition normal"),
        ("big", 49, 121 * GIB, None),
        ("unheard-of", 1000, 1000 * GIB, None),
        ("normal", None, None, None),
    ],
)
def test_a_job_that_fits_no_node_is_told_apart(
    partition: str | None, cores: int | None, memory: int | None, words: str | None
) -> None:
    found = unfit(SITE, partition, cores=cores, memory=memory)
    assert (found is None) if words is None else (found is not None and words in found)


def test_lines_of_a_wrapper_around_sinfo_are_passed_over() -> None:
    text = "Welcome | to the site\nnormal*|24|122880\nbig|64+|1024000+\n"
    assert slurm_parse.parse_sinfo(text) == (
        NodeSize("normal", True, 24, 120 * GIB),
        NodeSize("big", False, 64, 1000 * GIB),
    )


def test_a_real_slurm_tells_its_node_sizes(slurm: PrivateSlurm) -> None:
    sizes = Slurm().node_sizes()
    assert not isinstance(sizes, Unknown)
    assert NodeSize("debug", True, 4, 4000 * 2**20) in sizes
