# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Models of expositions, and the many legal ways in which a pod can write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from metrics_proxy.exposition import MetricType

# Few names, of which some are parts of others, so that pods do collide.
NAMES = ["a", "a_count", "a_count_sum", "b", "b.c", "b.c_bucket", "a:b", "ä", 'q"\\\n', "up"]
LABELS = ["b", "c", "_x", "k8s_namespace", "k8s_pod_name", "exported_k8s_pod_name", "d.e", '"', "ä"]
VALUES = ["0", "1", "2.50", "1e3", ".5", "+1", "NaN", "nan", "+Inf", "inf", "1e-400", "9" * 30]
TIMESTAMPS = ["", "0", "1700000000000", "007"]
PARTS = {
    MetricType.HISTOGRAM: ["_bucket", "_sum", "_count"],
    MetricType.SUMMARY: ["_sum", "_count"],
}

blanks = st.sampled_from(["", "", "", " ", "\t", "  "])
some_blanks = st.sampled_from([" ", " ", "\t", " \t"])
label_values = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)


@dataclass(frozen=True)
class Sample:
    name: str
    labels: tuple[tuple[str, str], ...]
    value: str
    timestamp: str


@dataclass(frozen=True)
class Body:
    """What one pod says, and one way to write it down."""

    samples: tuple[Sample, ...]
    text: str


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def is_bare(name: str, extra: str = "") -> bool:
    plain = name.replace("_", "a")
    for character in extra:
        plain = plain.replace(character, "a")
    return plain.isascii() and plain.isalnum() and not plain[0].isdigit()


@st.composite
def samples_of(draw: st.DrawFn, names: list[str]) -> Sample:
    labels = draw(
        st.lists(
            st.tuples(st.sampled_from(LABELS), label_values), max_size=3, unique_by=lambda x: x[0]
        )
    )
    value = draw(st.sampled_from(VALUES))
    return Sample(
        draw(st.sampled_from(names)), tuple(labels), value, draw(st.sampled_from(TIMESTAMPS))
    )


@st.composite
def spelt(draw: st.DrawFn, sample: Sample) -> str:
    """One line for a sample, in any legal spelling."""
    items = [
        f"{draw(label_name(name))}{draw(blanks)}={draw(blanks)}{quoted(value)}"
        for name, value in sample.labels
    ]
    in_braces = not is_bare(sample.name, ":") or draw(st.booleans())
    if in_braces:
        items.insert(draw(st.integers(0, len(items))), quoted(sample.name))
    inside = ",".join(f"{draw(blanks)}{item}{draw(blanks)}" for item in items)
    if draw(st.booleans()) and items:
        inside += "," + draw(blanks)
    series = f"{draw(blanks)}{{{inside}}}{draw(blanks)}"
    if not in_braces and not items and draw(st.booleans()):
        series = draw(some_blanks)
    series = series if in_braces else sample.name + series
    timestamp = draw(some_blanks) + sample.timestamp if sample.timestamp else ""
    return draw(blanks) + series + sample.value + timestamp + draw(blanks)


@st.composite
def label_name(draw: st.DrawFn, name: str) -> str:
    return quoted(name) if not is_bare(name) or draw(st.booleans()) else name


@st.composite
def metadata(draw: st.DrawFn, word: str, name: str, rest: str) -> str:
    spelling = quoted(name) if not is_bare(name, ":") or draw(st.booleans()) else name
    gaps = [draw(some_blanks) for _ in range(3)]
    return f"{draw(blanks)}#{gaps[0]}{word}{gaps[1]}{spelling}{gaps[2]}{rest}"


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    """A body that both parsers take, or would if its TYPE lines were where they belong."""
    types = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(MetricType), max_size=3))
    names = NAMES + [name + part for name, kind in types.items() for part in PARTS.get(kind, [])]
    samples = draw(st.lists(samples_of(names), max_size=8))
    lines = [draw(spelt(sample)) for sample in samples]
    extra = [draw(metadata("TYPE", name, kind)) for name, kind in types.items()]
    helped = draw(st.lists(st.sampled_from(NAMES), max_size=2))
    extra += [
        draw(metadata("HELP", name, draw(st.sampled_from(["", "x", "\\\\"])))) for name in helped
    ]
    extra += draw(
        st.lists(st.sampled_from(["", " ", "#", "# a } comment", "#TYPE a x"]), max_size=2)
    )
    for line in extra:
        lines.insert(draw(st.integers(0, len(lines))), line)
    return Body(tuple(samples), "\n".join(lines) + draw(st.sampled_from(["", "\n"])))


# Text that is nearly right: pieces of the grammar, in any order.
PIECES = [
    "a",
    "b",
    "up",
    "_count",
    " ",
    "\t",
    "{",
    "}",
    '"',
    ",",
    "=",
    "\\",
    "\n",
    "\r",
    "#",
    "# TYPE ",
    "# HELP ",
    "counter",
    "histogram",
    "1",
    "-1",
    "NaN",
    "0x1",
    "1e999",
    'b="1"',
    'le="x"',
    "\0",
    "\ufeff",
    "é",
    "\u2028",
]
nearly = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A legal body with a few pieces put in or taken out."""
    text = draw(bodies()).text
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 2))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[end:]
    return text


TAILS = [
    " 1", " -1", "  2", "\t3", " 4 ", " NaN", " -Inf", " 1e99", " 1e999", " x", "", " 1 5", " 1 -5",
    " 1" + "0" * 400, " 1 " + "9" * 20, " 0x1", " 1\r", " 1 # x", "1", " {b=\"1\"} 1", " ١", " 1,2",
]  # fmt: skip


@st.composite
def edited(draw: st.DrawFn, text: str) -> str:
    """What a pod, or another one, could say next: a line or a few are not what they were."""
    lines = text.split("\n")
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        lines[at : at + 1] = draw(st.sampled_from(EDITS))(draw, lines[at], lines)
        lines = lines or [""]
    return "\n".join(lines)


Edit = Callable[[st.DrawFn, str, list[str]], list[str]]
"""Makes lines of one line, having seen all."""


def new_tail(draw: st.DrawFn, line: str, _: list[str]) -> list[str]:
    end = line.rfind("}") + 1 or line.find(" ")
    return [line[:end] + draw(st.sampled_from(TAILS))]


def new_piece(draw: st.DrawFn, line: str, _: list[str]) -> list[str]:
    at = draw(st.integers(0, len(line)))
    end = at + draw(st.integers(0, 2))
    return [line[:at] + draw(st.sampled_from(["", *PIECES])) + line[end:]]


def moved(draw: st.DrawFn, line: str, lines: list[str]) -> list[str]:
    return [draw(st.sampled_from(lines)), line]


def removed(_: st.DrawFn, __: str, ___: list[str]) -> list[str]:
    return []


def doubled(_: st.DrawFn, line: str, __: list[str]) -> list[str]:
    return [line, line]


def replaced(draw: st.DrawFn, _: str, __: list[str]) -> list[str]:
    return draw(bodies()).text.split("\n")


EDITS: list[Edit] = [*[new_tail] * 3, new_piece, moved, removed, doubled, replaced]
