# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What a proxy knows of itself and its pods, as JSON: /api/status and /api/targets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from metrics_proxy import __version__
from metrics_proxy.config import Config
from metrics_proxy.gather import Gatherer
from metrics_proxy.health import Health
from metrics_proxy.targets import Entry, Skipped, Target, TargetTable
from metrics_proxy.telemetry import Telemetry

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class State:
    """All that the routes look at. Made once, in server.py."""

    config: Config
    health: Health
    table: TargetTable
    gatherer: Gatherer
    telemetry: Telemetry

    def skip_counts(self) -> Counter[str]:
        """How many selected pods are skipped, by reason."""
        entries = self.table.snapshot()
        return Counter(str(entry.reason) for entry in entries if isinstance(entry, Skipped))


def status(state: State) -> JsonObject:
    """The proxy in short: whether it is ready, how it discovers, how many pods are up."""
    config = state.config
    return {
        "version": __version__,
        "ready": state.health.ready,
        "selector": config.pod_label_selector.text,
        "namespaces": list(config.namespaces),
        "shard": config.shard,
        "total_shards": config.total_shards,
        "scopes": _scopes(state.health),
        **_pod_counts(state),
        "skipped": dict(state.skip_counts()),
        "conflicts": [
            {"family": conflict.family, "kept": conflict.kept, "refused": list(conflict.refused)}
            for conflict in state.gatherer.conflicts
        ],
    }


def _scopes(health: Health) -> list[JsonObject]:
    return [
        {
            "scope": scope.scope,
            "mode": scope.mode,
            "listed": scope.listed,
            "problem": scope.problem,
            "problem_kind": scope.problem_kind,
        }
        for scope in health.scopes
    ]


def _pod_counts(state: State) -> JsonObject:
    ups = Counter(_up(state, target) for target in state.table.targets())
    return {"targets": ups.total(), "up": ups[1], "down": ups[0], "unscraped": ups[None]}


def _up(state: State, target: Target) -> int | None:
    last = state.gatherer.state_of(target)
    return None if last is None else int(last.failed is None)


def targets(state: State) -> list[JsonObject]:
    """Every selected pod: its URL and its last scrape, or why it is skipped."""
    return [_target(state, entry) for entry in state.table.snapshot()]


def _target(state: State, entry: Entry) -> JsonObject:
    common: JsonObject = {"namespace": entry.namespace, "name": entry.name, "uid": entry.uid}
    if isinstance(entry, Skipped):
        return common | {"url": "", "up": None, "error": "", "skipped": entry.detail}
    last = state.gatherer.state_of(entry)
    error = entry.fault or (last.failed.reason if last and last.failed else "")
    return common | {"url": entry.url, "up": _up(state, entry), "error": error, "skipped": ""}
