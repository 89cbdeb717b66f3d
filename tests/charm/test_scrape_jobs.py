# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the charm tells Prometheus. What the library makes of it, the library's tests say."""

from __future__ import annotations

import json

import pytest
from ops import testing

import proxy
from tests.charm.conftest import Context
from tests.charm.fakes import ProxyApi, container, unit

Bag = dict[str, str]
STATIC = [{"targets": ["*:15090"]}]


def test_the_jobs() -> None:
    assert proxy.scrape_jobs() == [
        {"static_configs": STATIC},
        {
            "job_name": "metrics-proxy-self",
            "metrics_path": "/metrics/self",
            "static_configs": STATIC,
        },
    ]


def related(ctx: Context, event: str, *, leader: bool = True) -> tuple[Bag, Bag]:
    """What the unit wrote for its application, and for itself."""
    relation = testing.Relation("metrics-endpoint", remote_app_name="prometheus-k8s")
    box = container()
    state = unit(box=box, relations=(relation,), leader=leader)
    events = {
        "relation_joined": lambda: ctx.on.relation_joined(relation, remote_unit=0),
        "pebble_ready": lambda: ctx.on.pebble_ready(box),
        "leader_elected": ctx.on.leader_elected,
    }
    out = ctx.run(events[event](), state).get_relation(relation.id)
    assert isinstance(out, testing.Relation)
    return dict(out.local_app_data), dict(out.local_unit_data)


@pytest.mark.parametrize("event", ["relation_joined", "pebble_ready", "leader_elected"])
def test_the_leader_writes_jobs_and_rules(ctx: Context, api: ProxyApi, event: str) -> None:
    data, _ = related(ctx, event)
    jobs = json.loads(data["scrape_jobs"])
    assert [(job["metrics_path"], job["static_configs"]) for job in jobs] == [
        ("/metrics", STATIC),
        ("/metrics/self", STATIC),
    ]
    assert not any({"scrape_interval", "scrape_timeout"} & set(job) for job in jobs)
    assert json.loads(data["scrape_metadata"])["application"] == "metrics-proxy-k8s"
    assert json.loads(data["alert_rules"])["groups"]


@pytest.mark.parametrize("leader", [True, False])
def test_every_unit_writes_its_address(ctx: Context, api: ProxyApi, *, leader: bool) -> None:
    of_app, own = related(ctx, "relation_joined", leader=leader)
    assert own["prometheus_scrape_unit_name"] == "metrics-proxy-k8s/0"
    assert own["prometheus_scrape_unit_address"]
    assert bool(of_app) is leader
