"""``python -m dask_steward.keeper FOLDER``."""

from __future__ import annotations

import sys

from dask_steward.keeper.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
