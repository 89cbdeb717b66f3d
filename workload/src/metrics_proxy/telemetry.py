# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The proxy's own metrics, in a registry of their own so that they never meet the pods'."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from metrics_proxy import __version__
from metrics_proxy.health import Health, Mode

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Telemetry:
    """Counters and gauges of one proxy. ``results`` are label values: "ok" or a failure's kind."""

    def __init__(self, health: Health) -> None:
        self.registry = CollectorRegistry()
        self.scrapes = self._counter("scrapes", "Scrapes of the pods, one per GET /metrics.")
        self.scrape_seconds = self._histogram(
            "scrape_duration_seconds",
            "How long a scrape of all pods took, to the last byte merged.",
        )
        self.pod_scrapes = self._counter("pod_scrapes", "Scrapes of single pods.", "result")
        self.pod_seconds = self._histogram(
            "pod_scrape_duration_seconds", "How long single pods took to answer."
        )
        self.targets = self._gauge("targets", "Pods that a scrape asks.")
        self.targets_up = self._gauge("targets_up", "Pods that were up in the last scrape.")
        self.skipped = self._gauge("skipped_pods", "Selected pods that are no targets.", "reason")
        self.conflicts = self._gauge(
            "type_conflicts", "Metric families whose TYPE differed between pods in the last scrape."
        )
        self.relists = self._counter("relists", "Lists made anew, by what led to it.", "reason")
        self.watch_restarts = self._counter(
            "watch_restarts", "Watches begun again after the server ended one in good order."
        )
        self._gauge("build_info", "1; the labels say what runs.", "version", "python").labels(
            __version__, platform.python_version()
        ).set(1)
        self.registry.register(_HealthCollector(health))
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"metrics_proxy_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"metrics_proxy_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(f"metrics_proxy_{name}", text, registry=self.registry, buckets=_BUCKETS)

    def pods_counted(self, targets: int, skipped: Mapping[str, int]) -> None:
        """Set the sizes of the target table; ``skipped`` counts pods by reason."""
        self.targets.set(targets)
        self.skipped.clear()
        for reason, count in skipped.items():
            self.skipped.labels(reason).set(count)


class _HealthCollector(Collector):
    """What is true at the moment of asking: readiness, mode, the age of the last contact."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield _single("ready", "1 once the first list of pods is complete.", self._health.ready)
        age = self._health.age()
        if age is not None:
            yield _single("api_last_contact_age_seconds", "Since the Kubernetes API answered.", age)
        modes = GaugeMetricFamily(
            "metrics_proxy_discovery_mode",
            "1 for what discovery does now: starting, watching, polling or retrying.",
            labels=("scope", "mode"),
        )
        for scope in self._health.scopes:
            for mode in Mode:
                modes.add_metric((scope.scope or "all", mode), float(scope.mode is mode))
        yield modes


def _single(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"metrics_proxy_{name}", text, value=float(value))
