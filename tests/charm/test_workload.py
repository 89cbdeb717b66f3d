# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The charm and the real workload: what the layer says starts it, what it says the charm reads."""

from __future__ import annotations

import asyncio
import shlex
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ops
import pytest
from ops import pebble, testing

import charm
import proxy
import shares
import status_api
from metrics_proxy.demo import StandIn
from tests.charm import fakes
from tests.charm.conftest import Context
from tests.pods import pod_server
from tests.proxy import environment

SELECTOR = "app=web"
SETTINGS = proxy.Settings(SELECTOR, "9s", "", "info")


@pytest.fixture(autouse=True)
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port that is free now, in the place of the one that is the same everywhere."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free: int = server.getsockname()[1]
    monkeypatch.setattr(proxy, "PORT", free)
    monkeypatch.setattr(charm, "PROXY_URL", f"http://127.0.0.1:{free}")
    return free


def in_container(kubeconfig: Path | None = None) -> dict[str, str]:
    """The environment that the container gives to every command: PATH, and the way to the API."""
    path = str(Path(sys.executable).parent)
    return environment(PATH=path, HOST="127.0.0.1", KUBECONFIG=str(kubeconfig or ""))


@asynccontextmanager
async def started(layer: pebble.Layer, container: Mapping[str, str]) -> AsyncIterator[None]:
    """The layer's service, run as Pebble runs it."""
    service = layer.services[proxy.SERVICE]
    process = await asyncio.create_subprocess_exec(
        *shlex.split(service.command), env={**container, **service.environment}
    )
    try:
        yield
    finally:
        process.terminate()
        assert await process.wait() == 0


def http_status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except urllib.error.URLError:
        return 0


async def until_passed(check: pebble.Check) -> None:
    assert check.http is not None
    url = check.http["url"]
    async with asyncio.timeout(20):
        while await asyncio.to_thread(http_status, url) != 200:
            await asyncio.sleep(0.05)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[tuple[StandIn, Path]]:
    async with StandIn() as standin, pod_server("hits 1\n") as server:
        standin.create_pod(
            "cos",
            "web-0",
            labels={"app": "web"},
            annotations=server.annotations,
            ip="127.0.0.1",
            phase="Running",
        )
        standin.create_pod("cos", "web-1", labels={"app": "web"})
        yield standin, standin.kubeconfig(tmp_path / "kubeconfig", token="unit")


def unit_status(ctx: Context, namespaces: str = "") -> ops.StatusBase:
    config = {"pod-label-selector": SELECTOR, "namespaces": namespaces}
    return fakes.status_of(ctx.run(ctx.on.update_status(), fakes.unit(config)))


async def test_the_layer_starts_it_and_the_charm_reads_it(
    cluster: tuple[StandIn, Path], ctx: Context, port: int
) -> None:
    layer = pebble.Layer(proxy.layer(proxy.environment(SETTINGS), run=True))
    async with started(layer, in_container(cluster[1])):
        for check in layer.checks.values():
            await until_passed(check)
        assert await asyncio.to_thread(unit_status, ctx) == ops.ActiveStatus(
            "watching 1 pod (1 not scraped yet, 1 skipped) for app=web"
        )
        root = f"http://127.0.0.1:{port}"
        for job in proxy.scrape_jobs():
            path = job.get("metrics_path", "/metrics")
            assert await asyncio.to_thread(http_status, root + path) == 200
        assert await asyncio.to_thread(unit_status, ctx) == ops.ActiveStatus(
            "watching 1 pod (1 skipped) for app=web"
        )
        found = await asyncio.to_thread(status_api.read_targets, root)
        assert [(each.name, each.up, bool(each.skipped)) for each in found] == [
            ("web-0", 1, False),
            ("web-1", None, True),
        ]


