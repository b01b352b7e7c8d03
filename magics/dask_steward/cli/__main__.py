"""``python -m dask_steward.cli``."""

from __future__ import annotations

import sys

from dask_steward.cli import main

if __name__ == "__main__":
    sys.exit(main())
