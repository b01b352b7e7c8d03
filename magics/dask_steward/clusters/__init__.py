"""Build and drive the Dask cluster of each system: the scheduler, its workers, and what they hold."""

from __future__ import annotations

import sys

from dask_steward._rooms import CallableRoom

sys.modules[__name__].__class__ = CallableRoom
