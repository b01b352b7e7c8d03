"""The process that owns one cluster: its scheduler, its workers, its ledger entry and its control socket."""

from __future__ import annotations
