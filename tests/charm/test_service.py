# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the charm does with Pebble: the plan on every unit, when the proxy runs and when it stops."""

from __future__ import annotations

import time

import ops
import pytest
from ops import pebble, testing

import charm
import proxy
from tests.charm.conftest import Context
from tests.charm.fakes import ProxyApi, checked, container, ready_check, scope, unit

ENVIRONMENT = {
    "POD_LABEL_SELECTOR": "app=ztunnel",
    "SCRAPE_TIMEOUT": "9s",
    "NAMESPACES": "",
    "LOG_LEVEL": "info",
    "PORT": "15090",
    "SHARD": "0",
    "TOTAL_SHARDS": "1",
}
RUNNING = pebble.ServiceStatus.ACTIVE
STOPPED = pebble.ServiceStatus.INACTIVE


def box_of(state: testing.State) -> testing.Container:
    return state.get_container("metrics-proxy")


def service_of(state: testing.State) -> pebble.Service:
    return box_of(state).plan.services["metrics-proxy"]


def runs(state: testing.State) -> bool:
    return box_of(state).service_statuses.get("metrics-proxy") is RUNNING


@pytest.mark.parametrize("leader", [True, False])
def test_every_unit_runs_the_proxy(ctx: Context, api: ProxyApi, *, leader: bool) -> None:
    box = container()
    out = ctx.run(ctx.on.pebble_ready(box), unit(box=box, leader=leader))
    assert runs(out)
    assert service_of(out).command == "metrics-proxy"
    assert service_of(out).startup == "enabled"
    assert service_of(out).environment == ENVIRONMENT
    assert service_of(out).on_check_failure == {"alive": "restart"}
    assert out.opened_ports == {testing.TCPPort(15090)}
    assert out.workload_version == "0.1.0"


def test_the_checks(ctx: Context, api: ProxyApi) -> None:
    checks = box_of(ctx.run(ctx.on.update_status(), unit())).plan.checks
    assert {name: (check.level, check.http) for name, check in checks.items()} == {
        "alive": (pebble.CheckLevel.ALIVE, {"url": "http://localhost:15090/livez"}),
        "ready": (pebble.CheckLevel.READY, {"url": "http://localhost:15090/readyz"}),
    }
    assert checks["ready"].threshold == 1
    assert {check.startup for check in checks.values()} == {pebble.CheckStartup.ENABLED}


def test_the_charm_waits_past_the_first_ready_check() -> None:
    ready = proxy.layer(ENVIRONMENT, run=True)["checks"]["ready"]
    seconds = [float(str(ready[key]).removesuffix("s")) for key in ("period", "timeout")]
    assert sum(seconds) < charm._PATIENCE


def test_the_options_become_the_environment(ctx: Context, api: ProxyApi) -> None:
    config = {
        "pod-label-selector": "app in (web, shop)",
        "scrape-timeout": "1m30s",
        "namespaces": "shop, istio-system",
        "log-level": "debug",
    }
    environment = service_of(ctx.run(ctx.on.config_changed(), unit(config))).environment
    assert environment == ENVIRONMENT | {
        "POD_LABEL_SELECTOR": "app in (web, shop)",
        "SCRAPE_TIMEOUT": "1m30s",
        "NAMESPACES": "shop, istio-system",
        "LOG_LEVEL": "debug",
    }


def test_the_workload_checks_the_environment_that_it_would_get(ctx: Context, api: ProxyApi) -> None:
    ctx.run(ctx.on.config_changed(), unit())
    (run,) = ctx.exec_history["metrics-proxy"]
    assert tuple(run.command) == ("metrics-proxy", "check")
    assert run.environment == ENVIRONMENT


@pytest.mark.parametrize(
    "event",
    [
        "config_changed",
        "upgrade_charm",
        "update_status",
        "leader_elected",
        "pebble_ready",
        "pebble_check_failed",
        "pebble_check_recovered",
    ],
)
def test_every_event_brings_the_proxy_about(ctx: Context, api: ProxyApi, event: str) -> None:
    box = container(check_infos={ready_check(pebble.CheckStatus.UP)}, layers={"rock": _layer()})
    emit = getattr(ctx.on, event)
    state = unit(box=box)
    if event == "pebble_ready":
        out = ctx.run(emit(box), state)
    elif event.startswith("pebble_check"):
        out = ctx.run(emit(box, next(iter(box.check_infos))), state)
    else:
        out = ctx.run(emit(), state)
    assert runs(out)


