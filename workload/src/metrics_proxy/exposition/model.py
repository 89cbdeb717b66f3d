# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What an exposition is made of, and which samples a family owns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

_LINE_AT_MOST = 80
_WORD_AT_MOST = 40

Lines = tuple[bytes, ...]
"""Lines of a body, or what they begin with."""


class MetricType(StrEnum):
    """The words that a TYPE line of the text format 0.0.4 takes."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    UNTYPED = "untyped"


# Text format 0.0.4, "Histograms and summaries": the sample names that are not the family's own.
SUFFIX_OWNERS = (
    ("_bucket", frozenset({MetricType.HISTOGRAM})),
    ("_sum", frozenset({MetricType.HISTOGRAM, MetricType.SUMMARY})),
    ("_count", frozenset({MetricType.HISTOGRAM, MetricType.SUMMARY})),
)


class ExpositionError(ValueError):
    """The body of one pod is not a valid exposition. ``line`` counts from 1."""

    def __init__(self, line: int, reason: str, text: str) -> None:
        super().__init__(f"line {line}: {reason}: {shown(text, _LINE_AT_MOST)}")
        self.line = line
        self.reason = reason


class LineError(ValueError):
    """What is wrong with a line, said where its number is not known."""


class Family(NamedTuple):
    """A metric family of one pod. ``help`` is text as escaped in the body, never empty.

    ``type`` is None when the body gives none.
    """

    name: str
    type: MetricType | None = None
    help: str | None = None


@dataclass(slots=True)
class Exposition:
    """The families of one pod, and for each the lines of its samples, relabelled, as one block.

    They are in the body's order: a family is there as often as its samples are taken up again.
    Those without samples are at the end, and their blocks are empty.
    """

    families: tuple[Family, ...]
    blocks: list[bytes]


@dataclass(slots=True)
class MergedFamily:
    """A metric family of all pods; ``blocks`` are lines of samples, to be written in order."""

    name: str
    type: MetricType
    help: str | None = None
    blocks: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TypeConflict:
    """Pods gave one family different types: the first was ``kept``.

    ``moved`` counts samples that became part of another family because their names are not legal
    under the kept type, ``dropped`` those that no place in a valid exposition can hold.
    """

    family: str
    kept: MetricType
    refused: tuple[MetricType, ...]
    moved: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Merged:
    """One exposition made of many, its families in the order in which they must be written."""

    families: tuple[MergedFamily, ...]
    conflicts: tuple[TypeConflict, ...] = ()


def owner_of(sample: str, types: Mapping[str, MetricType]) -> str | None:
    """The histogram or summary that a suffixed sample name belongs to, if ``types`` has one."""
    for suffix, owners in SUFFIX_OWNERS:
        if sample.endswith(suffix):
            base = sample.removesuffix(suffix)
            return base if types.get(base) in owners else None
    return None


def family_of(sample: str, types: Mapping[str, MetricType]) -> str:
    """The family of a sample name: its own if that has a type, then its owner's, then its own."""
    if sample in types:
        return sample
    return owner_of(sample, types) or sample


def shown(text: str, at_most: int = _WORD_AT_MOST) -> str:
    """Text of a pod as a message can quote it: in one printable line, not longer than that."""
    cut = text if len(text) <= at_most else f"{text[: at_most - 3]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
