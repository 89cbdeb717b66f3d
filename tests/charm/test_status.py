# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Every status, its sentence, and that it clears by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ops
import pytest
from ops import pebble, testing

import charm
from tests.charm.conftest import Context
from tests.charm.fakes import ProxyApi, checked, container, ready_check, scope, unit

StatusOf = Callable[[testing.State], ops.StatusBase]

TRUST = "juju trust metrics-proxy-k8s --scope=cluster"
FORBIDDEN = "no permission to list pods (403): pods is forbidden"
UNREACHABLE = "cannot reach the API server https://10.152.183.1: Connection refused"


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "watching 12 pods (2 down) for app=ztunnel"),
        ({"targets": 1, "up": 1, "down": 0}, "watching 1 pod for app=ztunnel"),
        ({"targets": 0, "up": 0, "down": 0}, "watching 0 pods for app=ztunnel"),
        (
            {"unscraped": 3, "skipped": {"not_annotated": 2, "no_ip": 1}},
            "watching 12 pods (2 down, 3 not scraped yet, 3 skipped) for app=ztunnel",
        ),
        (
            {"shard": 1, "total_shards": 3},
            "watching 12 pods (2 down) for app=ztunnel, share 2 of 3",
        ),
    ],
)
def test_active_says_what_is_watched(
    status_of: StatusOf, api: ProxyApi, counts: dict[str, Any], message: str
) -> None:
    api.says(**counts)
    assert status_of(unit()) == ops.ActiveStatus(message)


def test_polling_is_active_and_says_what_would_make_it_watch(
    status_of: StatusOf, api: ProxyApi
) -> None:
    refused = "no permission to watch pods (403): pods is forbidden"
    api.says(scope("cos", "polling", problem=refused, kind="forbidden"))
    assert status_of(unit()) == ops.ActiveStatus(
        f"polling 12 pods (2 down) for app=ztunnel; to watch them, run: {TRUST}"
    )


@pytest.mark.parametrize("selector", ["", "  "])
@pytest.mark.parametrize("up", [True, False])
def test_blocked_without_a_selector_whatever_else(
    status_of: StatusOf, silent: None, selector: str, *, up: bool
) -> None:
    state = unit({"pod-label-selector": selector}, box=container(can_connect=up))
    assert status_of(state) == ops.BlockedStatus(
        "no pods are selected; run: juju config metrics-proxy-k8s pod-label-selector=app=NAME"
    )


def test_blocked_in_the_workload_s_own_words(status_of: StatusOf, silent: None) -> None:
    said = (
        "metrics-proxy cannot start, its configuration is wrong:\n"
        '  POD_LABEL_SELECTOR="a=," is not a label selector; for example'
        " POD_LABEL_SELECTOR=app=ztunnel\n"
        '  SCRAPE_TIMEOUT="9" is not a duration; for example SCRAPE_TIMEOUT=9s\n'
    )
    assert status_of(unit(box=container(checked(said)))) == ops.BlockedStatus(
        'pod-label-selector="a=," is not a label selector; for example'
        " pod-label-selector=app=ztunnel;"
        ' also: scrape-timeout="9" is not a duration; for example scrape-timeout=9s'
    )


def test_blocked_where_the_check_itself_fails(status_of: StatusOf, silent: None) -> None:
    found = status_of(unit(box=container(checked(code=1))))
    assert isinstance(found, ops.BlockedStatus)
    assert found.message.startswith("metrics-proxy check: non-zero exit code 1")


