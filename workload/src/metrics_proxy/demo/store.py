# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The pods of the stand-in, one resourceVersion counter for them all, and what changed since."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from metrics_proxy.demo import objects, status
from metrics_proxy.demo.status import JsonObject

# Not 1: whoever takes a version for a position in a list shall fail at once.
_FIRST_VERSION = 1000


class CompactedError(Exception):
    """The history that was asked for is forgotten; it goes back to ``oldest`` only."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"history goes back to {oldest}")
        self.oldest = oldest


@dataclass(frozen=True, slots=True)
class Change:
    """One write. ``old`` is None for a create, ``new`` for a removal."""

    version: int
    old: JsonObject | None
    new: JsonObject | None


class Store:
    """What etcd is to the real API. ``on_change`` hears of each write, in the order of versions."""

    def __init__(self, on_change: Callable[[Change], None]) -> None:
        self.version = _FIRST_VERSION
        self._oldest = _FIRST_VERSION
        self._pods: dict[str, JsonObject] = {}
        self._history: list[Change] = []
        self._on_change = on_change

    def pods_at(self, version: int) -> list[JsonObject]:
        """All pods as they were at a version, in the API's order. Raises CompactedError."""
        pods = dict(self._pods)
        for change in reversed(self.since(version)):
            if change.old is not None:
                pods[objects.key_of(change.old)] = change.old
            elif change.new is not None:
                del pods[objects.key_of(change.new)]
        return [pods[key] for key in sorted(pods)]

    def since(self, version: int) -> list[Change]:
        """The writes after a version. Raises CompactedError."""
        if version < self._oldest:
            raise CompactedError(self._oldest)
        start = bisect_right(self._history, version, key=lambda change: change.version)
        return self._history[start:]

    def get(self, namespace: str, name: str) -> JsonObject:
        """One pod. Raises ApiError 404."""
        pod = self._pods.get(f"{namespace}/{name}")
        if pod is None:
            raise status.not_found(name)
        return pod

    def create(self, namespace: str, given: JsonObject) -> JsonObject:
        """Store a new pod. Raises ApiError 400, 409 or 422."""
        pod = objects.new_pod(namespace, given)
        if objects.key_of(pod) in self._pods:
            raise status.already_exists(pod["metadata"]["name"])
        return self._write(None, pod)

    def patch(
        self, namespace: str, name: str, patch: JsonObject, subresource: str = ""
    ) -> JsonObject:
        """Apply a merge patch; one that changes nothing is no write. Raises ApiError."""
        old = self.get(namespace, name)
        new = objects.patched(old, patch, subresource=subresource)
        return old if new == old else self._write(old, new)

    def delete(self, namespace: str, name: str, grace_period: int | None = None) -> JsonObject:
        """Mark a pod for deletion, and remove it once no grace is left. Raises ApiError 404."""
        pod = self.get(namespace, name)
        seconds = objects.grace_period(pod, grace_period)
        left = pod["metadata"].get("deletionGracePeriodSeconds")
        # A second delete may shorten the grace that the first one gave, never lengthen it.
        if left is None or seconds < left:
            pod = self._write(pod, objects.terminating(pod, seconds))
        if seconds == 0:
            self._remove(pod)
        return pod

    def compact(self) -> None:
        """Forget the history.

        The counter moves on as if other objects had been written in between, as in any cluster:
        so every version that anyone has seen so far is now too old, the latest included.
        """
        self.version += 2
        self._oldest = self.version
        self._history.clear()

    def _write(self, old: JsonObject | None, new: JsonObject) -> JsonObject:
        stored = objects.with_version(new, self.version + 1)
        self._pods[objects.key_of(stored)] = stored
        self._record(old, stored)
        return stored

    def _remove(self, pod: JsonObject) -> None:
        del self._pods[objects.key_of(pod)]
        self._record(pod, None)

    def _record(self, old: JsonObject | None, new: JsonObject | None) -> None:
        self.version += 1
        change = Change(self.version, old, new)
        self._history.append(change)
        self._on_change(change)
