# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Values and timestamps, by the rules of Go's strconv that both Prometheus parsers use."""

from __future__ import annotations

import math
import re

from metrics_proxy.exposition.model import LineError, shown

_INT64_MAX = 2**63 - 1
_BLANKS = re.compile(r"[ \t]+")
# ParseFloat less hexadecimal and underscores. ASCII also keeps IGNORECASE from taking U+0130 for i.
_FLOAT = re.compile(
    r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:e[+-]?[0-9]++)?|[+-]?inf(?:inity)?|nan",
    re.ASCII | re.IGNORECASE,
)
_TIMESTAMP = re.compile(r"[0-9]++")

# What most samples end with. Too few digits to overflow a float64 or an int64.
_PLAIN_FLOAT = rb"[0-9]{1,200}+(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]{1,2}+)?+"
_PLAIN_END = rb"(?: [0-9]{1,18}+)?+\n"
_PLAIN = rb"(?:" + _PLAIN_FLOAT + rb"|NaN|\+Inf)" + _PLAIN_END
_SIGNED = rb"(?:-?+" + _PLAIN_FLOAT + rb"|NaN|[+-]Inf)" + _PLAIN_END

plain_tail = re.compile(_PLAIN).fullmatch
"""Match a value that is not negative, perhaps a timestamp, and a newline: both parsers take it."""

plain_tails = re.compile(rb"(?:" + _PLAIN + rb")*+").fullmatch
signed_tails = re.compile(rb"(?:" + _SIGNED + rb")*+").fullmatch
"""The same of many, values perhaps negative."""


def float_of(text: str) -> float | None:
    """The float64 that ``text`` spells, or None where Go's ParseFloat finds an error."""
    if _FLOAT.fullmatch(text) is None:
        return None
    value = float(text)
    overflown = math.isinf(value) and text.lstrip("+-")[:1] not in "iI"
    return None if overflown else value


def read_tail(tail: str) -> tuple[str, float]:
    """Check what follows a series; return it as ``value`` or ``value timestamp``, and the number.

    Raises LineError. Spellings are kept. A negative timestamp is refused although the format allows
    it: the server's parser gives up the whole answer at one.
    """
    value, *rest = _BLANKS.split(tail.strip(" \t"))
    number = _checked_value(value)
    if not rest:
        return value, number
    _check_timestamp(rest[0])
    if len(rest) > 1:
        raise LineError(f'after the timestamp the line must end, but "{shown(rest[1])}" follows')
    return f"{value} {rest[0]}", number


def _checked_value(text: str) -> float:
    if not text:
        raise LineError("the value is missing")
    number = float_of(text)
    if number is not None:
        return number
    if _FLOAT.fullmatch(text):
        raise LineError(f'the value "{shown(text)}" is too large for a 64-bit float')
    raise LineError(f'the value is "{shown(text)}"; it takes a decimal number, NaN, +Inf or -Inf')


def _check_timestamp(text: str) -> None:
    if text.startswith("#"):
        raise LineError("an exemplar follows the value; the text format has none")
    if _TIMESTAMP.fullmatch(text) is None:
        raise LineError(
            f'the timestamp is "{shown(text)}"; it takes whole milliseconds, digits only'
        )
    if len(text.lstrip("0")) > 19 or int(text.lstrip("0") or "0") > _INT64_MAX:
        raise LineError(f'the timestamp "{shown(text)}" is too large for a 64-bit integer')
