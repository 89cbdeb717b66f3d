# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the stand-in has seen, and waiting for it to see more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in. ``verb``: list, watch, get, create, patch or delete."""

    verb: str
    namespace: str
    name: str
    query: Mapping[str, str]
    authorization: str = ""


class Recorder:
    """Remembers requests, and wakes whoever waits for a condition each time something happens."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._waiters: set[asyncio.Future[None]] = set()

    def saw(self, request: Request) -> None:
        """Remember a request."""
        self.requests.append(request)
        self.happened()

    def happened(self) -> None:
        """Let every waiter look again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, condition: Callable[[], object], within: float) -> None:
        """Return as soon as the condition holds. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not condition():
                await self._next_event()

    async def _next_event(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