def _layer() -> pebble.Layer:
    ready = proxy.layer(ENVIRONMENT, run=True)["checks"]["ready"]
    return pebble.Layer({"checks": {"ready": ready}})


def test_no_container_no_plan(ctx: Context, silent: None) -> None:
    out = ctx.run(ctx.on.config_changed(), unit(box=container(can_connect=False)))
    assert box_of(out).plan.services == {}


@pytest.mark.parametrize(
    ("config", "check"),
    [
        ({"pod-label-selector": ""}, checked()),
        ({"pod-label-selector": "a=,"}, checked("  POD_LABEL_SELECTOR is wrong\n")),
    ],
)
def test_what_cannot_run_never_starts(
    ctx: Context, silent: None, config: dict[str, str], check: testing.Exec
) -> None:
    out = ctx.run(ctx.on.config_changed(), unit(config, box=container(check)))
    assert not runs(out)
    assert service_of(out).startup == "disabled"
    checks = box_of(out).plan.checks.values()
    assert {each.startup for each in checks} == {pebble.CheckStartup.DISABLED}


def test_nothing_is_asked_without_a_selector(ctx: Context, silent: None) -> None:
    ctx.run(ctx.on.config_changed(), unit({"pod-label-selector": ""}))
    assert ctx.exec_history == {}


def test_a_selector_taken_away_stops_proxy_and_checks(ctx: Context, api: ProxyApi) -> None:
    running = ctx.run(ctx.on.config_changed(), unit())
    out = ctx.run(ctx.on.config_changed(), unit({"pod-label-selector": ""}, box=box_of(running)))
    assert box_of(out).service_statuses["metrics-proxy"] is STOPPED
    # Pebble would go on with them, and restart what was stopped.
    infos = {info.name: info.status for info in box_of(out).check_infos}
    assert set(infos.values()) == {pebble.CheckStatus.INACTIVE}

    again = ctx.run(ctx.on.config_changed(), unit(box=box_of(out)))
    assert runs(again)


def test_it_restarts_only_what_changed(
    ctx: Context, api: ProxyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(ops.Container, "restart", never)
    first = ctx.run(ctx.on.config_changed(), unit())
    second = ctx.run(ctx.on.config_changed(), unit(box=box_of(first)))
    # Pebble's replan restarts a service when, and only when, its part of the plan is another.
    assert box_of(second).plan == box_of(first).plan


def test_what_the_rock_sets_stays(ctx: Context, api: ProxyApi) -> None:
    rock = pebble.Layer(
        {
            "services": {
                "metrics-proxy": {
                    "override": "replace",
                    "command": "metrics-proxy serve",
                    "startup": "enabled",
                    "user": "_daemon_",
                    "environment": {"MALLOC_ARENA_MAX": "1", "LOG_LEVEL": "debug"},
                }
            }
        }
    )
    out = ctx.run(ctx.on.config_changed(), unit(box=container(layers={"001-rock": rock})))
    service = service_of(out)
    assert service.command == "metrics-proxy"
    assert service.user == "_daemon_"
    assert service.environment == ENVIRONMENT | {"MALLOC_ARENA_MAX": "1"}


def test_it_waits_for_a_proxy_that_is_about_to_be_ready(
    ctx: Context, api: ProxyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.says(scope("", "starting", listed=False))
    monkeypatch.setattr(charm, "_PATIENCE", 30)
    monkeypatch.setattr(time, "sleep", lambda _: api.says())
    out = ctx.run(ctx.on.config_changed(), unit())
    assert isinstance(out.unit_status, testing.ActiveStatus)


def test_it_does_not_wait_for_what_pebble_will_tell(
    ctx: Context, api: ProxyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: float) -> None:
        raise AssertionError

    api.says(scope("", "retrying", listed=False, problem="gone", kind="unreachable"))
    first = ctx.run(ctx.on.config_changed(), unit())
    alive = next(info for info in box_of(first).check_infos if info.name == "alive")
    infos = {alive, ready_check(pebble.CheckStatus.DOWN, failures=1)}
    box = container(
        layers=box_of(first).layers,
        service_statuses=box_of(first).service_statuses,
        check_infos=infos,
    )
    monkeypatch.setattr(time, "sleep", never)
    out = ctx.run(ctx.on.config_changed(), unit(box=box))
    assert out.unit_status == testing.WaitingStatus("gone")
