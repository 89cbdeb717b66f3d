# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The command, a real kube-apiserver before it and a real Prometheus behind it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane, Expocheck, Prometheus, prometheus_binaries
from tests.cluster.controlplane.process import free_ports
from tests.cluster.real import RealCluster
from tests.discovery_contract import Scene
from tests.pods import PodServer, hang, pod_server
from tests.proxy import Proxy, run, running_proxy

NODE_LIKE = """\
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200",path="/a{b},\\"c\\" #d"} 1027
http_requests_total{method="post",code="400",} 3
# TYPE temperature gauge
temperature 36.6
# TYPE rpc_seconds histogram
rpc_seconds_bucket{le="1"} 24
rpc_seconds_bucket{le="+Inf"} 30
rpc_seconds_sum 53.1
rpc_seconds_count 30
# TYPE lag_seconds summary
lag_seconds{quantile="0.5"} 0.2
lag_seconds_sum 17
lag_seconds_count 27
odd_one{ } 5
up 1"""


class Pods:
    """Pods of a scene that answer on loopback addresses of their own."""

    def __init__(self, scene: Scene, stack: AsyncExitStack) -> None:
        self.scene = scene
        self._stack = stack

    async def start(self, name: str, body: str = NODE_LIKE, *, ip: str = "127.0.0.1") -> PodServer:
        server = await self._stack.enter_async_context(pod_server(body, ip=ip))
        await self.scene.create(name, annotations=server.annotations, ip=ip)
        return server

    async def hanging(self, name: str) -> None:
        server = await self._stack.enter_async_context(pod_server(hang, ip="127.0.9.9"))
        await self.scene.create(name, annotations=server.annotations, ip="127.0.9.9")


@pytest.fixture
async def pods(cluster: RealCluster) -> AsyncIterator[Pods]:
    scene = Scene(cluster)
    await cluster.namespace(scene.namespace)
    async with AsyncExitStack() as stack:
        yield Pods(scene, stack)


