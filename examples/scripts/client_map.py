"""Call one function with a long list of arguments, on all workers of a cluster.

python client_map.py            # on this machine
python client_map.py slurm      # on the cluster of a profile of yours
"""

from __future__ import annotations

import sys

from distributed import Client

import dask_steward as ds

N = 10_000


def square(x: int) -> int:
    """Return the square of a number: the work."""
    return x * x


def main() -> None:
    """Start a cluster, use it, give it back: also when this fails, or is killed."""
    profile = sys.argv[1] if len(sys.argv) > 1 else "local"
    with ds.start(profile) as cluster, Client(cluster) as client:
        total = sum(client.gather(client.map(square, range(N))))
    print(f"the sum of the first {N} squares is {total}")


if __name__ == "__main__":
    main()
