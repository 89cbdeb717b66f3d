# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Watches: what a change means to each, and the stream of events one client reads."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

import msgspec

from metrics_proxy.demo import objects
from metrics_proxy.demo.paging import Scope
from metrics_proxy.demo.status import ApiError, JsonObject
from metrics_proxy.demo.store import Change

Write = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pace:
    """When a watch says something of its own accord, in seconds. As the real API does.

    ``before_timeout``: how long before the end the last bookmark comes; a watch that is shorter
    than this gets none. ``unlimited``: how long at least a watch lasts that names no timeout.
    """

    bookmarks: float = 60.0
    before_timeout: float = 2.0
    unlimited: float = 1800.0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The query of a watch, as far as it decides what is sent. ``timeout`` 0: the server's own."""

    bookmarks: bool = False
    timeout: float = 0.0


class _End(Enum):
    CLEAN = auto()
    ABORT = auto()


def event(kind: str, thing: JsonObject) -> bytes:
    """One line of a watch."""
    return msgspec.json.encode({"type": kind, "object": thing}) + b"\n"


def event_of(change: Change, scope: Scope) -> bytes | None:
    """What a change is to a scope: a pod that stops matching is DELETED, as it last matched."""
    old = change.old if change.old is not None and scope.holds(change.old) else None
    if change.new is not None and scope.holds(change.new):
        return event("ADDED" if old is None else "MODIFIED", change.new)
    if old is not None:
        return event("DELETED", objects.with_version(old, change.version))
    return None


class Watch:
    """One open watch. What is put into it goes out in order, with bookmarks where it is quiet."""

    def __init__(self, scope: Scope, options: WatchOptions, pace: Pace, after: int) -> None:
        self._scope = scope
        self._after = after
        self._pace = pace
        self._bookmarks = options.bookmarks
        self._clock = asyncio.get_running_loop().time
        seconds = options.timeout or pace.unlimited * random.uniform(1, 2)  # noqa: S311 - no secret
        self._deadline = self._clock() + seconds
        self._outbox: asyncio.Queue[bytes | _End] = asyncio.Queue()

    def catch_up(self, changes: Iterable[Change]) -> None:
        """Send what happened before the watch was opened."""
        for change in changes:
            line = event_of(change, self._scope)
            if line is not None:
                self.send(line)
                self._after = change.version

    def offer(self, change: Change) -> None:
        """Send a change, if it is this watch's business and newer than where it began."""
        line = event_of(change, self._scope) if change.version > self._after else None
        if line is not None:
            self.send(line)

    def send(self, line: bytes) -> None:
        """Send as it is."""
        self._outbox.put_nowait(line)

    def fail(self, error: ApiError) -> None:
        """Send an ERROR event, the last one."""
        self.send(event("ERROR", error.status()))
        self.end()

    def end(self) -> None:
        """End the stream once what is waiting is out."""
        self._outbox.put_nowait(_End.CLEAN)

    def tear(self) -> None:
        """Send half an event, and let the connection be aborted."""
        line = event("BOOKMARK", objects.bookmark(0, initial_events_end=False))
        self.send(line[: len(line) // 2])
        self._outbox.put_nowait(_End.ABORT)

    async def run(self, write: Write, version: Callable[[], int]) -> bool:
        """Write the stream to its end; say whether it ended cleanly. ``version``: the newest."""
        bookmark_due = self._next_bookmark()
        while True:
            item = await self._next(min(bookmark_due, self._deadline))
            if isinstance(item, bytes):
                await write(item)
            elif item is not None or self._clock() >= self._deadline:
                return item is not _End.ABORT
            else:
                await self._write_bookmark(write, version())
                bookmark_due = self._next_bookmark()

    async def _write_bookmark(self, write: Write, version: int) -> None:
        # As the real API: nothing on how far it has come that the client knew at the beginning.
        if version > self._after:
            await write(event("BOOKMARK", objects.bookmark(version, initial_events_end=False)))

    async def _next(self, due: float) -> bytes | _End | None:
        """What is to be sent next, or None once it is time and nothing waits."""
        try:
            async with asyncio.timeout_at(due):
                return await self._outbox.get()
        except TimeoutError:
            # An event that arrived in the same instant is older than the bookmark would be.
            return None if self._outbox.empty() else self._outbox.get_nowait()

    def _next_bookmark(self) -> float:
        if not self._bookmarks:
            return self._deadline
        now, last = self._clock(), self._deadline - self._pace.before_timeout
        regular = now + self._pace.bookmarks
        return min(regular, last) if last > now else regular


class Watches:
    """The watches that are open now, each with the way to abort its connection."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._open: dict[Watch, Callable[[], None]] = {}
        self._changed = changed

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Watch]:
        return iter(tuple(self._open))

    @contextmanager
    def opened(self, watch: Watch, abort: Callable[[], None]) -> Iterator[None]:
        """Count a watch as open for as long as its stream lasts."""
        self._open[watch] = abort
        self._changed()
        try:
            yield
        finally:
            del self._open[watch]
            self._changed()

    def abort(self) -> None:
        """Cut every connection, whatever still waits to be sent."""
        for abort in tuple(self._open.values()):
            abort()
