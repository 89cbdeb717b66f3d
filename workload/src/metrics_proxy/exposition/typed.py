# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What expfmt asks of a histogram's and a summary's samples beyond the grammar.

The server's parser takes them all, but promtool would refuse the whole merged answer.
"""

from __future__ import annotations

from metrics_proxy.exposition.model import MetricType, shown
from metrics_proxy.exposition.series import Series
from metrics_proxy.exposition.value import float_of

DEMANDING = frozenset({MetricType.HISTOGRAM, MetricType.SUMMARY})


def has_odd_bound(series: Series) -> bool:
    """Whether a bucket or quantile label holds no number, whatever the family's type."""
    for name, value in series.labels:
        if name in {"le", "quantile"} and float_of(value[1:-1]) is None:
            return True
    return False


def misfit(series: Series, value: float, family: str, kind: MetricType) -> str | None:
    """Why a sample can't be in the family ``family`` of type ``kind``, or None if it can."""
    if kind is MetricType.SUMMARY:
        return _bound_fault(series, "quantile", f"summary {shown(family)}")
    if kind is not MetricType.HISTOGRAM:
        return None
    counts = series.name == f"{family}_count" or (
        series.value_of("le") is not None and series.name != f"{family}_sum"
    )
    if counts and value < 0:
        return f"a count of histogram {shown(family)} is negative; it takes 0 or more"
    return _bound_fault(series, "le", f"histogram {shown(family)}")


def _bound_fault(series: Series, label: str, family: str) -> str | None:
    bound = series.value_of(label)
    if bound is None or float_of(bound) is not None:
        return None
    return f'the label {label} of {family} is "{shown(bound)}"; it takes a number, +Inf or -Inf'
