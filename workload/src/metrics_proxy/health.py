# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""How discovery is doing, scope by scope: what /readyz and the proxy's own metrics tell."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Mode(StrEnum):
    """What discovery does with a scope now."""

    STARTING = "starting"
    WATCHING = "watching"
    POLLING = "polling"
    RETRYING = "retrying"


class ProblemKind(StrEnum):
    """What kind of problem stands between discovery and the pods."""

    NONE = ""
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    UNREACHABLE = "unreachable"
    OTHER = "other"


@dataclass(slots=True)
class ScopeHealth:
    """One scope ("" is the whole cluster). ``contact`` is on the monotonic clock, in seconds."""

    scope: str
    mode: Mode = Mode.STARTING
    listed: bool = False
    problem: str = ""
    problem_kind: ProblemKind = ProblemKind.NONE
    contact: float | None = None

    def touch(self) -> None:
        """The API has just answered."""
        self.contact = time.monotonic()

    @property
    def where(self) -> str:
        """The scope in words."""
        return f"namespace {self.scope}" if self.scope else "all namespaces"


@dataclass(frozen=True, slots=True)
class Health:
    """The scopes of one proxy. Discovery writes them, everything else only looks."""

    scopes: tuple[ScopeHealth, ...] = field(default=())

    @classmethod
    def of(cls, namespaces: Iterable[str]) -> Health:
        """One scope for each namespace, or one for the whole cluster where none is named."""
        return cls(tuple(ScopeHealth(scope) for scope in (tuple(namespaces) or ("",))))

    @property
    def ready(self) -> bool:
        """Whether the first list of every scope is complete."""
        return all(scope.listed for scope in self.scopes)

    def reasons(self) -> list[str]:
        """Why it is not ready, a sentence for each scope whose first list is not complete."""
        return [
            f"{scope.where}: {scope.problem or 'waiting for the first list of pods'}"
            for scope in self.scopes
            if not scope.listed
        ]

    def age(self) -> float | None:
        """Seconds since the API last answered, for the scope it is longest for; None: never."""
        contacts = [scope.contact for scope in self.scopes]
        if not contacts or None in contacts:
            return None
        return time.monotonic() - min(contact for contact in contacts if contact is not None)
