# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Shorthands of the exposition's tests: bodies in, the merged answer out."""

from __future__ import annotations

from metrics_proxy.exposition import (
    Exposition,
    ExpositionError,
    Merged,
    PodLabels,
    SeriesCache,
    encode_text,
    merge,
    parse_text,
)

PODS = tuple(PodLabels("n", f"p{i}") for i in range(9))


def parse(body: str | bytes, pod: int = 0, cache: SeriesCache | None = None) -> Exposition:
    data = body.encode() if isinstance(body, str) else body
    return parse_text(data, PODS[pod], cache or SeriesCache())


def error_of(body: str | bytes, cache: SeriesCache | None = None) -> str | None:
    """What is wrong with a body, or None if nothing is."""
    try:
        parse(body, cache=cache)
    except ExpositionError as error:
        return str(error)
    return None


def merged(*bodies: str) -> Merged:
    """The merge of pods p0, p1... that answer these bodies."""
    return merge([parse(body, pod) for pod, body in enumerate(bodies)])


def answer(*bodies: str) -> str:
    """The whole answer for pods that answer these bodies."""
    return text_of(merged(*bodies))


def text_of(merged: Merged) -> str:
    return b"".join(encode_text(merged)).decode()


def short(text: str) -> str:
    """An answer with `@0` in place of the labels of pod p0, and so on."""
    for number, labels in enumerate(PODS):
        text = text.replace(labels.text, f"@{number}")
    return text


def samples(*bodies: str) -> list[str]:
    """The sample lines of the answer, shortened."""
    return [line for line in short(answer(*bodies)).split("\n") if line and line[0] != "#"]
