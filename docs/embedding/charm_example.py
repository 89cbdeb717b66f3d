#!/usr/bin/env python3
# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A charm that makes pods of its own, and embeds the proxy so that Prometheus sees them.

docs/embedding.md shows this file, piece by piece, from the imports on.
"""

from __future__ import annotations

from typing import Any

import ops

from charms.prometheus_k8s.v0.prometheus_scrape import MetricsEndpointProvider

PROXY = "metrics-proxy"
PORT = 15090


def pod_labels(model: str, app: str) -> dict[str, str]:
    """What tells this application's pods from all others."""
    return {"gateways.example.com/model": model, "gateways.example.com/app": app}


def pod_annotations(port: int) -> dict[str, str]:
    """Where the pods serve their metrics."""
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(port),
        "prometheus.io/path": "/metrics",
    }


def environment(model: str, app: str) -> dict[str, str]:
    """What the proxy is told: which pods, in which namespace, and where to serve."""
    labels = pod_labels(model, app)
    return {
        "POD_LABEL_SELECTOR": ",".join(f"{key}={value}" for key, value in labels.items()),
        "NAMESPACES": model,
        "PORT": str(PORT),
    }


def layer(variables: dict[str, str]) -> ops.pebble.LayerDict:
    """The Pebble layer of the container."""
    return {
        "services": {
            PROXY: {
                # Merged, for the rock's own layer has a service of this name, and its kill-delay.
                "override": "merge",
                "command": "metrics-proxy",
                "startup": "enabled",
                "environment": variables,
                "on-check-failure": {"alive": "restart"},
            }
        },
        # Without a level: with one, a proxy in trouble would take the whole pod out of service.
        "checks": {
            "alive": {
                "override": "replace",
                "http": {"url": f"http://localhost:{PORT}/livez"},
            },
            "ready": {
                "override": "replace",
                "threshold": 1,
                "http": {"url": f"http://localhost:{PORT}/readyz"},
            },
        },
    }


def scrape_jobs() -> list[dict[str, Any]]:
    """What Prometheus scrapes of every unit: the pods' metrics, and the proxy's own."""
    static_configs = [{"targets": [f"*:{PORT}"]}]
    return [
        {"static_configs": static_configs},
        {
            "job_name": "metrics-proxy-self",
            "metrics_path": "/metrics/self",
            "static_configs": static_configs,
        },
    ]


def share(unit: str, planned: int) -> dict[str, str]:
    """The unit's share of the pods; one that is about to go takes them all."""
    number = int(unit.rpartition("/")[2])
    if number >= planned:
        number, planned = 0, 1
    return {"SHARD": str(number), "TOTAL_SHARDS": str(planned)}


class GatewaysCharm(ops.CharmBase):
    """Makes gateways, which is not shown here, and has their metrics scraped."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._proxy = self.unit.get_container(PROXY)
        container, peers = self.on[PROXY], self.on["gateways"]
        self._metrics_endpoint = MetricsEndpointProvider(
            self,
            jobs=scrape_jobs(),
            refresh_event=[container.pebble_ready, self.on.leader_elected],
        )
        for event in (
            container.pebble_ready,
            self.on.upgrade_charm,
            peers.relation_joined,
            peers.relation_departed,
        ):
            framework.observe(event, self._run_proxy)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _run_proxy(self, _: ops.EventBase) -> None:
        """On every unit, leader or not, for Prometheus scrapes them all."""
        if not self._proxy.can_connect():
            return
        variables = environment(self.model.name, self.app.name)
        variables |= share(self.unit.name, self.app.planned_units())
        self._proxy.add_layer(PROXY, layer(variables), combine=True)
        self._proxy.replan()

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        event.add_status(self._proxy_status())

    def _proxy_status(self) -> ops.StatusBase:
        if not self._proxy.can_connect():
            return ops.WaitingStatus(f"waiting for the container {PROXY}")
        checks = self._proxy.get_checks("ready").values()
        if any(check.status is ops.pebble.CheckStatus.DOWN for check in checks):
            trust = f"juju trust {self.app.name} --scope=cluster"
            return ops.WaitingStatus(f"{PROXY} has no list of pods; if this stays, run: {trust}")
        return ops.ActiveStatus()


if __name__ == "__main__":  # pragma: nocover
    ops.main(GatewaysCharm)
