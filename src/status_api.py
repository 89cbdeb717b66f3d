# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the running proxy says of itself, over loopback. No ops here.

The charm's container and the workload's are one pod, and share its network namespace.
"""

from __future__ import annotations

import http.client
import json
import urllib.request
from dataclasses import dataclass
from typing import Any

_SECONDS = 3.0
_FOREIGN = "its {} is not what this charm knows; refresh charm and image together"
# Loopback is never to be reached through whatever http_proxy the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoAnswerError(Exception):
    """The proxy did not answer."""


class ForeignAnswerError(NoAnswerError):
    """The proxy answered, in words that are not known here."""


@dataclass(frozen=True, slots=True)
class Scope:
    """How discovery does in one namespace, or ("") in all of them."""

    namespace: str
    mode: str
    listed: bool
    problem: str
    problem_kind: str


@dataclass(frozen=True, slots=True)
class Status:
    """The proxy in short. ``skipped`` counts pods that are selected and not to be scraped."""

    version: str
    ready: bool
    selector: str
    scopes: tuple[Scope, ...]
    shard: int
    total_shards: int
    targets: int
    down: int
    unscraped: int
    skipped: int

    @property
    def steady(self) -> bool:
        """Whether discovery has found its way, and is not between two tries."""
        return self.ready and all(scope.mode in {"watching", "polling"} for scope in self.scopes)


@dataclass(frozen=True, slots=True)
class Target:
    """A selected pod. ``up`` is None before the first scrape, ``skipped`` says why it has none."""

    namespace: str
    name: str
    url: str
    up: int | None
    error: str
    skipped: str


def read_status(root: str) -> Status:
    """Ask the proxy at ``root`` how it does. Raises NoAnswerError."""
    answer = _get(f"{root}/api/status")
    try:
        return _status(answer)
    except (KeyError, TypeError, AttributeError) as error:
        raise ForeignAnswerError(_FOREIGN.format("/api/status")) from error


def read_targets(root: str) -> list[Target]:
    """Ask the proxy at ``root`` for its pods. Raises NoAnswerError."""
    answer = _get(f"{root}/api/targets")
    try:
        return [_target(entry) for entry in answer]
    except (KeyError, TypeError) as error:
        raise ForeignAnswerError(_FOREIGN.format("/api/targets")) from error


def _get(url: str) -> Any:
    try:
        with _opener.open(url, timeout=_SECONDS) as response:
            return json.load(response)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswerError(str(getattr(error, "reason", error))) from error


def _status(answer: Any) -> Status:
    return Status(
        version=answer["version"],
        ready=answer["ready"],
        selector=answer["selector"],
        scopes=tuple(_scope(scope) for scope in answer["scopes"]),
        shard=answer["shard"],
        total_shards=answer["total_shards"],
        targets=answer["targets"],
        down=answer["down"],
        unscraped=answer["unscraped"],
        skipped=sum(answer["skipped"].values()),
    )


def _scope(answer: Any) -> Scope:
    return Scope(
        namespace=answer["scope"],
        mode=answer["mode"],
        listed=answer["listed"],
        problem=answer["problem"],
        problem_kind=answer["problem_kind"],
    )


def _target(answer: Any) -> Target:
    return Target(
        namespace=answer["namespace"],
        name=answer["name"],
        url=answer["url"],
        up=answer["up"],
        error=answer["error"],
        skipped=answer["skipped"],
    )
