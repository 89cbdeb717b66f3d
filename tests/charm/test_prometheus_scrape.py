# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The provider side of prometheus_scrape, as it must be whoever's library file is in lib/.

Nothing here holds only for our own file: Charmhub's must pass just as well. What ours
does beyond it is in test_prometheus_scrape_own.py.
"""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from ops import testing

from charms.prometheus_k8s.v0 import prometheus_scrape
from tests.charm.scrape_probe import (
    FQDN,
    JOB,
    TWO_CONTAINERS,
    WRITTEN_JOB,
    AppBag,
    Probe,
    UnitBag,
    app_bag,
    bags_of,
    context,
    jobs_in,
    joined,
    relation,
    state,
    unit_bag,
    unit_field,
)


@pytest.fixture(autouse=True)
def known_fqdn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: FQDN)
    monkeypatch.setenv("SCENARIO_BARE_CHARM_ERRORS", "true")


def test_the_constants_are_the_interface_s() -> None:
    assert prometheus_scrape.DEFAULT_RELATION_NAME == "metrics-endpoint"
    assert prometheus_scrape.RELATION_INTERFACE_NAME == "prometheus_scrape"
    assert prometheus_scrape.DEFAULT_JOB == {
        "metrics_path": "/metrics",
        "static_configs": [{"targets": ["*:80"]}],
    }
    assert set(prometheus_scrape.ALLOWED_KEYS) >= {
        *("job_name", "metrics_path", "static_configs", "scrape_interval", "scrape_timeout"),
        *("proxy_url", "relabel_configs", "metric_relabel_configs", "sample_limit", "label_limit"),
        *("label_name_length_limit", "label_value_length_limit", "scheme", "basic_auth"),
        *("tls_config", "authorization", "params"),
    }
    assert prometheus_scrape.LIBID == "bc84295fef5f4049878f07b131968ee2"
    assert prometheus_scrape.LIBAPI == 0


def test_the_databags_fit_the_published_schema() -> None:
    bags = joined(context())
    AppBag.model_validate(app_bag(bags))
    UnitBag.model_validate(unit_bag(bags))


def test_the_leader_writes_jobs_and_metadata() -> None:
    bags = joined(context())
    assert jobs_in(bags) == [WRITTEN_JOB]
    assert json.loads(app_bag(bags)["scrape_metadata"]) == {
        "model": "shop",
        "model_uuid": "11111111-2222-4333-8444-555555555555",
        "application": "probe",
        "unit": "probe/3",
        "charm_name": "probe",
    }


def test_a_unit_that_is_not_the_leader_writes_where_it_is_and_no_more() -> None:
    bags = joined(context(), leader=False)
    assert app_bag(bags) == {}
    assert unit_field(bags, "address") == "10.1.2.3"
    assert unit_field(bags, "name") == "probe/3"
    assert unit_field(bags, "fqdn") == FQDN
    assert unit_field(bags, "path") == ""


def test_every_relation_is_written() -> None:
    ctx = context()
    first, second = relation(), relation()
    out = ctx.run(ctx.on.relation_joined(first), state(first, second))
    for bags in (bags_of(out, first), bags_of(out, second)):
        assert jobs_in(bags) == [WRITTEN_JOB]
        assert unit_field(bags, "address") == "10.1.2.3"


def test_without_jobs_there_is_the_default_one() -> None:
    assert jobs_in(joined(context(jobs=None))) == [prometheus_scrape.DEFAULT_JOB]


def test_a_job_starts_from_the_default_and_unknown_keys_are_dropped() -> None:
    job = {"job_name": "self", "metrics_path": "/metrics/self", "honor_labels": True}
    assert jobs_in(joined(context(jobs=[job, JOB]))) == [
        {
            "job_name": "self",
            "metrics_path": "/metrics/self",
            "static_configs": [{"targets": ["*:80"]}],
        },
        WRITTEN_JOB,
    ]


def test_lookaside_jobs_are_asked_for_at_each_event_and_come_last() -> None:
    asked = iter("abcdefgh")

    def lookaside() -> list[dict[str, Any]]:
        return [{"job_name": next(asked), "bogus": 1}]

    ctx = context(lookaside_jobs_callable=lookaside)
    bags = joined(ctx)
    out = ctx.run(ctx.on.relation_changed(bags), state(bags))
    for written in (bags, bags_of(out, bags)):
        static, last = jobs_in(written)
        assert static == WRITTEN_JOB
        assert last.keys() == {"job_name", "metrics_path", "static_configs"}
    assert jobs_in(bags)[1] != jobs_in(bags_of(out, bags))[1]


@pytest.mark.parametrize("address", ["10.1.2.3", "fd00::12"])
def test_the_address_is_the_bind_address(address: str) -> None:
    assert unit_field(joined(context(), address=address), "address") == address


@pytest.mark.parametrize("address", ["some-host", ""])
def test_the_address_is_the_fqdn_where_the_bind_address_is_no_ip(address: str) -> None:
    assert unit_field(joined(context(), address=address), "address") == FQDN


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("http://ingress.example/shop-probe", "ingress.example", "/shop-probe"),
        ("https://ingress.example", "ingress.example", ""),
        ("ingress.example/shop-probe", "ingress.example", "/shop-probe"),
        ("ingress.example", "ingress.example", ""),
    ],
)
def test_an_external_url_takes_the_address_s_place(url: str, host: str, path: str) -> None:
    bags = joined(context(external_url=url))
    assert unit_field(bags, "address") == host
    assert unit_field(bags, "path") == path
    assert unit_field(bags, "fqdn") == ""
    assert unit_field(bags, "name") == "probe/3"


def run_event(ctx: testing.Context[Probe], name: str, moved: testing.State) -> testing.State:
    event: Any
    if name == "relation_changed":
        event = ctx.on.relation_changed(next(iter(moved.relations)))
    elif name == "pebble_ready":
        event = ctx.on.pebble_ready(moved.get_container("my-probe"))
    else:
        event = getattr(ctx.on, name)()
    return ctx.run(event, moved)


@pytest.mark.parametrize("leader", [True, False])
@pytest.mark.parametrize("event", ["relation_changed", "update_status", "pebble_ready"])
def test_a_new_address_is_written(event: str, leader: bool) -> None:
    ctx = context()
    bags = joined(ctx)
    out = run_event(ctx, event, state(bags, leader=leader, address="10.9.9.9"))
    assert unit_field(bags_of(out, bags), "address") == "10.9.9.9"


def test_with_two_containers_update_status_refreshes() -> None:
    ctx = context(TWO_CONTAINERS)
    bags = relation()
    out = ctx.run(ctx.on.update_status(), state(bags))
    assert jobs_in(bags_of(out, bags)) == [WRITTEN_JOB]


@pytest.mark.parametrize(
    "refresh",
    [
        lambda on: on.config_changed,
        lambda on: [on.config_changed],
        lambda on: [on.leader_elected, on.config_changed],
    ],
)
def test_refresh_events_of_the_charm_s_own_write_all(refresh: Any) -> None:
    ctx = context(refresh=refresh)
    bags = relation()
    out = ctx.run(ctx.on.config_changed(), state(bags))
    assert jobs_in(bags_of(out, bags)) == [WRITTEN_JOB]
    assert unit_field(bags_of(out, bags), "address") == "10.1.2.3"


def test_update_scrape_job_spec_replaces_the_jobs_and_writes_them() -> None:
    ctx = context()
    bags = joined(ctx)
    with ctx(ctx.on.config_changed(), state(bags)) as manager:
        manager.charm.metrics.update_scrape_job_spec([{"metrics_path": "/new", "bogus": 1}])
        out = manager.run()
    assert jobs_in(bags_of(out, bags)) == [
        {"metrics_path": "/new", "static_configs": [{"targets": ["*:80"]}]}
    ]


def test_set_scrape_job_spec_writes_without_an_event() -> None:
    ctx = context()
    bags = relation()
    with ctx(ctx.on.config_changed(), state(bags)) as manager:
        manager.charm.metrics.set_scrape_job_spec()
        out = manager.run()
    assert jobs_in(bags_of(out, bags)) == [WRITTEN_JOB]


def said_after(remote: dict[str, Any], *, leader: bool = True) -> list[tuple[str, Any, Any]]:
    """What the charm hears when Prometheus' `event` key is `remote`."""
    ctx = context()
    bags = relation(**remote)
    with ctx(ctx.on.relation_changed(bags), state(bags, leader=leader)) as manager:
        manager.run()
        said: list[tuple[str, Any, Any]] = manager.charm.said
    return said


