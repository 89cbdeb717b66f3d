# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The workload as its container runs it: environment, Pebble layer, scrape jobs. No ops here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shares import EVERYTHING, Share

if TYPE_CHECKING:
    from ops.pebble import LayerDict

CONTAINER = "metrics-proxy"
SERVICE = "metrics-proxy"
COMMAND = "metrics-proxy"
PORT = 15090
ALIVE_CHECK = "alive"
READY_CHECK = "ready"
CHECKS = (ALIVE_CHECK, READY_CHECK)


@dataclass(frozen=True, slots=True)
class Settings:
    """The charm's configuration. Texts all: what they mean, and whether, the workload says."""

    pod_label_selector: str = ""
    scrape_timeout: str = ""
    namespaces: str = ""
    log_level: str = ""

    @property
    def selects(self) -> bool:
        """Whether there is a selector, right or wrong."""
        return bool(self.pod_label_selector.strip())


def environment(settings: Settings, share: Share = EVERYTHING) -> dict[str, str]:
    """The workload's variables. An empty one means its default."""
    return {
        "POD_LABEL_SELECTOR": settings.pod_label_selector,
        "SCRAPE_TIMEOUT": settings.scrape_timeout,
        "NAMESPACES": settings.namespaces,
        "LOG_LEVEL": settings.log_level,
        "PORT": str(PORT),
        "SHARD": str(share.index),
        "TOTAL_SHARDS": str(share.total),
    }


def layer(variables: dict[str, str], *, run: bool) -> LayerDict:
    """The Pebble layer. Not to ``run``: no service, and no check that would find it missing."""
    startup: Literal["enabled", "disabled"] = "enabled" if run else "disabled"
    root = f"http://localhost:{PORT}"
    return {
        "summary": "metrics-proxy",
        "services": {
            SERVICE: {
                # Merged, for the rock's own layer knows its user and how its memory is tuned.
                "override": "merge",
                "summary": "one Prometheus target for many pods",
                "command": COMMAND,
                "startup": startup,
                "environment": variables,
                "on-check-failure": {ALIVE_CHECK: "restart"},
            }
        },
        "checks": {
            ALIVE_CHECK: {
                "override": "replace",
                "level": "alive",
                "startup": startup,
                "period": "10s",
                "timeout": "3s",
                "threshold": 3,
                "http": {"url": f"{root}/livez"},
            },
            READY_CHECK: {
                "override": "replace",
                "level": "ready",
                "startup": startup,
                "period": "5s",
                "timeout": "3s",
                # One failure is news: only what has failed can tell the charm that it recovered.
                "threshold": 1,
                "http": {"url": f"{root}/readyz"},
            },
        },
    }


def scrape_jobs() -> list[dict[str, Any]]:
    """What Prometheus scrapes of every unit: the pods' metrics, and the proxy's own.

    No interval and no timeout: they are the server's to set, and its timeout comes to the
    proxy with each scrape.
    """
    static_configs = [{"targets": [f"*:{PORT}"]}]
    return [
        {"static_configs": static_configs},
        {
            "job_name": "metrics-proxy-self",
            "metrics_path": "/metrics/self",
            "static_configs": static_configs,
        },
    ]


def faults(stderr: str) -> list[str]:
    """What ``metrics-proxy check`` found wrong, with Juju's option names for the variables.

    Its faults are indented under a heading; where nothing is indented, every line is a fault.
    """
    lines = [line for line in stderr.splitlines() if line.strip()]
    indented = [line for line in lines if line[0].isspace()]
    return [_as_options(line.strip()) for line in indented or lines]


def refusal(change: str) -> str:
    """Why the service ended as soon as it was started, from what Pebble tells of that change.

    The workload's own sentence, where it is among the log lines that Pebble quotes; else Pebble's.
    """
    own = re.findall(rf"^\s*{COMMAND} cannot start: (.*)$", change, re.MULTILINE)
    pebbles = re.findall(r"^- Start service .*?\((.*)\)$", change, re.MULTILINE)
    found: list[str] = own[-1:] or pebbles[-1:]
    return "".join(found)


def _as_options(text: str) -> str:
    return re.sub(
        r"\b(POD_LABEL_SELECTOR|SCRAPE_TIMEOUT|NAMESPACES|LOG_LEVEL)(?==)",
        lambda match: match[0].lower().replace("_", "-"),
        text,
    )
