# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Which of several proxies scrapes a pod: rendezvous hashing by the pod's UID.

Every proxy finds the same owner without asking the others, and a change of their number moves only
the pods that must move: those of a shard that went, or those that a new shard wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Shard:
    """One share of the pods: number ``index`` (from 0) of ``total``."""

    index: int = 0
    total: int = 1

    def owns(self, uid: str) -> bool:
        """Whether this shard, and no other, scrapes the pod."""
        return self.total == 1 or owner(uid, self.total) == self.index


def owner(uid: str, total: int) -> int:
    """The shard of ``total`` that a pod belongs to: the one with the highest hash."""
    return max(range(total), key=lambda index: _weight(uid, index))


def _weight(uid: str, index: int) -> bytes:
    # hash() differs between processes, and the proxies must agree.
    return blake2b(f"{index}/{uid}".encode(), digest_size=8).digest()
