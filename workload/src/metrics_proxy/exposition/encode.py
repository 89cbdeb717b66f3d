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
_LINES_AT_ONCE = 1024


def encode_text(merged: Merged) -> Iterator[bytes]:
    """Write the exposition in batches of about 256 KiB that each end with a newline."""
    pending: list[str] = []
    size = 0
    for family in merged.families:
        for text in _texts(family):
            pending.append(text)
            size += len(text) + 1
            if size >= _BATCH:
                yield _batch(pending)
                pending.clear()
                size = 0
    if pending:
        yield _batch(pending)


def _texts(family: MergedFamily) -> Iterator[str]:
    name = spell_metric(family.name)
    if family.help is not None:
        yield f"# HELP {name} {family.help}"
    # Also `untyped`: the server treats `le` and `quantile` by the last TYPE line, of any family.
    yield f"# TYPE {name} {family.type}"
    for lines in family.parts:
        if len(lines) <= _LINES_AT_ONCE:
            yield "\n".join(lines)
        else:
            for start in range(0, len(lines), _LINES_AT_ONCE):
                yield "\n".join(lines[start : start + _LINES_AT_ONCE])


def _batch(texts: list[str]) -> bytes:
    texts.append("")
    return "\n".join(texts).encode()
