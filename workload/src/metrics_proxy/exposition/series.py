# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The part of a sample before its value: metric name and labels, and the pod's labels on them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from metrics_proxy.exposition.model import LineError, shown

NAMESPACE_LABEL = "k8s_namespace"
POD_LABEL = "k8s_pod_name"
EXPORTED = "exported_"
"""Prefix for what a pod calls like something of ours (Prometheus' ``honor_labels: false``)."""

_OURS = frozenset({NAMESPACE_LABEL, POD_LABEL})
_NOT_LABELS = frozenset({"", "__name__"})

# Quantifiers are possessive, so that no input costs more than linear time.
_BLANKS = r"[ \t]*+"
_BARE = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*+"
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_EQUALS = rf"{_BLANKS}={_BLANKS}"
# In braces: a label, its name bare or quoted, or the metric's name, quoted.
_ITEM = rf"{_BLANKS}(?:{_LABEL}{_EQUALS}{_QUOTED}|{_QUOTED}(?:{_EQUALS}{_QUOTED})?+){_BLANKS}"
_BRACES = rf"\{{((?:{_ITEM}(?:,{_ITEM})*+,?)?){_BLANKS}\}}"
_read = re.compile(rf"{_BLANKS}({_BARE})?+(?:{_BLANKS}{_BRACES})?+").match
_items = re.compile(rf"(?:({_LABEL})|({_QUOTED}))(?:{_EQUALS}({_QUOTED}))?+").findall

_METRIC_NAME = re.compile(_BARE)
_LABEL_NAME = re.compile(_LABEL)
_QUOTED_TEXT = re.compile(_QUOTED)
_NAME = re.compile(rf"({_BARE})|({_QUOTED})")
_BLANK = re.compile(_BLANKS)
_OPENING = re.compile(rf"{_BLANKS}\{{")
_NEXT_ITEM = re.compile(rf"{_ITEM},")
_KNOWN_ESCAPES = re.compile(r'[^\\]*+(?:\\[\\"n][^\\]*+)*+')
_ESCAPE = re.compile(r'(\\[\\"n])|\\')


@dataclass(frozen=True, slots=True)
class PodLabels:
    """The labels that say which pod a sample is from; ``text`` is how they stand in a sample."""

    namespace: str
    name: str
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = f"{NAMESPACE_LABEL}={quote(self.namespace)},{POD_LABEL}={quote(self.name)}"
        object.__setattr__(self, "text", text)


@dataclass(slots=True)
class Series:
    """A sample's name, unescaped, and its labels as (unescaped name, value as quoted in the body).

    ``end`` is where the series ends in its line.
    """

    name: str
    labels: list[tuple[str, str]]
    end: int

    def value_of(self, label: str) -> str | None:
        """The unescaped value of a label."""
        return next((unquote(value) for name, value in self.labels if name == label), None)


def quote(text: str) -> str:
    r"""Escape ``\``, ``"`` and newline, and put double quotes around."""
    escaped = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'


