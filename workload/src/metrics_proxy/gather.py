# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""One round: scrape all targets at once, read what they say, merge it.

This is the only place where input and output meet text.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metrics_proxy.exposition import (
    Exposition,
    ExpositionError,
    Merged,
    PodLabels,
    SeriesCache,
    merge,
    parse_text,
    up_exposition,
)
from metrics_proxy.scrape import Deadline, Failed, FailureKind, Scraper
from metrics_proxy.targets import Entry, Target
from metrics_proxy.telemetry import Telemetry

log = logging.getLogger(__name__)


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
        self._cache = SeriesCache()
        self._states: dict[str, PodState] = {}

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
        self._cache.rotate()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._pod(target, deadline)) for target in targets]
        merged = self._merge(targets, [task.result() for task in tasks])
        self._forget_all_but(targets)
        self._telemetry.conflicts.set(len(merged.conflicts))
        self._telemetry.scrapes.inc()
        self._telemetry.scrape_seconds.observe(time.perf_counter() - began)
        return merged

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
            return parse_text(answer.body, _labels(target), self._cache)
        except ExpositionError as error:
            return Failed(FailureKind.INVALID, f"not a valid exposition: {error}")

    def _note(self, target: Target, outcome: Exposition | Failed, seconds: float) -> None:
        """Remember how it went, count it, and log it where it differs from the last time."""
        failed = outcome if isinstance(outcome, Failed) else None
        before = self._states.get(target.uid)
        self._states[target.uid] = PodState(failed, seconds)
        self._telemetry.pod_scrapes.labels(failed.kind if failed else "ok").inc()
        self._telemetry.pod_seconds.observe(seconds)
        was = before.failed.kind if before and before.failed else None
        if failed and failed.kind != was:
            log.warning("pod is down", extra=_fields(target) | {"reason": failed.reason})
        elif was and not failed:
            log.info("pod is up again", extra=_fields(target))

    def _merge(self, targets: list[Target], outcomes: list[Exposition | Failed]) -> Merged:
        ups = up_exposition(
            (_labels(target), isinstance(outcome, Exposition))
            for target, outcome in zip(targets, outcomes, strict=True)
        )
        bodies = [outcome for outcome in outcomes if isinstance(outcome, Exposition)]
        self._telemetry.targets_up.set(len(bodies))
        return merge([ups, *bodies])

    def _forget_all_but(self, targets: Iterable[Target]) -> None:
        known = {target.uid for target in targets}
        for uid in self._states.keys() - known:
            del self._states[uid]


def _labels(target: Target) -> PodLabels:
    return PodLabels(namespace=target.namespace, name=target.name)


def _fields(target: Target) -> dict[str, str]:
    return {"pod": f"{target.namespace}/{target.name}", "url": target.url}
