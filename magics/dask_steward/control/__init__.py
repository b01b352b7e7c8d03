"""The client's side: start a keeper, speak to it, and hold a cluster like any other Dask cluster."""

from __future__ import annotations