def test_the_charm_hears_that_its_rules_are_valid() -> None:
    ((kind, valid, errors),) = said_after({"valid": True, "errors": ""})
    assert (kind, valid) == ("rules", True)
    assert not errors


def test_the_charm_hears_what_is_wrong_with_its_rules() -> None:
    assert said_after({"valid": False, "errors": "no such function"}) == [
        ("rules", False, "no such function")
    ]


def test_the_charm_hears_what_is_wrong_with_its_jobs() -> None:
    said = said_after({"valid": True, "errors": "", "scrape_job_errors": "no targets"})
    assert said[1:] == [("job", None, "no targets")]


@pytest.mark.parametrize(("remote", "leader"), [({}, True), ({"valid": False}, False)])
def test_without_a_verdict_or_the_lead_the_charm_hears_nothing(
    remote: dict[str, Any], leader: bool
) -> None:
    assert said_after(remote, leader=leader) == []


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("absent", prometheus_scrape.RelationNotFoundError),
        ("other", prometheus_scrape.RelationInterfaceMismatchError),
        ("wrong-way", prometheus_scrape.RelationRoleMismatchError),
    ],
)
def test_metadata_that_does_not_fit_is_refused(name: str, error: type[Exception]) -> None:
    ctx = context(relation_name=name)
    with pytest.raises(error, match=name):
        ctx.run(ctx.on.start(), state())