def test_blocked_where_the_image_is_another(
    monkeypatch: pytest.MonkeyPatch, status_of: StatusOf, silent: None
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise pebble.APIError({}, 400, "Bad Request", 'cannot find executable "metrics-proxy"')

    monkeypatch.setattr(ops.Container, "exec", missing)
    assert status_of(unit()) == ops.BlockedStatus(
        'the resource metrics-proxy-image is another image: cannot find executable "metrics-proxy"'
    )


def test_any_other_refusal_of_pebble_is_an_error(
    monkeypatch: pytest.MonkeyPatch, status_of: StatusOf, silent: None
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise pebble.APIError({}, 500, "Internal Server Error", "no space left on device")

    monkeypatch.setattr(ops.Container, "exec", broken)
    with pytest.raises(pebble.APIError):
        status_of(unit())


@pytest.mark.parametrize("listed", [True, False])
def test_blocked_without_permission_names_both_ways_out(
    status_of: StatusOf, api: ProxyApi, *, listed: bool
) -> None:
    api.says(scope("", "retrying", listed=listed, problem=FORBIDDEN, kind="forbidden"))
    assert status_of(unit()) == ops.BlockedStatus(
        f"no permission to list pods in all namespaces; run: {TRUST} (or, for the model's own"
        " pods, which needs no trust: juju config metrics-proxy-k8s namespaces=cos)"
    )


def test_blocked_without_permission_in_the_model_s_own_namespace(
    status_of: StatusOf, api: ProxyApi
) -> None:
    api.says(scope("cos", "retrying", listed=False, problem=FORBIDDEN, kind="forbidden"))
    assert status_of(unit()) == ops.BlockedStatus(
        f"no permission to list pods in the namespace cos; run: {TRUST}"
    )


def test_the_worst_scope_decides(status_of: StatusOf, api: ProxyApi) -> None:
    api.says(
        scope("cos"),
        scope("shop", "retrying", listed=True, problem=UNREACHABLE, kind="unreachable"),
        scope("web", "retrying", listed=False, problem=FORBIDDEN, kind="forbidden"),
    )
    found = status_of(unit())
    assert isinstance(found, ops.BlockedStatus)
    assert "in the namespace web" in found.message


def test_blocked_where_the_token_is_refused(status_of: StatusOf, api: ProxyApi) -> None:
    said = "the API server refuses the credentials (401): Unauthorized"
    api.says(scope("", "retrying", listed=False, problem=said, kind="unauthorized"))
    assert status_of(unit()) == ops.BlockedStatus(
        f"{said}; delete the unit's pod, and it gets a new token"
    )


def test_waiting_for_the_container(status_of: StatusOf, silent: None) -> None:
    assert status_of(unit(box=container(can_connect=False))) == ops.WaitingStatus(
        "waiting for the container metrics-proxy"
    )


@pytest.mark.parametrize(("namespace", "where"), [("", ""), ("shop", " of shop")])
def test_waiting_for_the_first_list(
    status_of: StatusOf, api: ProxyApi, namespace: str, where: str
) -> None:
    api.says(scope(namespace, "starting", listed=False), targets=0)
    assert status_of(unit()) == ops.WaitingStatus(f"waiting for the first list of pods{where}")


@pytest.mark.parametrize(
    ("listed", "ending"), [(False, ""), (True, "; meanwhile 12 pods as last known")]
)
def test_waiting_for_the_api_server(
    status_of: StatusOf, api: ProxyApi, ending: str, *, listed: bool
) -> None:
    api.says(scope("", "retrying", listed=listed, problem=UNREACHABLE, kind="unreachable"))
    assert status_of(unit()) == ops.WaitingStatus(UNREACHABLE + ending)


def test_maintenance_while_it_starts(status_of: StatusOf, silent: None) -> None:
    assert status_of(unit()) == ops.MaintenanceStatus("starting the proxy")


def test_maintenance_says_why_a_proxy_that_runs_does_not_answer(
    ctx: Context, status_of: StatusOf, silent: None
) -> None:
    started = ctx.run(ctx.on.update_status(), unit())
    box = started.get_container("metrics-proxy")
    alive = next(info for info in box.check_infos if info.name == "alive")
    infos = {alive, ready_check(pebble.CheckStatus.DOWN, failures=1)}
    down = container(layers=box.layers, service_statuses=box.service_statuses, check_infos=infos)
    found = status_of(unit(box=down))
    assert isinstance(found, ops.MaintenanceStatus)
    assert found.message.startswith("the proxy does not answer yet: ")
    assert "refused" in found.message


def test_blocked_where_charm_and_image_do_not_fit(
    ctx: Context, status_of: StatusOf, api: ProxyApi
) -> None:
    api.answers["/api/status"] = {"something": "else"}
    assert status_of(unit()) == ops.BlockedStatus(
        "its /api/status is not what this charm knows; refresh charm and image together"
    )


def failing(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


CHANGE = pebble.ChangeError("timed out", pebble.Change.from_dict({
    "id": "1", "kind": "exec", "summary": "", "status": "Error", "tasks": [], "ready": True,
    "spawn-time": "2026-01-01T00:00:00Z",
}))  # fmt: skip


@pytest.mark.parametrize("error", [CHANGE, pebble.TimeoutError("timed out")])
def test_blocked_where_the_check_does_not_end(
    monkeypatch: pytest.MonkeyPatch, status_of: StatusOf, api: ProxyApi, error: Exception
) -> None:
    """As where the image is another's, whose command takes no subcommand and serves."""
    monkeypatch.setattr(ops.Container, "exec", failing(error))
    assert status_of(unit()) == ops.BlockedStatus(
        "`metrics-proxy check` did not end in 30 s; is the resource metrics-proxy-image the "
        "metrics-proxy rock?"
    )


@pytest.mark.parametrize("method", ["exec", "replan", "get_plan"])
def test_waiting_where_pebble_goes_away_in_the_middle(
    monkeypatch: pytest.MonkeyPatch, status_of: StatusOf, silent: None, method: str
) -> None:
    gone = failing(pebble.ConnectionError("gone"))
    monkeypatch.setattr(ops.Container, method, gone)
    monkeypatch.setattr(ops.Container, "get_services", gone)
    assert status_of(unit()) == ops.WaitingStatus("waiting for the container metrics-proxy")


def test_a_proxy_that_does_not_stop_costs_no_hook(
    monkeypatch: pytest.MonkeyPatch, status_of: StatusOf, silent: None
) -> None:
    monkeypatch.setattr(ops.Container, "stop", failing(CHANGE))
    assert status_of(unit({})).name == "blocked"


def test_no_hook_waits_for_a_proxy_of_which_nothing_changed(
    monkeypatch: pytest.MonkeyPatch, ctx: Context, api: ProxyApi
) -> None:
    """While the API is away the proxy is ready and not steady, and no check tells of it."""
    state = ctx.run(ctx.on.update_status(), unit())
    monkeypatch.setattr(charm, "_PATIENCE", 1000.0)
    monkeypatch.setattr(charm, "_GLANCE", 0.02)
    api.says(scope(mode="retrying", problem="cannot reach the API server", kind="unreachable"))
    out = ctx.run(ctx.on.update_status(), state)
    assert out.unit_status.name == "waiting"


def test_blocked_where_the_proxy_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, status_of: StatusOf, silent: None
) -> None:
    def ends(*_: object) -> None:
        raise pebble.ChangeError(
            "cannot perform the following tasks:\n- Start service"
            ' "metrics-proxy" (service start attempt: exited quickly with code 3, will restart)',
            pebble.Change.from_dict(
                {
                    "id": "1",
                    "kind": "replan",
                    "summary": "",
                    "status": "Error",
                    "ready": True,
                    "spawn-time": "2026-11-22T18:44:42Z",
                }
            ),
        )

    monkeypatch.setattr(ops.Container, "replan", ends)
    assert status_of(unit()) == ops.BlockedStatus(
        "the proxy does not run (service start attempt: exited quickly with code 3, will restart);"
        " why, its log says: kubectl -n cos logs metrics-proxy-k8s-0 -c metrics-proxy"
    )


def test_it_clears_when_the_cause_goes(ctx: Context, api: ProxyApi) -> None:
    blocked = ctx.run(ctx.on.config_changed(), unit({"pod-label-selector": ""}))
    assert isinstance(blocked.unit_status, testing.BlockedStatus)

    api.says(scope("", "retrying", listed=False, problem=FORBIDDEN, kind="forbidden"))
    box = blocked.get_container("metrics-proxy")
    untrusted = ctx.run(ctx.on.config_changed(), unit(box=box))
    assert isinstance(untrusted.unit_status, testing.BlockedStatus)
    assert TRUST in untrusted.unit_status.message

    api.says(scope())
    box = untrusted.get_container("metrics-proxy")
    check = next(info for info in box.check_infos if info.name == "ready")
    trusted = ctx.run(ctx.on.pebble_check_recovered(box, check), unit(box=box))
    assert trusted.unit_status == testing.ActiveStatus("watching 12 pods (2 down) for app=ztunnel")


def test_a_relation_event_does_not_change_the_status(ctx: Context, api: ProxyApi) -> None:
    relation = testing.Relation("metrics-endpoint")
    out = ctx.run(ctx.on.relation_joined(relation, remote_unit=0), unit(relations=(relation,)))
    assert out.unit_status == testing.ActiveStatus("watching 12 pods (2 down) for app=ztunnel")


def test_only_collect_unit_status_sets_it(ctx: Context, api: ProxyApi) -> None:
    ctx.run(ctx.on.config_changed(), unit())
    assert [status.name for status in ctx.unit_status_history] == ["unknown"]
