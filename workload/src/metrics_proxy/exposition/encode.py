# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A merged exposition as the bytes of the text format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator

from metrics_proxy.exposition.model import Merged, MergedFamily
from metrics_proxy.exposition.series import spell_metric

CONTENT_TYPE_TEXT = "text/plain; version=0.0.4; charset=utf-8"

# Joining all at once costs more than twice the memory of the answer, and is no faster.
_BATCH = 256 * 1024


def encode_text(merged: Merged) -> Iterator[bytes]:
    """Write the exposition in batches of about 256 KiB that each end with a newline."""
    pending: list[bytes] = []
    size = 0
    for family in merged.families:
        pending.append(_header(family))
        for block in family.blocks:
            pending.append(block)
            size += len(block)
            if size >= _BATCH:
                yield from _cut(b"".join(pending))
                pending.clear()
                size = 0
    yield from _cut(b"".join(pending))


def _cut(text: bytes) -> Iterator[bytes]:
    """The text in pieces of a batch or up to twice that, since one pod's block can be large."""
    start = 0
    while len(text) - start > 2 * _BATCH:
        end = text.index(b"\n", start + _BATCH) + 1
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:] if start else text


def _header(family: MergedFamily) -> bytes:
    name = spell_metric(family.name)
    # Also `untyped`: the server treats `le` and `quantile` by the last TYPE line, of any family.
    text = f"# TYPE {name} {family.type}\n"
    return (text if family.help is None else f"# HELP {name} {family.help}\n{text}").encode()
