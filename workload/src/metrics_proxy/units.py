# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Texts that carry a unit: Go durations (seconds here) and sizes (bytes here)."""

from __future__ import annotations

import re

_DURATION_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_LONGEST = 2**63 / 1e9
_SIZE = re.compile(r"([0-9]+)(B|KB|MB|GB|KiB|MiB|GiB)?")
_BYTES = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


def parse_duration(text: str) -> float:
    """Seconds of a positive Go duration (time.ParseDuration): 9s, 1m30s, 500ms. Else ValueError."""
    unsigned = text.removeprefix("+")
    parts = _DURATION_PART.findall(unsigned)
    if not parts or "".join(number + unit for number, unit in parts) != unsigned:
        raise ValueError("is not a duration")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds <= 0:
        raise ValueError("must be more than zero")
    if seconds > _LONGEST:
        raise ValueError("is longer than a Go duration can be, 290 years")
    return seconds


def parse_size(text: str) -> int:
    """Bytes of a positive size: 1048576, 512KiB, 64MiB, 1GB. Raises ValueError."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("is not a size")
    size = int(match[1]) * _BYTES[match[2] or ""]
    if size <= 0:
        raise ValueError("must be more than zero")
    return size


def format_duration(seconds: float) -> str:
    """A duration for people, to the millisecond: 9s, 1.5s."""
    return f"{round(seconds, 3):g}s"


def format_size(size: int) -> str:
    """A size for people, in the largest binary unit that divides it."""
    for unit in ("GiB", "MiB", "KiB"):
        if size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]} {unit}"
    return f"{size} bytes"
