# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Discovery: list, watch, and list again on any doubt.

A list is the whole truth; a watch goes on from the list's resourceVersion. When the stream breaks,
goes silent, or the server says that its history is gone (410), a new list replaces what was known,
so that a pod deleted meanwhile leaves. Where watch is refused and list is not, it polls.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import httpx2

from metrics_proxy.health import Mode, ProblemKind, ScopeHealth
from metrics_proxy.kubeconfig import AUTH_ERRORS
from metrics_proxy.pods import Deleted, Event, Listed, Pod, Upserted
from metrics_proxy.selector import Selector
from metrics_proxy.telemetry import Telemetry
from metrics_proxy.wire import (
    PodPage,
    Trouble,
    WatchEvent,
    lines_of,
    silent,
    status_trouble,
    unreachable,
)

log = logging.getLogger(__name__)

REFUSED = "refused_watch"


@dataclass(frozen=True, slots=True)
class Pace:
    """The times that discovery keeps, in seconds.

    The server ends a watch itself after ``server_timeout``, or up to a fifth more. ``silence`` is
    how long a watch may say nothing; it is longer, since a quiet cluster has no bookmark to send.
    ``retry_refused`` is how long a refusal to watch stands before it is tried again. ``page``
    counts pods.
    """

    server_timeout: float = 60.0
    silence: float = 90.0
    first_backoff: float = 0.5
    longest_backoff: float = 30.0
    poll: float = 15.0
    retry_refused: float = 60.0
    connect: float = 10.0
    answer: float = 30.0
    page: int = 500


@dataclass(slots=True)
class _Position:
    """The resourceVersion up to which a scope is known."""

    version: str