def unquote(quoted: str) -> str:
    r"""Undo ``quote``. Like the server's parser, keep the backslash of unknown escapes."""
    if "\\" not in quoted:
        return quoted[1:-1]
    return _ESCAPE.sub(_unescaped, quoted[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[0] == r"\n" else found[0][-1]


def mend_escapes(text: str) -> str:
    r"""Write ``\q`` as ``\\q``, the same text to the server's parser; expfmt refuses ``\q``."""
    if "\\" not in text or _KNOWN_ESCAPES.fullmatch(text):
        return text
    return _ESCAPE.sub(lambda found: found[1] or r"\\", text)


def spell_metric(name: str) -> str:
    """A metric name as it stands in TYPE and HELP lines: quoted only where it must be."""
    return name if _METRIC_NAME.fullmatch(name) else quote(name)


def read_metric_name(text: str, start: int) -> tuple[str, int]:
    """Read the name of a family, bare or quoted, and say where it ends. Raises LineError."""
    found = _NAME.match(text, start)
    if found is None:
        if text[start : start + 1] == '"':
            raise LineError("the quoted name is not closed")
        raise LineError("a metric name must follow TYPE or HELP")
    name = found[1] or unquote(found[2])
    if not name:
        raise LineError("the metric name is empty")
    return name, found.end()


def read_series(line: str) -> Series:
    """Read the series at the start of a line. Raises LineError."""
    found = _read(line)
    if found is None or (found[2] is None and _OPENING.match(line, found.end())):
        raise LineError(_why_not_labels(line))
    bare, inside = found.groups()
    if bare is None and inside is None:
        raise LineError(_why_no_name(line.lstrip(" \t")[:1]))
    items = _items(inside) if inside else []
    names = [unquote(quoted) for _, quoted, value in items if not value]
    labels = [
        (name or unquote(quoted), mend_escapes(value)) for name, quoted, value in items if value
    ]
    _check_labels(labels)
    return Series(_only_name(names if bare is None else [bare, *names]), labels, found.end())


def splice_of(series: Series) -> str:
    """The series' text up to where the pod's labels and a closing brace are to follow."""
    labels = "".join(f"{_spell_label(name)}={value}," for name, value in _renamed(series.labels))
    if _METRIC_NAME.fullmatch(series.name):
        return f"{series.name}{{{labels}"
    return f"{{{quote(series.name)},{labels}"


def _only_name(names: list[str]) -> str:
    if not names:
        raise LineError("the metric name is missing; it stands before the braces or quoted in them")
    if len(names) > 1:
        two = " and ".join(map(shown, names[:2]))
        raise LineError(f"there are two metric names, {two}; a sample has one")
    if not names[0]:
        raise LineError("the metric name is empty")
    return names[0]


def _check_labels(labels: list[tuple[str, str]]) -> None:
    seen = {name for name, _ in labels}
    if len(seen) == len(labels) and seen.isdisjoint(_NOT_LABELS):
        return
    seen.clear()
    for name, _ in labels:
        if not name:
            raise LineError("a label name is empty")
        if name == "__name__":
            raise LineError("the label __name__ is not allowed; the metric name stands for it")
        if name in seen:
            raise LineError(f"the label {shown(name)} is given twice")
        seen.add(name)


def _renamed(labels: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give way to our own labels: prefix the pod's of the same name until the name is free."""
    taken = {name for name, _ in labels}
    if taken.isdisjoint(_OURS):
        return labels
    renamed = []
    for name, value in labels:
        free = name
        while free in _OURS or (free != name and free in taken):
            free = EXPORTED + free
        renamed.append((free, value))
    return renamed


def _spell_label(name: str) -> str:
    # Python's identifiers, where they are ASCII, are the format's bare label names.
    return name if name.isascii() and name.isidentifier() else quote(name)


def _end_of_blanks(line: str, start: int) -> int:
    found = _BLANK.match(line, start)
    return found.end() if found else start


def _why_no_name(first: str) -> str:
    if first == "\ufeff":
        return "the line starts with a byte order mark; a body has none"
    if first == '"':
        return 'a quoted metric name stands in the braces: {"name"} value'
    return "a line must be a comment or start with a metric name"


def _why_not_labels(line: str) -> str:
    """Say what the grammar misses in the braces that start where ``_read`` ended."""
    start = line.index("{") + 1
    while item := _NEXT_ITEM.match(line, start):
        start = item.end()
    start = _end_of_blanks(line, start)
    name = _LABEL_NAME.match(line, start) or _QUOTED_TEXT.match(line, start)
    if name is None:
        return _why_no_label_name(line[start : start + 1])
    after = _end_of_blanks(line, name.end())
    if line[after : after + 1] == "=":
        return _why_no_label_value(line, _end_of_blanks(line, after + 1))
    if after == len(line):
        return "the braces are not closed"
    return f'after the name {shown(name[0])} must come ="..."'


def _why_no_label_name(first: str) -> str:
    if not first:
        return "the braces are not closed"
    if first == '"':
        return "the quoted name is not closed"
    return f'a label name must stand in place of "{shown(first)}"'


def _why_no_label_value(line: str, start: int) -> str:
    if line[start : start + 1] != '"':
        return "the label value is not in double quotes"
    value = _QUOTED_TEXT.match(line, start)
    if value is None:
        return "the label value is not closed"
    if _end_of_blanks(line, value.end()) == len(line):
        return "the braces are not closed"
    return "after a label value must come a comma or the closing brace"
