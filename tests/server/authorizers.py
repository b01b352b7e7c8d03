"""Who may do what, for servers of tests."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import Authorizer


class ReadOnly(Authorizer):
    """Everybody may look, and nothing else."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        """Tell whether it is allowed."""
        return action == "read" or resource != "dask-steward"
