"""What the person behind a request may do with ``dask-steward``."""

from __future__ import annotations

from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from dask_steward.server.base import Handler
from dask_steward.server.operations import Action


async def may(handler: Handler, action: Action) -> bool:
    """Tell whether the authorizer of this server allows an action."""
    return bool(
        await ensure_async(
            handler.authorizer.is_authorized(handler, handler.current_user, action, handler.auth_resource)
        )
    )


async def need(handler: Handler, action: Action) -> None:
    """Refuse a request that needs more than its verb does. Raises HTTPError (403)."""
    if not await may(handler, action):
        raise HTTPError(403, f"You may not {action} {handler.auth_resource} here.")
