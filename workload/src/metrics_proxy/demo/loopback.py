# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""An aiohttp application on a loopback socket that can go away, and come back on its port."""

from __future__ import annotations

import socket
from collections.abc import Callable

from aiohttp import web

HOST = "127.0.0.1"


class LoopbackServer:
    """Serves what ``application`` makes, from ``start`` to ``stop``, as often as wanted.

    While it is stopped its port refuses connections but stays taken. Otherwise a client that
    keeps on trying a free port can be given that very port, and connect to itself.
    """

    def __init__(self, application: Callable[[], web.Application], port: int = 0) -> None:
        self._application = application
        self._runner: web.AppRunner | None = None
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]

    async def start(self) -> None:
        """Listen. A second start without a stop is an error."""
        if self._runner is not None:
            raise RuntimeError("it is serving already")
        # A client that leaves ends its handler: a watch is over when nobody reads it.
        self._runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        """Be gone, as after a kill: connections are cut, and no new ones taken."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        server = runner.server
        for connection in server.connections if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()
        self._socket.close()
        self._socket = _bound(self.port)

    async def close(self) -> None:
        """Stop for good, and give the port back."""
        await self.stop()
        self._socket.close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
