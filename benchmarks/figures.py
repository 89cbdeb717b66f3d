# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What was measured, and the statistics of it. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

PROXY, FLOOR, RIVAL = "metrics-proxy", "floor", "rival"


@dataclass(frozen=True, slots=True)
class Shape:
    """How many pods, and how many series each of them has."""

    pods: int
    series: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``100x1000``. Raises ValueError."""
        pods, _, series = text.partition("x")
        if not (pods.isdecimal() and series.isdecimal() and int(pods) and int(series)):
            raise ValueError(f'"{text}" is not PODSxSERIES, such as 100x1000')
        return cls(int(pods), int(series))

    def __str__(self) -> str:
        return f"{self.pods}x{self.series}"


@dataclass(slots=True)
class Figures:
    """One variant in one shape: an entry per round, or per run for the peaks."""

    cpu_ms: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    answer_bytes: int = 0
    samples: int = 0


Measured = Mapping[Shape, Mapping[str, Figures]]
"""The figures by shape and variant. Entry n of each list is of the same round for all variants."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the table shows of ``Figures``. A ratio is None where there is nothing to compare."""

    cpu_ms: float
    least_cpu_ms: float
    to_rival: float | None
    to_floor: float | None
    p50_ms: float
    p99_ms: float
    peak_mb: float


def summarize(variants: Mapping[str, Figures], name: str) -> Summary:
    """Sum up one variant, and compare it with the others of the same shape."""
    figures = variants[name]
    return Summary(
        cpu_ms=statistics.median(figures.cpu_ms),
        least_cpu_ms=min(figures.cpu_ms),
        to_rival=_ratio(figures, variants.get(RIVAL)),
        to_floor=_ratio(figures, variants.get(FLOOR)),
        p50_ms=statistics.median(figures.wall_ms),
        p99_ms=percentile(figures.wall_ms, 99),
        peak_mb=statistics.median(figures.peak_mb),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank: a value that was measured. Of fewer than 100 the 99th is the greatest."""
    rank = -(-len(values) * percent // 100)
    return sorted(values)[max(int(rank), 1) - 1]


def _ratio(figures: Figures, base: Figures | None) -> float | None:
    """The median of the rounds' ratios: a host that slows down slows both of a round."""
    if base is None:
        return None
    pairs = zip(figures.cpu_ms, base.cpu_ms, strict=True)
    return statistics.median(mine / other for mine, other in pairs)
