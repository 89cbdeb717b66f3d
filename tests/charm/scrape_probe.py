# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the prometheus_scrape library share: a charm with only the provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import ops
from ops import testing
from pydantic import BaseModel, ConfigDict, Field, Json

from charms.prometheus_k8s.v0.prometheus_scrape import MetricsEndpointProvider

FQDN = "probe-0.probe-endpoints.shop.svc.cluster.local"
JOB = {"static_configs": [{"targets": ["*:15090"]}]}
WRITTEN_JOB = {"metrics_path": "/metrics", **JOB}
META: dict[str, Any] = {
    "name": "probe",
    "provides": {
        "metrics-endpoint": {"interface": "prometheus_scrape"},
        "other": {"interface": "elsewhere"},
    },
    "requires": {"wrong-way": {"interface": "prometheus_scrape"}},
}
ONE_CONTAINER = META | {"containers": {"my-probe": {}}}
TWO_CONTAINERS = META | {"containers": {"my-probe": {}, "sidecar": {}}}


# The interface's published schema of what a provider writes (facts/charm.md section 4).
class Rule(BaseModel):
    alert: str
    expr: str
    for_: str = Field(alias="for")
    labels: dict[str, str]
    annotations: dict[str, str] = {}


class Group(BaseModel):
    name: str
    rules: list[Rule]


class Rules(BaseModel):
    groups: list[Group]


class StaticConfig(BaseModel):
    model_config = ConfigDict(extra="allow")
    targets: list[str]
    labels: dict[str, str] | None = None


class Job(BaseModel):
    model_config = ConfigDict(extra="allow")
    job_name: str | None = None
    metrics_path: str
    static_configs: list[StaticConfig]


class Metadata(BaseModel):
    model_config = ConfigDict(extra="allow")
    model: str
    model_uuid: str
    application: str
    unit: str


class AppBag(BaseModel):
    alert_rules: Json[Rules]
    scrape_jobs: Json[list[Job]]
    scrape_metadata: Json[Metadata]


class UnitBag(BaseModel):
    model_config = ConfigDict(extra="allow")
    prometheus_scrape_unit_address: str
    prometheus_scrape_unit_name: str
    prometheus_scrape_unit_path: str | None = None


class Probe(ops.CharmBase):
    """A charm with nothing but the provider; `options` are its arguments."""

    options: Mapping[str, Any] = {}

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        options = dict(self.options)
        if refresh := options.pop("refresh", None):
            options["refresh_event"] = refresh(self.on)
        self.said: list[tuple[str, Any, Any]] = []
        self.metrics = MetricsEndpointProvider(self, **options)
        framework.observe(self.metrics.on.alert_rule_status_changed, self._on_rules)
        framework.observe(self.metrics.on.invalid_scrape_job, self._on_job)

    def _on_rules(self, event: Any) -> None:
        self.said.append(("rules", event.valid, event.errors))

    def _on_job(self, event: Any) -> None:
        self.said.append(("job", None, event.errors))


def context(meta: dict[str, Any] = ONE_CONTAINER, **options: Any) -> testing.Context[Probe]:
    charm = type("Probe", (Probe,), {"options": {"jobs": [JOB], **options}})
    return testing.Context(charm, meta=meta, unit_id=3)


def relation(**remote: Any) -> testing.Relation:
    return testing.Relation(
        "metrics-endpoint",
        remote_app_data={"event": json.dumps(remote)} if remote else {},
        remote_units_data={0: {}},
    )


def state(
    *relations: testing.Relation, leader: bool = True, address: str = "10.1.2.3"
) -> testing.State:
    """One that is bound to `address`, or to none where that is ""."""
    addresses = [testing.Address(address, cidr="10.0.0.0/8")] if address else []
    bound = testing.BindAddress(addresses)
    return testing.State(
        leader=leader,
        relations=relations,
        containers=[testing.Container("my-probe", can_connect=True)],
        networks=[testing.Network("metrics-endpoint", bind_addresses=[bound])],
        model=testing.Model("shop", uuid="11111111-2222-4333-8444-555555555555"),
    )


def joined(
    ctx: testing.Context[Probe], *, leader: bool = True, address: str = "10.1.2.3"
) -> testing.Relation:
    """The relation as it is after relation-joined."""
    fresh = relation()
    out = ctx.run(ctx.on.relation_joined(fresh), state(fresh, leader=leader, address=address))
    return bags_of(out, fresh)


def app_bag(bags: testing.Relation) -> Mapping[str, str]:
    return cast("Mapping[str, str]", bags.local_app_data)


def unit_bag(bags: testing.Relation) -> Mapping[str, str]:
    return cast("Mapping[str, str]", bags.local_unit_data)


def jobs_in(bags: testing.Relation) -> Any:
    return json.loads(app_bag(bags)["scrape_jobs"])


def unit_field(bags: testing.Relation, field: str) -> str:
    # Juju keeps no empty value: "" and absent are the same there.
    return unit_bag(bags).get(f"prometheus_scrape_unit_{field}", "")


def bags_of(out: testing.State, before: testing.Relation) -> testing.Relation:
    """A relation as it is after an event."""
    return cast("testing.Relation", out.get_relation(before.id))