class Discovery:
    """Watches the pods of one scope. ``events`` never ends by itself and never raises."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        selector: Selector,
        health: ScopeHealth,
        telemetry: Telemetry,
        pace: Pace | None = None,
    ) -> None:
        self._client = client
        self._selector = selector
        self._health = health
        self._telemetry = telemetry
        self._pace = pace or Pace()
        self._failures = 0
        self._watching_since: float | None = None
        self._refusal: tuple[float, Trouble] | None = None
        # What the log was last told of; None while there is nothing to recover from.
        self._told: tuple[str, ProblemKind] | None = None

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield what happens to the scope's pods; a ``Listed`` comes first and after each doubt."""
        while True:
            listed, self._watching_since = False, None
            try:
                version, pods = await self.list()
                listed = self._health.listed = True
                yield Listed(self._health.scope, pods)
                async with aclosing(self._follow(version)) as changes:
                    async for change in changes:
                        yield change
            except Trouble as trouble:
                self._report(trouble, watching=listed)
                await asyncio.sleep(self._delay(trouble))

    async def list(self) -> tuple[str, tuple[Pod, ...]]:
        """List the scope's pods page by page: resourceVersion and pods. Raises Trouble."""
        pods: list[Pod] = []
        query = {"labelSelector": self._selector.text, "limit": str(self._pace.page)}
        while True:
            page = await self._page(query)
            pods.extend(page.items)
            if not page.metadata.continue_:
                return page.metadata.resource_version, tuple(pods)
            query["continue"] = page.metadata.continue_

    async def _page(self, query: dict[str, str]) -> PodPage:
        try:
            async with (
                asyncio.timeout(self._pace.answer),
                self._request(query, self._pace.answer) as response,
            ):
                body = await response.aread()
        except TimeoutError as error:
            raise silent(self._pace.answer) from error
        if response.status_code != 200:
            raise status_trouble(response.status_code, body, "list")
        self._health.touch()
        return PodPage.decode(body)

    async def _follow(self, version: str) -> AsyncGenerator[Event, None]:
        """Watch from a version, again and again while the server ends each watch in good order."""
        self._raise_if_just_refused()
        position = _Position(version)
        while True:
            began = time.monotonic()
            async with aclosing(self._watch(position)) as changes:
                async for change in changes:
                    yield change
            if time.monotonic() - began < self._pace.first_backoff:
                raise Trouble("broken", "the API server ended the watch as soon as it began")
            self._failures = 0
            self._telemetry.watch_restarts.inc()

    async def _watch(self, position: _Position) -> AsyncGenerator[Event, None]:
        async with self._request(self._watch_query(position), self._pace.silence) as response:
            if response.status_code != 200:
                raise self._watch_trouble(response.status_code, await response.aread())
            self._watching()
            async for line in lines_of(response.aiter_bytes()):
                self._health.touch()
                event = WatchEvent.decode(line)
                if (change := self._change(event, position)) is not None:
                    yield change

    def _watch_query(self, position: _Position) -> dict[str, str]:
        return {
            "labelSelector": self._selector.text,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": position.version,
            # Jittered, so that the scopes and the replicas do not all come back at once.
            "timeoutSeconds": str(round(self._pace.server_timeout * random.uniform(1, 1.2))),  # noqa: S311
        }

    def _change(self, event: WatchEvent, position: _Position) -> Event | None:
        match event.type:
            case "BOOKMARK":
                position.version = event.version()
                return None
            case "ADDED" | "MODIFIED" | "DELETED":
                pod = event.pod()
                position.version = pod.metadata.resource_version
                if event.type == "DELETED":
                    return Deleted(self._health.scope, pod.metadata.uid)
                return Upserted(self._health.scope, pod)
            case _:
                raise event.trouble()

    @asynccontextmanager
    async def _request(
        self, query: dict[str, str], silence: float
    ) -> AsyncIterator[httpx2.Response]:
        """Ask for the scope's pods; the server may say nothing for ``silence`` seconds."""
        response = await self._send(query, silence)
        try:
            yield response
        except httpx2.ReadTimeout as error:
            raise silent(silence) from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise unreachable(error, self._client.base_url) from error
        finally:
            await response.aclose()

    async def _send(self, query: dict[str, str], silence: float) -> httpx2.Response:
        """Send a request, with whatever its credentials take, and wait for the answer's head."""
        scope = self._health.scope
        path = f"api/v1/namespaces/{scope}/pods" if scope else "api/v1/pods"
        timeout = httpx2.Timeout(self._pace.connect, read=silence, pool=None)
        try:
            request = self._client.build_request("GET", path, params=query, timeout=timeout)
            async with asyncio.timeout(self._pace.answer):
                return await self._client.send(request, stream=True)
        except TimeoutError as error:
            raise silent(self._pace.answer) from error
        except (httpx2.HTTPError, httpx2.StreamError, *AUTH_ERRORS) as error:
            raise unreachable(error, self._client.base_url) from error

    def _watch_trouble(self, code: int, body: bytes) -> Trouble:
        trouble = status_trouble(code, body, "watch")
        if code in {403, 405}:
            trouble = Trouble(REFUSED, trouble.message, trouble.problem)
            self._refusal = (time.monotonic(), trouble)
        return trouble

    def _raise_if_just_refused(self) -> None:
        if self._refusal is not None:
            refused_at, trouble = self._refusal
            if time.monotonic() - refused_at < self._pace.retry_refused:
                raise Trouble(REFUSED, trouble.message, trouble.problem)

    def _delay(self, trouble: Trouble) -> float:
        if trouble.kind == REFUSED:
            self._failures = 0
            return self._pace.poll * random.uniform(0.9, 1.1)  # noqa: S311
        if self._watched_for() > self._ceiling():
            self._failures = 0
        self._failures += 1
        if trouble.kind == "expired" and self._failures == 1:
            return 0.0
        return self._ceiling() * random.uniform(0.5, 1)  # noqa: S311

    def _ceiling(self) -> float:
        exponent = min(max(self._failures - 1, 0), 16)
        return min(self._pace.longest_backoff, self._pace.first_backoff * 2.0**exponent)

    def _watched_for(self) -> float:
        """Seconds since the watch that has just broken began; 0 where none did."""
        return time.monotonic() - self._watching_since if self._watching_since else 0.0

    def _watching(self) -> None:
        self._refusal = None
        self._watching_since = time.monotonic()
        self._health.mode = Mode.WATCHING
        self._health.problem = ""
        self._health.problem_kind = ProblemKind.NONE
        self._health.touch()
        self._tell_recovery()

    def _report(self, trouble: Trouble, *, watching: bool) -> None:
        """Count and remember a trouble, and log it where it has not been told yet."""
        self._telemetry.relists.labels(trouble.kind).inc()
        self._health.mode = Mode.POLLING if trouble.kind == REFUSED else Mode.RETRYING
        self._health.problem = trouble.message
        self._health.problem_kind = trouble.problem
        fields = {"scope": self._health.where, "reason": trouble.message}
        if trouble.kind == REFUSED:
            self._tell_recovery()
            self._tell(logging.INFO, "watch refused, polling", trouble, fields)
        elif watching and self._failures < 2:
            # A stream breaks now and then; a list mends it, and only one that fails is news.
            log.debug("watch broke off, listing anew", extra=fields)
        else:
            self._tell(logging.WARNING, "cannot follow the pods, retrying", trouble, fields)

    def _tell(self, level: int, text: str, trouble: Trouble, fields: dict[str, str]) -> None:
        told = (trouble.kind, trouble.problem)
        log.log(level if told != self._told else logging.DEBUG, text, extra=fields)
        self._told = told

    def _tell_recovery(self) -> None:
        if self._told is not None and self._told[0] != REFUSED:
            log.info("the Kubernetes API answers again", extra={"scope": self._health.where})
            self._told = None