@pytest.mark.parametrize(
    ("verbs", "namespaces", "status", "message"),
    [
        (("list", "watch"), "", "active", "watching 1 pod"),
        ((), "", "blocked", "no permission to list pods in all namespaces; run: juju trust"),
        (("list",), "cos", "active", "polling 1 pod"),
        ((), "cos", "blocked", "no permission to list pods in the namespace cos; run: juju trust"),
    ],
)
async def test_trusted_or_not(
    cluster: tuple[StandIn, Path],
    ctx: Context,
    verbs: tuple[str, ...],
    namespaces: str,
    status: str,
    message: str,
) -> None:
    standin, kubeconfig = cluster
    # What Juju grants: nothing cluster-wide to who isn't trusted, no watch in the own namespace.
    standin.grant("unit", *verbs, namespace=namespaces)
    settings = proxy.Settings(SELECTOR, "9s", namespaces, "info")
    layer = pebble.Layer(proxy.layer(proxy.environment(settings), run=True))
    async with started(layer, in_container(kubeconfig)):
        await until_passed(layer.checks[proxy.ALIVE_CHECK])
        async with asyncio.timeout(20):
            while (found := await asyncio.to_thread(unit_status, ctx, namespaces)).name != status:
                await asyncio.sleep(0.05)
        assert found.message.startswith(message)


async def test_units_share_the_pods(cluster: tuple[StandIn, Path]) -> None:
    shards = [shares.share_of(f"a/{number}", ["a/0", "a/3"]) for number in (0, 3)]
    found = []
    for share in shards:
        layer = pebble.Layer(proxy.layer(proxy.environment(SETTINGS, share), run=True))
        async with started(layer, in_container(cluster[1])):
            await until_passed(layer.checks[proxy.READY_CHECK])
            status = await asyncio.to_thread(status_api.read_status, charm.PROXY_URL)
            assert (status.shard, status.total_shards) == (share.index, share.total)
            found.append(status.targets)
    assert sum(found) == 1


async def test_the_api_server_away(ctx: Context, tmp_path: Path) -> None:
    standin = StandIn()
    kubeconfig = standin.kubeconfig(tmp_path / "kubeconfig")
    layer = pebble.Layer(proxy.layer(proxy.environment(SETTINGS), run=True))
    try:
        async with started(layer, in_container(kubeconfig)):
            await until_passed(layer.checks[proxy.ALIVE_CHECK])
            async with asyncio.timeout(20):
                while not (await said(ctx)).startswith("cannot reach the API server"):
                    await asyncio.sleep(0.05)
    finally:
        await standin.close()


async def said(ctx: Context) -> str:
    status = await asyncio.to_thread(unit_status, ctx)
    return status.message if isinstance(status, ops.WaitingStatus) else ""


def check(**config: Any) -> subprocess.CompletedProcess[str]:
    """What the charm runs before it starts the proxy."""
    settings = proxy.Settings(**{"pod_label_selector": SELECTOR} | config)
    environ = in_container() | proxy.environment(settings)
    program = Path(sys.executable).parent / proxy.COMMAND
    return subprocess.run(
        [program, "check"], env=environ, capture_output=True, text=True, check=False
    )


def test_check_passes_what_serves() -> None:
    done = check()
    assert (done.returncode, proxy.faults(done.stderr)) == (0, [])


@pytest.mark.parametrize(
    ("config", "beginning"),
    [
        ({"pod_label_selector": "a=,"}, 'pod-label-selector="a=,"'),
        ({"scrape_timeout": "9"}, 'scrape-timeout="9"'),
        ({"namespaces": "Shop"}, 'namespaces="Shop"'),
        ({"log_level": "loud"}, 'log-level="loud"'),
    ],
)
def test_check_says_in_the_operator_s_words_what_is_wrong(
    config: dict[str, str], beginning: str
) -> None:
    done = check(**config)
    (fault,) = proxy.faults(done.stderr)
    assert done.returncode == 2
    assert fault.startswith(beginning)
    assert "; for example " + beginning.partition("=")[0] + "=" in fault


def test_its_words_become_the_status(ctx: Context) -> None:
    done = check(scrape_timeout="soon", log_level="loud")
    box = fakes.container(fakes.checked(done.stderr))
    out = ctx.run(ctx.on.config_changed(), fakes.unit(box=box))
    assert out.unit_status == testing.BlockedStatus(
        'scrape-timeout="soon" is not a duration; for example scrape-timeout=9s; also: '
        'log-level="loud" is none of debug, info, warning, error; for example log-level=info'
    )
