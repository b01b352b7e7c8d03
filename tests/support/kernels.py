"""Kernels that are spoken to over unix sockets.

Over TCP five ports are looked for first and opened by the kernel a second later; where tests run beside each other
somebody else has taken one of them now and then, and the kernel is dead.
"""

from __future__ import annotations

import os
import uuid

import jupyter_client.manager
from jupyter_core.paths import jupyter_runtime_dir
from traitlets import HasTraits, default


class _OverSockets(HasTraits):
    @default("transport")
    def _transport_default(self) -> str:
        return "ipc"

    @default("ip")
    def _ip_default(self) -> str:
        return os.path.join(jupyter_runtime_dir(), f"k{uuid.uuid4().hex[:8]}")


class KernelManager(_OverSockets, jupyter_client.manager.KernelManager):
    """Starts a kernel."""


class AsyncKernelManager(_OverSockets, jupyter_client.manager.AsyncKernelManager):
    """Starts a kernel from an event loop, such as nbclient's."""
