# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""One round: scrape all targets at once, read what they say, merge it.

This is the only place where input and output meet text.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from metrics_proxy.exposition import (
    Exposition,
    ExpositionError,
    Merged,
    PodLabels,
    PodReader,
    Shapes,
    TypeConflict,
    merge,
    up_exposition,
)
from metrics_proxy.scrape import Deadline, Failed, FailureKind, Scraper
from metrics_proxy.targets import Entry, Target
from metrics_proxy.telemetry import Telemetry

log = logging.getLogger(__name__)

# Reading more than this takes longer than others should wait: some 10,000 samples.
_READ_IN_LOOP = 2**20


@dataclass(frozen=True, slots=True)
class PodState:
    """How a pod's last scrape went: ``failed`` is None where it was up. ``seconds`` it took."""

    failed: Failed | None
    seconds: float


class Gatherer:
    """Scrapes and merges. Holds what is remembered of each pod, and forgets it with the pod."""

    def __init__(self, scraper: Scraper, telemetry: Telemetry) -> None:
        self._scraper = scraper
        self._telemetry = telemetry
        for result in ("ok", *FailureKind):
            # From the start, so that the first failure is an increase from 0.
            telemetry.pod_scrapes.labels(result)
        self._shapes = Shapes()
        self._states: dict[str, PodState] = {}
        self._rounds = 0
        self.conflicts: tuple[TypeConflict, ...] = ()
        self._readers: dict[str, PodReader] = {}

    async def close(self) -> None:
        """Close the connections to the pods."""
        await self._scraper.close()

    def state_of(self, target: Target) -> PodState | None:
        """How the target's last scrape went; None before the first."""
        return self._states.get(target.uid)

    async def gather(self, entries: Sequence[Entry], seconds: float) -> Merged:
        """Scrape every target of a snapshot within ``seconds`` and merge the answers.

        A pod that fails is ``up 0`` and gives no sample; the others never notice.
        """
        began = time.perf_counter()
        deadline = Deadline(asyncio.get_running_loop().time() + seconds, seconds)
        targets = [entry for entry in entries if isinstance(entry, Target)]
        with self._round(targets):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._pod(target, deadline)) for target in targets]
        merged = self._merge(targets, [task.result() for task in tasks])
        self._note_conflicts(merged.conflicts)
        self._telemetry.scrapes.inc()
        self._telemetry.scrape_seconds.observe(time.perf_counter() - began)
        return merged

    @contextmanager
    def _round(self, targets: Sequence[Target]) -> Iterator[None]:
        """Forget the pods that are gone, once no round runs that may know better."""
        self._rounds += 1
        try:
            yield
        finally:
            self._rounds -= 1
            if not self._rounds:
                self._forget_all_but(targets)

    async def _pod(self, target: Target, deadline: Deadline) -> Exposition | Failed:
        began = time.perf_counter()
        try:
            outcome = await self._read(target, deadline)
        except Exception:
            # A fault of ours in one pod's answer must not cost the other pods theirs.
            log.exception("scrape failed in the proxy itself", extra=_fields(target))
            outcome = Failed(FailureKind.BROKEN, "the proxy failed on this pod; its log says how")
        self._note(target, outcome, time.perf_counter() - began)
        return outcome

    async def _read(self, target: Target, deadline: Deadline) -> Exposition | Failed:
        answer = await self._scraper.scrape(target, deadline)
        if isinstance(answer, Failed):
            return answer
        try:
            return await self._parse(target, answer.body, deadline)
        except ExpositionError as error:
            return Failed(FailureKind.INVALID, f"not a valid exposition: {error}")
        except TimeoutError:
            return deadline.timeout()

    async def _parse(self, target: Target, body: bytes, deadline: Deadline) -> Exposition:
        """Read a body; a large one beside the loop, so that the others' answers are not late.

        Raises ExpositionError, and TimeoutError at the deadline.
        """
        reader = self._reader(target)
        if len(body) < _READ_IN_LOOP:
            return reader.read(body)
        async with asyncio.timeout_at(deadline.at):
            return await asyncio.to_thread(reader.read, body)

    def _reader(self, target: Target) -> PodReader:
        reader = self._readers.get(target.uid)
        if reader is None:
            reader = self._readers[target.uid] = PodReader(_labels(target), self._shapes)
        return reader

    def _note(self, target: Target, outcome: Exposition | Failed, seconds: float) -> None:
        """Remember how it went, count it, and log it where it differs from the last time."""
        failed = outcome if isinstance(outcome, Failed) else None
        before = self._states.get(target.uid)
        self._states[target.uid] = PodState(failed, seconds)
        self._telemetry.pod_scrapes.labels(failed.kind if failed else "ok").inc()
        self._telemetry.pod_seconds.observe(seconds)
        was_down = before is not None and before.failed is not None
        if failed:
            # A pod that is down in two ways by turns is down all the same.
            level = logging.DEBUG if was_down else logging.WARNING
            log.log(level, "pod is down", extra=_fields(target) | {"reason": failed.reason})
        elif was_down:
            log.info("pod is up again", extra=_fields(target))

    def _merge(self, targets: list[Target], outcomes: list[Exposition | Failed]) -> Merged:
        ups = up_exposition(
            (_labels(target), isinstance(outcome, Exposition))
            for target, outcome in zip(targets, outcomes, strict=True)
        )
        bodies = [outcome for outcome in outcomes if isinstance(outcome, Exposition)]
        self._telemetry.targets_up.set(len(bodies))
        return merge([ups, *bodies])

    def _note_conflicts(self, conflicts: tuple[TypeConflict, ...]) -> None:
        """Count the families whose types differ, and log those that did not differ last time."""
        known = {conflict.family for conflict in self.conflicts}
        for conflict in conflicts:
            if conflict.family not in known:
                refused = ", ".join(conflict.refused)
                fields = {"family": conflict.family, "kept": conflict.kept, "refused": refused}
                log.warning("pods give a metric family different types", extra=fields)
        self.conflicts = conflicts
        self._telemetry.conflicts.set(len(conflicts))

    def _forget_all_but(self, targets: Iterable[Target]) -> None:
        known = {target.uid for target in targets}
        for uid in self._states.keys() - known:
            del self._states[uid]
            self._readers.pop(uid, None)


def _labels(target: Target) -> PodLabels:
    return PodLabels(namespace=target.namespace, name=target.name)


def _fields(target: Target) -> dict[str, str]:
    return {"pod": f"{target.namespace}/{target.name}", "url": target.url}
