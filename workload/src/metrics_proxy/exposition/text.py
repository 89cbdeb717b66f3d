# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The strict parser of text format 0.0.4, which alone knows its grammar.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import sys
from io import BytesIO

from metrics_proxy.exposition.assembly import Assembly, Run, Shapes
from metrics_proxy.exposition.layout import Layout, Shape, Splice
from metrics_proxy.exposition.metadata import Metadata, read_metadata
from metrics_proxy.exposition.model import ExpositionError, LineError, MetricType, family_of
from metrics_proxy.exposition.series import read_series, splice_of
from metrics_proxy.exposition.typed import DEMANDING, has_odd_bound, misfit
from metrics_proxy.exposition.value import plain_tail, read_tail

_HASH = ord("#")


def read_text(body: bytes, shapes: Shapes, last: Layout | None) -> tuple[Layout, list[bytes]]:
    """Validate a body, which ends with a newline, by the whole grammar; its layout and tails.

    Lines that a shape in use knows, of the pod's last layout or any, need no second look.

    Raises ExpositionError, and nothing else, for any bytes that the server or expfmt would not
    take; three things that only expfmt minds are mended: a TYPE after the family's samples, a
    second TYPE or HELP (the first counts), and unknown escapes.
    """
    _check_encoding(body)
    reader = _Reader(shapes, last)
    reader.read(BytesIO(body).readlines())
    reader.check_odd()
    return reader.layout(), reader.tails


def _check_encoding(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        reason = f"the byte 0x{body[error.start]:02x} is not UTF-8"
        raise _error_at(body, error.start, reason) from None
    if b"\0" in body:
        raise _error_at(body, body.index(b"\0"), "there is a NUL byte; text has none")


def _error_at(body: bytes, offset: int, reason: str) -> ExpositionError:
    number = body.count(b"\n", 0, offset) + 1
    start = body.rfind(b"\n", 0, offset) + 1
    line = body[start:].split(b"\n", 1)[0]
    return ExpositionError(number, reason, line.decode(errors="backslashreplace"))


class _Reader:
    """One pass over one body. Families are made at the end, when all types are known."""

    def __init__(self, shapes: Shapes, last: Layout | None) -> None:
        self.tails: list[bytes] = []
        self._shapes = shapes
        self._last = {} if last is None else last.by_first()
        self._learnt: set[bytes] = set()
        self._series: dict[bytes, Splice] = {}
        self._metadata: dict[bytes, Metadata | None] = {}
        self._types: dict[str, MetricType] = {}
        self._helps: dict[str, str] = {}
        self._runs: list[Run] = []
        self._open: Run | None = None
        self._next = Run()
        # Samples that a histogram or summary must not have: (line number, sample name, line).
        self._odd: list[tuple[int, str, str]] = []

    def read(self, lines: list[bytes]) -> None:
        """Read all lines, each with its newline; many at once where a shape fits."""
        at = 0
        try:
            while at < len(lines):
                if lines[at][0] != _HASH:
                    self._read_line(lines[at], at + 1)
                    at += 1
                elif shape := self._shape_at(lines, at):
                    at += len(shape.prefixes)
                else:
                    self._read_comment(lines[at])
                    at += 1
        except LineError as fault:
            text = _text_of(lines[at])
            raise ExpositionError(at + 1, _reason(fault, text), text) from None

    def layout(self) -> Layout:
        """The layout of what was read."""
        rest = tuple(self._next.comments)
        return Assembly(self._types, self._helps, self._shapes).layout(self._runs, rest)

    def _shape_at(self, lines: list[bytes], at: int) -> Shape | None:
        """Take over a shape that begins with this comment, if all its lines are here."""
        shape = self._candidate(lines[at])
        if shape is None:
            return None
        tails = shape.tails_of(lines[at : at + len(shape.prefixes)])
        if tails is None:
            self._learn(lines[at], shape)
            return None
        for metadata in shape.metadata:
            self._note(metadata)
        self._begin_run(shape.names[0]).shape = shape
        self._open = None
        self.tails += tails
        return shape

    def _candidate(self, first: bytes) -> Shape | None:
        """A shape that begins with this line or prefix, unless all it knows is known."""
        if first in self._learnt:
            return None
        return self._last.get(first) or self._shapes.by_first.get(first)

    def _learn(self, first: bytes, shape: Shape) -> None:
        self._learnt.add(first)
        self._series.update((splice.prefix, splice) for splice in shape.splices())
        self._metadata.update(zip(shape.comments(), shape.metadata, strict=True))

    def _read_comment(self, line: bytes) -> None:
        """Read a line that starts with ``#``, perhaps after blanks, or holds nothing."""
        if line in self._metadata:
            metadata = self._metadata[line]
        else:
            metadata = read_metadata(_text_of(line).lstrip(" \t"))
        self._note(metadata)
        self._next.comments.append(line)
        self._next.metadata.append(metadata)
        self._open = None

    def _note(self, metadata: Metadata | None) -> None:
        if metadata is not None:
            name, kind, text = metadata
            if kind is not None:
                self._types.setdefault(name, kind)
            elif text is not None:
                self._helps.setdefault(name, text)

    def _read_line(self, line: bytes, number: int) -> None:
        if line.lstrip(b" \t")[:1] in b"#\n":
            self._read_comment(line)
            return
        end = (line.rfind(b"}") + 1 or line.find(b" ")) + 1
        tail = line[end:]
        splice = self._series_of(line[:end])
        if splice is None or plain_tail(tail) is None:
            splice, tail = self._read_strictly(line, number)
        self._add(splice, tail)

    def _series_of(self, prefix: bytes) -> Splice | None:
        splice = self._series.get(prefix)
        if splice is None and (shape := self._candidate(prefix)) is not None:
            self._learn(prefix, shape)
            return self._series.get(prefix)
        return splice

    def _read_strictly(self, line: bytes, number: int) -> tuple[Splice, bytes]:
        text = _text_of(line)
        series = read_series(text)
        rest = text[series.end :].lstrip(" \t")
        tail, value = read_tail(rest)
        prefix = text[: len(text) - len(rest)].encode()
        odd = has_odd_bound(series)
        if odd or value < 0:
            self._odd.append((number, series.name, text))
        splice = Splice(sys.intern(series.name), splice_of(series).encode(), prefix, odd)
        return splice, f"{tail}\n".encode()

    def _add(self, splice: Splice, tail: bytes) -> None:
        run = self._open
        if run is None or run.name != splice.name:
            run = self._begin_run(splice.name)
        run.splices.append(splice)
        self.tails.append(tail)

    def _begin_run(self, name: str) -> Run:
        self._open, self._next = self._next, Run()
        self._open.name = name
        self._runs.append(self._open)
        return self._open

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


def _text_of(line: bytes) -> str:
    return line.decode().removesuffix("\n")


def _reason(fault: LineError, line: str) -> str:
    if line.endswith("\r"):
        return "the line ends with a carriage return; lines end with a line feed alone"
    return str(fault)
