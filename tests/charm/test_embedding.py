# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""docs/embedding.md: it shows the example as it is, and the example works with a real proxy."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ops import pebble, testing

from docs.embedding import charm_example as example
from metrics_proxy.demo import StandIn
from tests.charm.test_workload import http_status, in_container, started, until_passed
from tests.pods import PodServer, pod_server

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "embedding.md").read_text()
MODULE = (DOCS / "embedding" / "charm_example.py").read_text()
META_TEXT = (DOCS / "embedding" / "charmcraft.yaml").read_text()
META: dict[str, Any] = yaml.safe_load(META_TEXT)
ROCK: dict[str, Any] = yaml.safe_load((DOCS.parent / "rockcraft.yaml").read_text())
MODEL, APP = "shop", "gateways-k8s"

Context = testing.Context[example.GatewaysCharm]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_shows_the_module_from_its_imports_on() -> None:
    shown = "\n\n\n".join(blocks("python")) + "\n"
    assert shown == MODULE[MODULE.index("from __future__") :]


def test_the_page_shows_the_metadata() -> None:
    (block,) = blocks("yaml")
    for part in block.split("\n\n"):
        assert f"\n\n{part}\n" in META_TEXT


# The charm in Juju.


@pytest.fixture
def ctx(monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("SCENARIO_BARE_CHARM_ERRORS", "true")
    return testing.Context(example.GatewaysCharm, meta=META, app_name=APP)


def state(
    *relations: testing.RelationBase,
    box: testing.Container | None = None,
    leader: bool = True,
    planned: int = 1,
) -> testing.State:
    """A unit, whose container has nothing but the rock's own layer."""
    rock = pebble.Layer({"services": ROCK["services"]})
    return testing.State(
        containers={box or testing.Container(example.PROXY, can_connect=True, layers={"r": rock})},
        relations=set(relations),
        leader=leader,
        planned_units=planned,
        model=testing.Model(MODEL, type="kubernetes"),
    )


def proxy_in(out: testing.State) -> testing.Container:
    return out.get_container(example.PROXY)


@pytest.fixture
def box(ctx: Context) -> testing.Container:
    """The container as the charm has set it up."""
    before = state()
    return proxy_in(ctx.run(ctx.on.pebble_ready(proxy_in(before)), before))


@pytest.mark.parametrize("leader", [True, False])
def test_it_runs_one_proxy_in_every_unit(ctx: Context, leader: bool) -> None:
    before = state(leader=leader)
    after = proxy_in(ctx.run(ctx.on.pebble_ready(proxy_in(before)), before))
    assert after.service_statuses == {example.PROXY: pebble.ServiceStatus.ACTIVE}
    service = after.plan.services[example.PROXY]
    assert service.environment["POD_LABEL_SELECTOR"] == (
        "gateways.example.com/model=shop,gateways.example.com/app=gateways-k8s"
    )
    assert service.kill_delay == ROCK["services"][example.PROXY]["kill-delay"]


def test_no_check_takes_the_pod_out_of_service(box: testing.Container) -> None:
    assert {check.level for check in box.plan.checks.values()} == {pebble.CheckLevel.UNSET}


def shares_after(ctx: Context, box: testing.Container, planned: int) -> tuple[str, str]:
    peers = testing.PeerRelation("gateways", peers_data={1: {}})
    before = state(peers, box=box, planned=planned)
    after = proxy_in(ctx.run(ctx.on.relation_departed(peers, remote_unit=1), before))
    variables = after.plan.services[example.PROXY].environment
    return variables["SHARD"], variables["TOTAL_SHARDS"]


def test_the_units_share_the_pods(box: testing.Container) -> None:
    for number, share in [(0, ("0", "3")), (2, ("2", "3")), (3, ("0", "1"))]:
        ctx = testing.Context(example.GatewaysCharm, meta=META, app_name=APP, unit_id=number)
        assert shares_after(ctx, box, planned=3) == share
    assert shares_after(ctx, box, planned=4) == ("3", "4")


def test_prometheus_gets_jobs_and_address(ctx: Context) -> None:
    relation = testing.Relation("metrics-endpoint")
    out = ctx.run(ctx.on.relation_joined(relation, remote_unit=0), state(relation))
    bags = out.get_relation(relation.id)
    assert isinstance(bags, testing.Relation)
    app: dict[str, str] = dict(bags.local_app_data)
    unit: dict[str, str] = dict(bags.local_unit_data)
    jobs = json.loads(app["scrape_jobs"])
    assert [(job["metrics_path"], job["static_configs"]) for job in jobs] == [
        ("/metrics", [{"targets": ["*:15090"]}]),
        ("/metrics/self", [{"targets": ["*:15090"]}]),
    ]
    assert unit["prometheus_scrape_unit_address"]


def status_of(ctx: Context, box: testing.Container) -> tuple[str, str]:
    status = ctx.run(ctx.on.update_status(), state(box=box)).unit_status
    return status.name, status.message


def test_the_status_says_what_to_do(ctx: Context, box: testing.Container) -> None:
    assert status_of(ctx, box) == ("active", "")
    (alive,) = (info for info in box.check_infos if info.name == "alive")
    down = testing.CheckInfo("ready", threshold=1, status=pebble.CheckStatus.DOWN, failures=1)
    blind = testing.Container(
        example.PROXY,
        can_connect=True,
        layers=box.layers,
        service_statuses=box.service_statuses,
        check_infos={alive, down},
    )
    assert status_of(ctx, blind) == (
        "waiting",
        "metrics-proxy has no list of pods; if this stays,"
        " run: juju trust gateways-k8s --scope=cluster",
    )
    away = testing.Container(example.PROXY, can_connect=False)
    assert status_of(ctx, away) == ("waiting", "waiting for the container metrics-proxy")


def test_nothing_is_run_in_a_container_that_is_not_up(ctx: Context) -> None:
    before = state(box=testing.Container(example.PROXY, can_connect=False))
    assert proxy_in(ctx.run(ctx.on.upgrade_charm(), before)).plan.to_dict() == {}


# The layer, and a real proxy.


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port that is free now, in the place of the example's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free: int = server.getsockname()[1]
    monkeypatch.setattr(example, "PORT", free)
    return free


def create_gateway(standin: StandIn, name: str, app: str, server: PodServer) -> None:
    """A pod as the example charm of that name would make it."""
    standin.create_pod(
        MODEL,
        name,
        labels=example.pod_labels(MODEL, app),
        annotations=example.pod_annotations(server.port),
        ip=server.ip,
        phase="Running",
    )


@pytest.fixture
async def kubeconfig(tmp_path: Path) -> AsyncIterator[Path]:
    """Into a cluster with a gateway of this charm and one of another, as if not trusted."""
    async with StandIn() as standin, pod_server("hits 1\n") as server:
        standin.grant("unit", "list", namespace=MODEL)
        create_gateway(standin, "gateway-0", APP, server)
        create_gateway(standin, "stranger-0", "another", server)
        yield standin.kubeconfig(tmp_path / "kubeconfig", token="unit")


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
        return text


async def test_its_layer_starts_a_proxy_that_serves_its_pods(
    port: int, box: testing.Container, kubeconfig: Path
) -> None:
    layer = box.layers[example.PROXY]
    async with started(layer, in_container(kubeconfig)):
        for check in layer.checks.values():
            await until_passed(check)
        root = f"http://127.0.0.1:{port}"
        for job in example.scrape_jobs():
            path = job.get("metrics_path", "/metrics")
            assert await asyncio.to_thread(http_status, root + path) == 200
        answer = (await asyncio.to_thread(get, f"{root}/metrics")).splitlines()
    assert 'hits{k8s_namespace="shop",k8s_pod_name="gateway-0"} 1' in answer
    assert [line for line in answer if line.startswith("up{")] == [
        'up{k8s_namespace="shop",k8s_pod_name="gateway-0"} 1'
    ]
