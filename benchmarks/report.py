# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The figures as a table for people, and as JSON for programs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import Figures, Measured, Shape, Summary, summarize

_HEADINGS = (
    "shape", "variant", "CPU ms (min)", "/rival", "/floor",
    "p50 ms", "p99 ms", "peak MB", "answer MB", "samples",
)  # fmt: skip
_LIBRARIES = ("aiohttp", "uvloop", "msgspec", "metrics-proxy")


def table(measured: Measured) -> str:
    """The table, a line for each shape and variant."""
    rows = [list(_HEADINGS), *_rows(measured)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def _rows(measured: Measured) -> Iterator[list[str]]:
    for shape, variants in measured.items():
        for name, figures in variants.items():
            yield [str(shape), name, *_cells(summarize(variants, name), figures)]


def _cells(summary: Summary, figures: Figures) -> list[str]:
    return [
        f"{_short(summary.cpu_ms)} ({_short(summary.least_cpu_ms)})",
        _ratio(summary.to_rival),
        _ratio(summary.to_floor),
        _short(summary.p50_ms),
        _short(summary.p99_ms),
        f"{summary.peak_mb:.0f}",
        f"{figures.answer_bytes / 1e6:.2f}",
        f"{figures.samples}",
    ]


def _line(row: list[str], widths: list[int]) -> str:
    cells = [
        text.ljust(width) if column < 2 else text.rjust(width)
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 99.95 else f"{milliseconds:.0f}"


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def as_json(measured: Measured) -> dict[str, Any]:
    """Everything measured, its summary, and where it was measured."""
    shapes = {str(shape): _shape_as_json(measured, shape) for shape in measured}
    return {"when": datetime.now(UTC).isoformat(), "machine": machine(), "shapes": shapes}


def _shape_as_json(measured: Measured, shape: Shape) -> dict[str, Any]:
    variants = measured[shape]
    return {
        name: asdict(figures) | {"summary": asdict(summarize(variants, name))}
        for name, figures in variants.items()
    }


def machine() -> dict[str, str]:
    """What the figures depend on besides the code."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": f"{os.cpu_count()} x {found[1] if found else platform.machine()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
