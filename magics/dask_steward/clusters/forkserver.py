"""Worker processes that start from a process which has Dask imported already.

With multiprocessing's *spawn* each worker imports Dask anew (about 0.9 s of a core); with its *forkserver* one process
does, and the workers are forks of it. Here that process is itself a fork of the keeper, made right after the keeper has
imported Dask and before it has any thread, so that the import is paid once for the keeper, too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from multiprocessing import connection, forkserver, resource_tracker, util
from typing import Any, cast

#: ``PR_SET_PDEATHSIG`` of ``<sys/prctl.h>``.
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies: nothing is left even if nobody can clean up.

    It also ends a worker in a C call that holds the GIL, where Dask's own watching thread cannot run.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start() -> bool:
    """Fork the server of worker processes from this process; to be called before any thread is started.

    Returns
    -------
    bool
        False where this Python's multiprocessing differs from what we know (3.10 to 3.13); its own forkserver then
        imports Dask once more.
    """
    server = cast(Any, forkserver)._forkserver
    if sys.version_info >= (3, 14) or not hasattr(server, "_forkserver_alive_fd"):
        return False
    resource_tracker.ensure_running()
    listener = socket.socket(socket.AF_UNIX)
    address = cast(Any, connection).arbitrary_address("AF_UNIX")
    listener.bind(address)
    if not cast(Any, util).is_abstract_socket_namespace(address):
        os.chmod(address, 0o600)
    listener.listen()
    alive_read, alive_write = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(alive_write)
            die_with_parent()
            if os.getppid() == parent:
                os.set_inheritable(alive_read, False)
                forkserver.main(listener.fileno(), alive_read, [])
        finally:
            os._exit(0)
    os.close(alive_read)
    listener.close()
    server._forkserver_address = address
    server._forkserver_alive_fd = alive_write
    server._forkserver_pid = pid
    return True
