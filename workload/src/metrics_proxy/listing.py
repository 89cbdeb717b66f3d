# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""``metrics-proxy targets``: which pods the selector finds, once, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import httpx2

from metrics_proxy.config import Config
from metrics_proxy.health import Health
from metrics_proxy.kube import Discovery
from metrics_proxy.pods import Listed
from metrics_proxy.sharding import Shard
from metrics_proxy.targets import Entry, Skipped, TargetTable
from metrics_proxy.telemetry import Telemetry


async def list_entries(config: Config, client: httpx2.AsyncClient) -> tuple[Entry, ...]:
    """List every scope once. Raises wire.Trouble where the API refuses or can't be reached."""
    health = Health.of(config.namespaces)
    telemetry = Telemetry(health)
    table = TargetTable(Shard(config.shard, config.total_shards))
    async with client:
        for scope in health.scopes:
            discovery = Discovery(client, config.pod_label_selector, scope, telemetry)
            _, pods = await discovery.list()
            table.apply(Listed(scope.scope, pods))
    return table.snapshot()


def as_table(entries: Sequence[Entry]) -> str:
    """Columns for people: namespace, name, and the URL or why there is none."""
    rows = [("NAMESPACE", "NAME", "TARGET"), *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{ns:<{widths[0]}}  {name:<{widths[1]}}  {rest}" for ns, name, rest in rows)


def as_json(entries: Iterable[Entry]) -> str:
    """A list of objects: namespace, name, uid, and url, fault or skipped (reason) with detail."""
    return json.dumps([_object(entry) for entry in entries], indent=2)


def _row(entry: Entry) -> tuple[str, str, str]:
    if isinstance(entry, Skipped):
        return entry.namespace, entry.name, f"skipped: {_printable(entry.detail)}"
    fault = _printable(entry.fault or "")
    return entry.namespace, entry.name, f"up 0: {fault}" if fault else entry.url


def _printable(text: str) -> str:
    # An annotation may hold anything, and the terminal would obey it.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _object(entry: Entry) -> dict[str, str]:
    common = {"namespace": entry.namespace, "name": entry.name, "uid": entry.uid}
    if isinstance(entry, Skipped):
        return common | {"skipped": entry.reason, "detail": entry.detail}
    return common | ({"fault": entry.fault} if entry.fault else {"url": entry.url})