async def test_the_seed_usage_line(pods: Pods, plane: ControlPlane, tmp_path: Path) -> None:
    """KUBECONFIG=... POD_LABEL_SELECTOR="app=ztunnel" SCRAPE_TIMEOUT="15s" metrics-proxy."""
    server = await pods.start("ztunnel-a", ip="127.0.3.1")
    await pods.scene.create(
        "ztunnel-b", labels={"app": "ztunnel"}, annotations=server.annotations, ip="127.0.3.1"
    )
    kubeconfig = plane.kubeconfig(tmp_path / "kubeconfig")
    # A port of this test's own: 15090 may be somebody else's on this machine.
    port = str(free_ports(1)[0])
    async with running_proxy(
        kubeconfig, "app=ztunnel", SCRAPE_TIMEOUT="15s", PORT=port, HOST="127.0.0.1"
    ) as proxy:
        await proxy.until_ready()
        curl = await asyncio.create_subprocess_exec(
            *("curl", "--silent", "--fail", f"http://localhost:{port}/metrics"),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await curl.communicate()
    assert curl.returncode == 0
    where = f'k8s_namespace="{pods.scene.namespace}",k8s_pod_name="ztunnel-b"'
    assert f"temperature{{{where}}} 36.6\n" in out.decode()
    assert f"up{{{where}}} 1\n" in out.decode()
    assert "ztunnel-a" not in out.decode()


async def test_a_real_prometheus(pods: Pods, plane: ControlPlane, tmp_path: Path) -> None:
    """With the proxy as its only target it has each pod's samples, and no scrape error."""
    for number in range(3):
        await pods.start(f"web-{number}", ip=f"127.0.4.{number + 1}")
    await pods.start("page", "<html>", ip="127.0.4.8")
    await pods.hanging("slow")
    kubeconfig = plane.kubeconfig(tmp_path / "kubeconfig")
    async with (
        running_proxy(kubeconfig, pods.scene.selector) as proxy,
        Prometheus(f"{proxy.url}/metrics", tmp_path / "prometheus") as prometheus,
    ):
        await prometheus.until('count(up{k8s_pod_name!=""}) == 5', seconds=60)
        ups = await by_pod(prometheus, "up")
        assert ups == {"web-0": "1", "web-1": "1", "web-2": "1", "page": "0", "slow": "0"}
        for query, value in (
            ('http_requests_total{path="/a{b},\\"c\\" #d"}', "1027"),
            ('rpc_seconds_bucket{le="1"} or rpc_seconds_bucket{le="1.0"}', "24"),
            ("odd_one", "5"),
            ("exported_up", "1"),
        ):
            assert await by_pod(prometheus, query) == dict.fromkeys(
                ("web-0", "web-1", "web-2"), value
            )
        namespaces = {
            one["metric"]["k8s_namespace"] for one in await prometheus.query("temperature")
        }
        assert namespaces == {pods.scene.namespace}
        assert [up["value"][1] for up in await prometheus.query('up{k8s_pod_name=""}')] == ["1"]
        (target,) = await prometheus.targets()
        assert (target["health"], target["lastError"]) == ("up", "")


async def by_pod(prometheus: Prometheus, query: str) -> dict[str, str]:
    """Values by pod name, of the series that name one."""
    return {
        one["metric"]["k8s_pod_name"]: one["value"][1]
        for one in await prometheus.query(query)
        if "k8s_pod_name" in one["metric"]
    }


async def test_promtool_and_prometheus_3_find_no_error(
    pods: Pods, plane: ControlPlane, tmp_path: Path
) -> None:
    for number in range(2):
        await pods.start(f"web-{number}", ip=f"127.0.5.{number + 1}")
    async with running_proxy(
        plane.kubeconfig(tmp_path / "kubeconfig"), pods.scene.selector
    ) as proxy:
        await proxy.until_ready()
        answer = await proxy.until_ups(web_0=1, web_1=1)
    check = subprocess.run(
        [prometheus_binaries().promtool, "check", "metrics"],
        input=answer.text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Its lint (exit 3) finds fault with the pods' own names and missing HELP, not with the format.
    assert check.returncode in {0, 3}, check.stderr
    assert "error while linting" not in check.stderr
    with Expocheck() as expocheck:
        verdict = expocheck.check(answer.text, content_type=answer.content_type)
    assert verdict.ok, verdict
    assert len(verdict.series) == 2 * 12 + 2


async def test_pods_come_change_and_go(pods: Pods, plane: ControlPlane, tmp_path: Path) -> None:
    scene = pods.scene
    async with running_proxy(plane.kubeconfig(tmp_path / "kubeconfig"), scene.selector) as proxy:
        await proxy.until_ready()
        server = await pods.start("a", ip="127.0.6.1")
        await proxy.until_ups(a=1)
        await scene.create("same-address", annotations=server.annotations, ip="127.0.6.1")
        await proxy.until_ups(a=1, same_address=1)
        await scene.delete("a")
        await proxy.until_ups(same_address=1)
        await scene.create("a", annotations=server.annotations, ip="127.0.6.1")
        await proxy.until_ups(a=1, same_address=1)
        await scene.cluster.set_status(scene.namespace, "a", phase="Succeeded", ip="127.0.6.1")
        await proxy.until_ups(same_address=1)
        await scene.patch("same-address", annotations={"prometheus.io/port": "abc"})
        await proxy.until_ups(same_address=0)
        await scene.patch("same-address", annotations={"prometheus.io/scrape": "false"})
        await proxy.until_ups()


async def test_the_api_server_dies_and_a_pod_meanwhile(
    pods: Pods, plane: ControlPlane, tmp_path: Path
) -> None:
    await pods.start("stays", ip="127.0.7.1")
    await pods.start("goes", ip="127.0.7.2")
    async with running_proxy(
        plane.kubeconfig(tmp_path / "kubeconfig"), pods.scene.selector
    ) as proxy:
        await proxy.until_ready()
        await proxy.until_ups(stays=1, goes=1)
        plane.kill()
        await until_logged(proxy, "cannot follow the pods, retrying")
        assert (await proxy.get()).ups == {"stays": 1, "goes": 1}
        assert (await proxy.get("/readyz")).status == 200
        await plane.force_410()
        await pods.scene.delete("goes")
        await proxy.until_ups(stays=1)
        await until_logged(proxy, "the Kubernetes API answers again")


async def until_logged(proxy: Proxy, message: str) -> None:
    async with asyncio.timeout(30):
        while message not in proxy.messages():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("verbs", [("list", "watch"), ("list",)])
async def test_least_privilege(
    pods: Pods, cluster: RealCluster, tmp_path: Path, verbs: tuple[str, ...]
) -> None:
    namespace = pods.scene.namespace
    await pods.start("a", ip="127.0.8.1")
    token = await cluster.grant(f"{namespace}-least", *verbs, namespace=namespace)
    kubeconfig = cluster.kubeconfig(token)
    async with running_proxy(kubeconfig, pods.scene.selector, NAMESPACES=namespace) as proxy:
        await proxy.until_ready()
        await proxy.until_ups(a=1)
        mode = "watching" if "watch" in verbs else "polling"
        wanted = f'metrics_proxy_discovery_mode{{mode="{mode}",scope="{namespace}"}} 1.0'
        async with asyncio.timeout(30):
            while wanted not in (await proxy.get("/metrics/self")).text:
                await asyncio.sleep(0.02)
    assert ("watch refused, polling" in proxy.messages()) == (mode == "polling")


async def test_no_rights_at_all(pods: Pods, cluster: RealCluster, tmp_path: Path) -> None:
    token = await cluster.grant(f"{pods.scene.namespace}-nobody")
    kubeconfig = cluster.kubeconfig(token)
    async with running_proxy(kubeconfig, pods.scene.selector) as proxy:
        await until_logged(proxy, "cannot follow the pods, retrying")
        ready = await proxy.get("/readyz")
    assert ready.status == 503
    assert "no permission to list pods (403): pods is forbidden" in ready.text
    assert 'cannot list resource "pods" in API group "" at the cluster scope' in ready.text
    code, _, err = await run(
        "targets", KUBECONFIG=str(kubeconfig), POD_LABEL_SELECTOR=pods.scene.selector
    )
    assert code == 3
    assert "pods is forbidden" in err


async def test_targets(pods: Pods, plane: ControlPlane, tmp_path: Path) -> None:
    server = await pods.start("a", ip="127.0.8.8")
    code, out, _ = await run(
        "targets",
        KUBECONFIG=str(plane.kubeconfig(tmp_path / "kubeconfig")),
        POD_LABEL_SELECTOR=pods.scene.selector,
    )
    assert code == 0
    assert out.splitlines()[1].split() == [pods.scene.namespace, "a", f"{server.url}/metrics"]
