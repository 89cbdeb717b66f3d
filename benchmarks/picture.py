# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A bar chart of the CPU ratios, as a hand-written SVG."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from benchmarks.figures import FLOOR, PROXY, RIVAL, Measured, summarize

_COLOURS = {PROXY: "#0b6e99", FLOOR: "#9aa5ad", RIVAL: "#c9803a"}
_WIDTH, _NAMES, _BARS = 720, 190, 400
_BAR, _STEP, _GAP, _TOP = 18, 24, 16, 56


def picture(measured: Measured) -> str:
    """Draw CPU per scrape: the rival is 1, or the floor where there is no rival."""
    bars = list(_ratios(measured))
    longest = max((ratio for *_, ratio in bars), default=1.0)
    base = RIVAL if any(RIVAL in variants for variants in measured.values()) else FLOOR
    lines: list[str] = []
    y = _TOP
    last = ""
    for shape, name, cpu, ratio in bars:
        if shape != last:
            y += _GAP
            lines.append(_text(16, y, shape, weight="bold"))
            last = shape
        lines += _bar(y, name, f"{ratio:.2f}  ({cpu:.1f} ms)", ratio / longest)
        y += _STEP
    title = f"CPU per scrape, {base} = 1 (pods x series)"
    return "\n".join([_head(y + _GAP), _text(16, 32, title, weight="bold"), *lines, "</svg>", ""])


def _ratios(measured: Measured) -> Iterator[tuple[str, str, float, float]]:
    for shape, variants in measured.items():
        for name in variants:
            summary = summarize(variants, name)
            ratio = summary.to_floor if summary.to_rival is None else summary.to_rival
            if ratio is not None:
                yield str(shape), name, summary.cpu_ms, ratio


def _head(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" font-family="sans-serif" font-size="13">\n'
        '<title>CPU per scrape</title>\n<rect width="100%" height="100%" fill="#ffffff"/>'
    )


def _bar(y: int, name: str, label: str, share: float) -> list[str]:
    width = max(share * _BARS, 1.0)
    rect = (
        f'<rect x="{_NAMES}" y="{y - _BAR + 5}" width="{width:.1f}" height="{_BAR}" rx="2" '
        f'fill="{_COLOURS[name]}"/>'
    )
    return [
        _text(_NAMES - 8, y, name, anchor="end"),
        rect,
        _text(_NAMES + width + 8, y, label),
    ]


def _text(x: float, y: float, text: str, *, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" fill="#1c2024" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
