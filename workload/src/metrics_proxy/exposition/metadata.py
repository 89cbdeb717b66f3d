# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""TYPE and HELP lines."""

from __future__ import annotations

import re
import sys

from metrics_proxy.exposition.model import LineError, MetricType, shown
from metrics_proxy.exposition.series import mend_escapes, read_metric_name

Metadata = tuple[str, MetricType | None, str | None]
"""A TYPE or HELP line: (family, type, None) or (family, None, text as escaped)."""

_METADATA = re.compile(r"#[ \t]++(TYPE|HELP)[ \t]++(?!$)")
_TYPES = frozenset(kind.value for kind in MetricType)
_TYPES_IN_WORDS = "counter, gauge, histogram, summary or untyped"


def read_metadata(line: str) -> Metadata | None:
    """Read a line that starts with ``#``; None when it is a comment. Raises LineError."""
    found = _METADATA.match(line)
    if found is None:
        return None
    name, end = read_metric_name(line, found.end())
    rest = line[end:].lstrip(" \t")
    if rest and line[end] not in " \t":
        raise LineError(f"after the metric name {shown(name)} must come a blank")
    if found[1] == "TYPE":
        return sys.intern(name), _type_of(rest), None
    return (sys.intern(name), None, mend_escapes(rest)) if rest else None


def _type_of(word: str) -> MetricType:
    if word in _TYPES:
        return MetricType(word)
    if not word:
        raise LineError(f"the type is missing; it is {_TYPES_IN_WORDS}")
    if word.rstrip(" \t") in _TYPES:
        raise LineError("the line must end with the type, but blanks follow")
    raise LineError(f'the type is "{shown(word)}"; it takes {_TYPES_IN_WORDS}')
