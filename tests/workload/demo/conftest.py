# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in, and a client that reads its answers over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from metrics_proxy.demo import StandIn

POD = {"metadata": {"name": "a"}, "spec": {}}


class Stream:
    """An open watch as its client sees it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event: its type and object."""
        async with asyncio.timeout(10):
            line = await self.response.content.readline()
        if not line.endswith(b"\n"):
            raise EOFError(line)
        event = json.loads(line)
        return event["type"], event["object"]

    async def names(self, count: int) -> list[tuple[str, str]]:
        """The types and pod names of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(kind, thing["metadata"]["name"]) for kind, thing in events]

    async def ended(self) -> bool:
        """Whether nothing but the clean end follows."""
        async with asyncio.timeout(10):
            return await self.response.content.read() == b""


class Client:
    """Requests of the API; ``token`` goes with each."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.token: str | None = None

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        kind: str = "application/json",
        **query: str,
    ) -> tuple[int, dict[str, Any]]:
        """The status and the JSON of an answer."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {**self._headers(), "Content-Type": kind}
        async with self._session.request(
            method, path, params=query, data=data, headers=headers
        ) as response:
            assert response.headers["Content-Type"] == "application/json"
            return response.status, await response.json()

    async def list(self, path: str = "/api/v1/pods", **query: str) -> dict[str, Any]:
        """A PodList."""
        status, content = await self.ask("GET", path, **query)
        assert status == 200, content
        return content

    async def patch(self, path: str, patch: object) -> tuple[int, dict[str, Any]]:
        """A merge patch's answer."""
        return await self.ask("PATCH", path, patch, "application/merge-patch+json")

    @asynccontextmanager
    async def watch(self, path: str = "/api/v1/pods", **query: str) -> AsyncIterator[Stream]:
        """An open watch."""
        params = {"watch": "true", **query}
        async with self._session.get(path, params=params, headers=self._headers()) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "application/json"
            assert response.headers["Transfer-Encoding"] == "chunked"
            yield Stream(response)

    def _headers(self) -> dict[str, str]:
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}


Connect = Callable[[StandIn], AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def _connect(standin: StandIn) -> AsyncIterator[Client]:
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(standin.url, timeout=timeout) as session:
        yield Client(session)


@pytest.fixture
def connect() -> Connect:
    return _connect


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn() as standin:
        yield standin


@pytest.fixture
async def client(standin: StandIn, connect: Connect) -> AsyncIterator[Client]:
    async with connect(standin) as client:
        yield client


@pytest.fixture(autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    """Fail a test that leaves a task behind."""
    before = asyncio.all_tasks()
    yield
    own = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() - before if task is not own]
    assert left == []
