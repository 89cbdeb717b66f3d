# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The action list-targets."""

from __future__ import annotations

from typing import Any

import pytest
from ops import testing

from tests.charm.conftest import Context
from tests.charm.fakes import ProxyApi, container, unit


def target(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "namespace": "shop",
        "name": name,
        "uid": f"uid-{name}",
        "url": f"http://10.1.2.3:8080/metrics?{name}",
        "up": 1,
        "error": "",
        "skipped": "",
        **changes,
    }


def results(ctx: Context, state: testing.State, **params: int) -> dict[str, Any]:
    ctx.run(ctx.on.action("list-targets", params=params), state)
    assert ctx.action_results is not None
    return ctx.action_results


def test_a_row_for_each_pod_the_worst_first(ctx: Context, api: ProxyApi) -> None:
    api.answers["/api/targets"] = [
        target("good"),
        target("new", up=None),
        target("pending", url="", up=None, skipped="phase is Pending, not Running"),
        target("bad", up=0, error="answered 404"),
    ]
    assert results(ctx, unit()) == {
        "pods": "4",
        "targets": {
            "1": {
                "namespace": "shop",
                "name": "bad",
                "url": "http://10.1.2.3:8080/metrics?bad",
                "up": "0",
                "error": "answered 404",
            },
            "2": {
                "namespace": "shop",
                "name": "pending",
                "skipped": "phase is Pending, not Running",
            },
            "3": {
                "namespace": "shop",
                "name": "good",
                "url": "http://10.1.2.3:8080/metrics?good",
                "up": "1",
            },
            "4": {
                "namespace": "shop",
                "name": "new",
                "url": "http://10.1.2.3:8080/metrics?new",
                "up": "not scraped yet",
            },
        },
    }


def test_no_pods(ctx: Context, api: ProxyApi) -> None:
    assert results(ctx, unit()) == {"pods": "0"}


def test_a_limit_says_what_it_leaves_out(ctx: Context, api: ProxyApi) -> None:
    api.answers["/api/targets"] = [target("a"), target("b"), target("c", up=0)]
    found = results(ctx, unit(), limit=1)
    assert found["pods"] == "3"
    assert found["left-out"] == "2"
    assert [row["name"] for row in found["targets"].values()] == ["c"]


def test_without_a_limit_juju_can_carry_it(ctx: Context, api: ProxyApi) -> None:
    error = "x" * 300
    api.answers["/api/targets"] = [target(f"pod-{n}", up=0, error=error) for n in range(5000)]
    found = results(ctx, unit())
    assert len(found["targets"]) == 500
    assert len(str(found)) < 1_000_000


def test_it_fails_where_the_proxy_does_not_run(ctx: Context, silent: None) -> None:
    state = unit({"pod-label-selector": ""}, box=container())
    with pytest.raises(testing.ActionFailed) as failure:
        ctx.run(ctx.on.action("list-targets"), state)
    assert failure.value.message.startswith("No answer from the proxy (")
    assert failure.value.message.endswith(
        "no pods are selected; run: juju config metrics-proxy-k8s pod-label-selector=app=NAME"
    )


def test_it_fails_where_charm_and_image_do_not_fit(ctx: Context, api: ProxyApi) -> None:
    api.answers["/api/targets"] = [{"other": 1}]
    with pytest.raises(testing.ActionFailed) as failure:
        ctx.run(ctx.on.action("list-targets"), unit())
    assert "/api/targets is not what this charm knows" in failure.value.message


def test_rows_keep_their_order_when_json_sorts_them(ctx: Context, api: ProxyApi) -> None:
    api.answers["/api/targets"] = [target(f"pod-{n:02}", up=0) for n in range(12)]
    found = results(ctx, unit())["targets"]
    assert list(found) == sorted(found)
    assert [row["name"] for row in found.values()] == [f"pod-{n:02}" for n in range(12)]


def test_what_an_annotation_holds_fits_a_command(ctx: Context, api: ProxyApi) -> None:
    api.answers["/api/targets"] = [
        target("odd", up=0, error="\0\x1b[31m" + "x" * 200_000),
        *(target(f"pod-{n}", up=0, error="y" * 5000) for n in range(3000)),
    ]
    found = results(ctx, unit(), limit=3000)
    texts = [text for row in found["targets"].values() for text in row.values()]
    assert max(map(len, texts)) == 1000
    assert all(text.isprintable() for text in texts)
    assert 500 < len(found["targets"]) < 1000
    assert int(found["left-out"]) == 3001 - len(found["targets"])
