# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The family ``up``: ours says which pods could be scraped, a pod's own makes way for it."""

from __future__ import annotations

from collections.abc import Iterable

from metrics_proxy.exposition.model import SUFFIX_OWNERS, Exposition, Family, MetricType
from metrics_proxy.exposition.series import EXPORTED, PodLabels

UP = "up"
_HELP = "1 if the pod answered with a valid exposition in time, else 0."


def up_exposition(states: Iterable[tuple[PodLabels, bool]]) -> Exposition:
    """One sample per pod: 1 where the state is true, else 0."""
    lines = "".join(f"{UP}{{{labels.text}}} {int(is_up)}\n" for labels, is_up in states)
    return Exposition((Family(UP, MetricType.GAUGE, _HELP),), [lines.encode()])


def make_way_for_up(families: dict[str, Family]) -> None:
    """Rename a pod's own ``up`` to a name that is free in that pod."""
    family = families.get(UP)
    if family is not None:
        name = EXPORTED + UP
        while not _is_free(name, family.type, families):
            name = EXPORTED + name
        families[UP] = family._replace(name=name)


def _is_free(name: str, kind: MetricType | None, families: dict[str, Family]) -> bool:
    names = [name, *(name + suffix for suffix, owners in SUFFIX_OWNERS if kind in owners)]
    return families.keys().isdisjoint(names)
