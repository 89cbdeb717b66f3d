# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Shorthands of the exposition's tests: bodies in, the merged answer out."""

from __future__ import annotations

from metrics_proxy.exposition import (
    Exposition,
    ExpositionError,
    Family,
    Merged,
    PodLabels,
    PodReader,
    Shapes,
    encode_text,
    merge,
)

PODS = tuple(PodLabels("n", f"p{i}") for i in range(9))


def reader_of(pod: int = 0, shapes: Shapes | None = None) -> PodReader:
    return PodReader(PODS[pod], Shapes() if shapes is None else shapes)


def parse(body: str | bytes, pod: int = 0) -> Exposition:
    """Read a body that nothing is known of."""
    return read(reader_of(pod), body)


def read(reader: PodReader, body: str | bytes) -> Exposition:
    return reader.read(body.encode() if isinstance(body, str) else body)


def outcome(reader: PodReader, body: str | bytes) -> Exposition | str:
    """What a reader makes of a body, or what it says is wrong with it."""
    try:
        return read(reader, body)
    except ExpositionError as error:
        return str(error)


def error_of(body: str | bytes, reader: PodReader | None = None) -> str | None:
    """What is wrong with a body, or None if nothing is."""
    result = outcome(reader or reader_of(), body)
    return result if isinstance(result, str) else None


def lines_of(exposition: Exposition) -> list[tuple[Family, list[str]]]:
    """The families with their lines, in the body's order."""
    pairs = zip(exposition.families, exposition.blocks, strict=True)
    return [(family, block.decode().split("\n")[:-1]) for family, block in pairs]


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
