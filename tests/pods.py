# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Real little HTTP servers that stand for pods, on loopback addresses of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ssl import SSLContext

from aiohttp import web

from metrics_proxy.targets import PORT, SCRAPE

TEXT = "text/plain; version=0.0.4; charset=utf-8"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PodServer:
    """A pod that answers; ``annotations`` lead a proxy to it, ``requests`` are what it saw.

    ``peers`` are the addresses that they came from.
    """

    def __init__(self, ip: str, port: int) -> None:
        self.ip = ip
        self.port = port
        self.requests: list[web.Request] = []
        self.peers: list[tuple[str, int]] = []

    @property
    def url(self) -> str:
        """Where it answers, less the path."""
        return (
            f"http://[{self.ip}]:{self.port}" if ":" in self.ip else f"http://{self.ip}:{self.port}"
        )

    @property
    def annotations(self) -> dict[str, str]:
        """What makes it a target."""
        return {SCRAPE: "true", PORT: str(self.port)}


@asynccontextmanager
async def pod_server(
    answer: str | bytes | Answer,
    *,
    ip: str = "127.0.0.1",
    tls: SSLContext | None = None,
    port: int = 0,
) -> AsyncIterator[PodServer]:
    """Serve a body, or what a handler answers, on any path."""

    async def handle(request: web.Request) -> web.StreamResponse:
        pod.requests.append(request)
        assert request.transport is not None
        pod.peers.append(request.transport.get_extra_info("peername"))
        if callable(answer):
            return await answer(request)
        body = answer.encode() if isinstance(answer, str) else answer
        return web.Response(body=body, headers={"Content-Type": TEXT})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, ip, port, ssl_context=tls)
        await site.start()
        pod = PodServer(ip, runner.addresses[0][1])
        yield pod
    finally:
        await runner.cleanup()


async def hang(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError
