# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Which unit serves which share of the pods. No ops here.

The proxy takes SHARD of TOTAL_SHARDS and serves the pods whose UID gives that shard the highest
score of all, so each pod belongs to exactly one of 0..TOTAL_SHARDS-1. What the units must agree on
is who is which shard:

1. A unit that isn't on the agreed list serves everything (shard 0 of 1).
2. Once its proxy has its first list of pods a unit says so in the peer relation, and leaves it
   said: a proxy that restarts for a moment is no reason to move pods about.
3. The leader alone writes the agreed list. A unit's place in it is its shard, so numbers with
   gaps do no harm: units 0 and 3 are shards 0 and 1 of 2.

While their number changes, an overlap is better than a hole (but for the seconds in which a proxy
restarts into its new share, for the share is in its environment):

- The list begins with the lowest number and ends before the first unit that has not said that it
  serves, so that it grows at its end only. Units learn of a longer list one after the other; but
  the shard with the highest score of all has also the highest of fewer, so its unit serves the
  pod by the old list and by the new one.
- For the same reason a gap ends the list while fewer units are there than are planned: the one
  that is missing may be about to come.
- A unit joins the list after it has served everything, and so takes over nothing that it hasn't.
- Of an application that shrinks, Juju on Kubernetes takes the highest numbers. The list is cut to
  the planned number, and who is cut off serves everything until it is gone. Only a unit that
  goes unannounced leaves its share unserved, until the leader's next list has reached the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the pods: number ``index``, from 0, of ``total``."""

    index: int
    total: int

    def __str__(self) -> str:
        return f"share {self.index + 1} of {self.total}"


EVERYTHING = Share(0, 1)


def agree(present: Iterable[str], serving: Iterable[str], planned: int) -> list[str]:
    """The agreed list, of the names of the units that are there, those that serve, and the plan."""
    candidates = sorted(present, key=_number)
    if len(candidates) < planned:
        candidates = _without_gap(candidates)
    served = set(serving)
    return list(takewhile(lambda unit: unit in served, candidates))[:planned]


def share_of(unit: str, agreed: Sequence[str]) -> Share:
    """A unit's share by the agreed list."""
    return Share(agreed.index(unit), len(agreed)) if unit in agreed else EVERYTHING


def encode(agreed: Sequence[str]) -> str:
    """The agreed list as it stands in the peer relation."""
    return json.dumps(list(agreed))


def decode(text: str) -> list[str]:
    """Read what ``encode`` wrote; "" is nobody."""
    return [str(unit) for unit in json.loads(text or "[]")]


def _without_gap(units: Sequence[str]) -> list[str]:
    return [unit for place, unit in enumerate(units) if _number(unit) == place]


def _number(unit: str) -> int:
    return int(unit.rpartition("/")[2])
