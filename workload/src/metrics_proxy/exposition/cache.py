# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the rounds of scraping have in common: the lines' texts that were parsed before."""

from __future__ import annotations

from typing import Generic, TypeVar

from metrics_proxy.exposition.model import MetricType

Splice = tuple[str, str]
"""A series ready for its pod's labels: (sample name, text up to where the labels go)."""

Metadata = tuple[str, MetricType | None, str | None]
"""A TYPE or HELP line: (family, type, None) or (family, None, text as escaped)."""

Value = TypeVar("Value")


class Generations(Generic[Value]):
    """A mapping that forgets what was not used between two calls of ``rotate``.

    ``current`` is open to the parser's loop, which reads it without a call in between.
    """

    __slots__ = ("_previous", "current")

    def __init__(self) -> None:
        self.current: dict[str, Value] = {}
        self._previous: dict[str, Value] = {}

    def rotate(self) -> None:
        """Begin a new generation."""
        self._previous, self.current = self.current, {}

    def get(self, key: str) -> Value | None:
        """Look ``key`` up and take it over into the current generation."""
        value = self.current.get(key)
        if value is None and (value := self._previous.get(key)) is not None:
            self.current[key] = value
        return value

    def put(self, key: str, value: Value) -> None:
        """Remember ``value`` in the current generation."""
        self.current[key] = value


class SeriesCache:
    """The series and metadata lines of the last rounds, by their spelling in the bodies.

    One serves all pods, since replicas have the same series; nothing in it names a pod. It holds
    only what the strict grammar accepted. Call ``rotate`` at the beginning of each round.
    """

    __slots__ = ("metadata", "series")

    def __init__(self) -> None:
        self.series = Generations[Splice]()
        self.metadata = Generations[Metadata]()

    def rotate(self) -> None:
        """Begin a round: what the round before did not use is forgotten."""
        self.series.rotate()
        self.metadata.rotate()
