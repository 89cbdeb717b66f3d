# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Text format 0.0.4: one pod's body in, its relabelled families out.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import re
import sys

from metrics_proxy.exposition.cache import Metadata, SeriesCache, Splice
from metrics_proxy.exposition.model import (
    Exposition,
    ExpositionError,
    Family,
    LineError,
    MetricType,
    Run,
    family_of,
    shown,
)
from metrics_proxy.exposition.series import (
    PodLabels,
    mend_escapes,
    read_metric_name,
    read_series,
    splice_of,
)
from metrics_proxy.exposition.typed import DEMANDING, has_odd_bound, misfit
from metrics_proxy.exposition.up import make_way_for_up
from metrics_proxy.exposition.value import plain_tail, read_tail

_METADATA = re.compile(r"#[ \t]++(TYPE|HELP)[ \t]++(?!$)")
_TYPES = frozenset(kind.value for kind in MetricType)
_TYPES_IN_WORDS = "counter, gauge, histogram, summary or untyped"


def parse_text(body: bytes, labels: PodLabels, cache: SeriesCache) -> Exposition:
    """Validate a body and put the pod's labels on its samples.

    Raises ExpositionError, and nothing else, for any bytes that the server or expfmt would not
    take; three things that only expfmt minds are mended: a TYPE after the family's samples, a
    second TYPE or HELP (the first counts), and unknown escapes.
    """
    reader = _Reader(labels, cache)
    reader.read(_decoded(body))
    reader.check_odd()
    return Exposition(make_way_for_up(reader.families()))


def _decoded(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        reason = f"the byte 0x{body[error.start]:02x} is not UTF-8"
        raise _error_at(body, error.start, reason) from None
    if "\0" in text:
        raise _error_at(body, body.index(b"\0"), "there is a NUL byte; text has none")
    return text


def _error_at(body: bytes, offset: int, reason: str) -> ExpositionError:
    number = body.count(b"\n", 0, offset) + 1
    start = body.rfind(b"\n", 0, offset) + 1
    line = body[start:].split(b"\n", 1)[0]
    return ExpositionError(number, reason, line.decode(errors="backslashreplace"))


class _Reader:
    """One pass over one body. Families are made at the end, when all types are known."""

    def __init__(self, labels: PodLabels, cache: SeriesCache) -> None:
        self._labels = labels.text + "}"
        self._cache = cache
        self._types: dict[str, MetricType] = {}
        self._helps: dict[str, str] = {}
        self._runs: list[Run] = []
        # Samples that a histogram or summary must not have: (line number, sample name, line).
        self._odd: list[tuple[int, str, str]] = []

    def read(self, text: str) -> None:
        """Read all lines. A series seen before costs a look-up and a check of its value."""
        known, forgotten = self._cache.series.current.get, self._cache.series.get
        labels, runs = self._labels, self._runs
        number, line, last = 0, "", ""
        lines: list[str] = []
        try:
            for number, line in enumerate(text.split("\n"), 1):
                if line[:1] == "#":
                    self._read_comment(line)
                    continue
                end = line.rfind("}") + 1 or line.find(" ")
                tail = line[end:]
                splice = known(line[:end]) or forgotten(line[:end])
                if splice is None or plain_tail(tail) is None:
                    found = self._read_strictly(number, line)
                    if found is None:
                        continue
                    splice, tail = found
                name, start = splice
                if name is not last:
                    last, lines = name, []
                    runs.append((name, lines))
                lines.append(f"{start}{labels}{tail}")
        except LineError as fault:
            raise ExpositionError(number, _reason(fault, line), line) from None

    def _read_strictly(self, number: int, line: str) -> tuple[Splice, str] | None:
        """Read a line by the whole grammar; None when it holds no sample. Raises LineError."""
        start = line.lstrip(" \t")
        if not start:
            return None
        if start[0] == "#":
            self._read_comment(start)
            return None
        splice, rest, odd = self._read_series(line)
        tail, value = (rest, 0.0) if plain_tail(rest) else read_tail(rest)
        if odd or value < 0:
            self._odd.append((number, splice[0], line))
        return splice, tail

    def _read_series(self, line: str) -> tuple[Splice, str, bool]:
        """The series of a line, what follows it, whether it has an odd bound. Raises LineError."""
        end = max(line.rfind("}") + 1 or line.find(" "), 0)
        splice = self._cache.series.get(line[:end])
        if splice is not None and line[end:].lstrip(" \t")[:1] != "{":  # a blank before labels
            return splice, line[end:], False
        series = read_series(line)
        splice = (sys.intern(series.name), splice_of(series))
        odd = has_odd_bound(series)
        if not odd:  # so that these come here each time, at no cost to the others
            self._cache.series.put(line[: series.end], splice)
        return splice, line[series.end :], odd

    def _read_comment(self, line: str) -> None:
        metadata = self._cache.metadata.get(line)
        if metadata is None:
            metadata = _read_metadata(line)
            if metadata is None:
                return
            self._cache.metadata.put(line, metadata)
        name, kind, text = metadata
        if kind is not None:
            self._types.setdefault(name, kind)
        elif text is not None:
            self._helps.setdefault(name, text)

    def check_odd(self) -> None:
        """Refuse what expfmt does not take in a histogram or a summary."""
        for number, name, line in self._odd:
            family = family_of(name, self._types)
            kind = self._types.get(family)
            if kind not in DEMANDING:
                continue
            series = read_series(line)
            reason = misfit(series, read_tail(line[series.end :])[1], family, kind)
            if reason is not None:
                raise ExpositionError(number, reason, line)

    def families(self) -> dict[str, Family]:
        """Gather the runs in their families, in the body's order; then those without samples.

        A HELP for a name that is not a family's, but one of its samples', is dropped.
        """
        families: dict[str, Family] = {}
        of_sample: dict[str, Family] = {}
        for run in self._runs:
            family = of_sample.get(run[0])
            if family is None:
                family = self._family(families, family_of(run[0], self._types))
                of_sample[run[0]] = family
            family.runs.append(run)
        for name in (*self._types, *self._helps):
            if name not in families and family_of(name, self._types) == name:
                self._family(families, name)
        return families

    def _family(self, families: dict[str, Family], name: str) -> Family:
        family = families.get(name)
        if family is None:
            family = Family(name, self._types.get(name), self._helps.get(name))
            families[name] = family
        return family


def _read_metadata(line: str) -> Metadata | None:
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


def _reason(fault: LineError, line: str) -> str:
    if line.endswith("\r"):
        return "the line ends with a carriage return; lines end with a line feed alone"
    return str(fault)
