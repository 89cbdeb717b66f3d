# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The command as its users run it: a process, the stand-in for a cluster, pods on real sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import signal
import socket
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from metrics_proxy.demo import StandIn
from tests.pods import Answer as Handler
from tests.pods import PodServer, hang, pod_server
from tests.proxy import COMMAND, Answer, Proxy, environment, run, running_proxy

SELECTOR = "app=web"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Cluster:
    """A stand-in whose pods answer."""

    def __init__(self, standin: StandIn, folder: Path, stack: AsyncExitStack) -> None:
        self.standin = standin
        self.kubeconfig = standin.kubeconfig(folder / "kubeconfig")
        self._stack = stack

    async def pod(
        self,
        name: str,
        answer: str | bytes | Handler,
        *,
        namespace: str = "shop",
        ip: str = "127.0.0.1",
    ) -> PodServer:
        server = await self._stack.enter_async_context(pod_server(answer, ip=ip))
        self.standin.create_pod(
            namespace,
            name,
            labels={"app": "web"},
            annotations=server.annotations,
            ip=ip,
            phase="Running",
        )
        return server


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with StandIn() as standin, AsyncExitStack() as stack:
        yield Cluster(standin, tmp_path, stack)


async def test_three_quick_pods_and_one_that_hangs(cluster: Cluster) -> None:
    for number in range(3):
        await cluster.pod(f"web-{number}", f"a {number}\n")
    await cluster.pod("web-3", hang)
    async with running_proxy(cluster.kubeconfig, SELECTOR, SCRAPE_TIMEOUT="500ms") as proxy:
        await proxy.until_ready()
        began = asyncio.get_running_loop().time()
        answer = await proxy.get()
        took = asyncio.get_running_loop().time() - began
    assert answer.status == 200
    assert answer.content_type == TEXT_TYPE
    assert answer.ups == {"web-0": 1, "web-1": 1, "web-2": 1, "web-3": 0}
    for number in range(3):
        assert f'a{{k8s_namespace="shop",k8s_pod_name="web-{number}"}} {number}\n' in answer.text
    assert 0.5 <= took < 3


async def test_a_bad_pod_loses_only_itself_and_the_log_says_why_once(cluster: Cluster) -> None:
    healthy = False

    async def moody(_: web.Request) -> web.Response:
        return web.Response(text="a 1\n" if healthy else "a 1\n<html>\n")

    await cluster.pod("good", "a 1\nb 2")
    await cluster.pod("page", moody)
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        for _ in range(3):
            answer = await proxy.get()
            assert answer.ups == {"good": 1, "page": 0}
            assert answer.text.count("\na{") == 1
        healthy = True
        assert (await proxy.get()).ups == {"good": 1, "page": 1}
    down, again = (line for line in proxy.lines if "pod" in line)
    assert (down["msg"], down["pod"], down["level"]) == ("pod is down", "shop/page", "warning")
    assert down["reason"].startswith("not a valid exposition: line 2: ")
    assert "<html>" in down["reason"]
    assert again["msg"] == "pod is up again"


async def test_pods_come_and_go(cluster: Cluster) -> None:
    await cluster.pod("one", "a 1\n")
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        await proxy.until_ups(one=1)
        await cluster.pod("two", "a 2\n", namespace="other")
        await proxy.until_ups(one=1, two=1)
        cluster.standin.delete_pod("shop", "one", 0)
        answer = await proxy.until_ups(two=1)
        assert 'k8s_pod_name="one"' not in answer.text
        cluster.standin.patch_pod(
            "other", "two", {"metadata": {"annotations": {"prometheus.io/port": "abc"}}}
        )
        await proxy.until_ups(two=0)


async def test_no_pods_is_an_answer_too(cluster: Cluster) -> None:
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        answer = await proxy.get()
    assert (answer.status, answer.content_type, answer.ups) == (200, TEXT_TYPE, {})


async def test_only_the_named_namespaces(cluster: Cluster) -> None:
    for namespace in ("shop", "bank", "zoo"):
        await cluster.pod(f"in-{namespace}", "a 1\n", namespace=namespace)
    async with running_proxy(cluster.kubeconfig, SELECTOR, NAMESPACES="shop,zoo") as proxy:
        await proxy.until_ready()
        assert (await proxy.get()).ups == {"in-shop": 1, "in-zoo": 1}


async def test_ipv6_pods(cluster: Cluster) -> None:
    await cluster.pod("six", "a 1\n", ip="::1")
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        assert (await proxy.get()).ups == {"six": 1}


async def test_serving_on_ipv6(cluster: Cluster) -> None:
    async with running_proxy(cluster.kubeconfig, SELECTOR, HOST="::1") as proxy:
        assert proxy.url.startswith("http://[::1]:")
        await proxy.until_ready()


async def test_prometheus_own_timeout_shortens_the_round(cluster: Cluster) -> None:
    await cluster.pod("web-0", "a 1\n")
    await cluster.pod("web-1", hang)
    async with running_proxy(cluster.kubeconfig, SELECTOR, SCRAPE_TIMEOUT="60s") as proxy:
        await proxy.until_ready()
        answer = await proxy.get(**{"X-Prometheus-Scrape-Timeout-Seconds": "0.8"})
    assert answer.ups == {"web-0": 1, "web-1": 0}
    (down,) = (line for line in proxy.lines if line["msg"] == "pod is down")
    assert down["reason"] == "no complete answer within 0.4s"


async def test_before_the_first_list_it_is_alive_but_not_ready(cluster: Cluster) -> None:
    cluster.standin.grant("someone", "list")
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        assert (await proxy.get("/livez")).status == 200
        while "403" not in (ready := await proxy.get("/readyz")).text:
            assert ready.status == 503
        assert ready.text.startswith("not ready\nall namespaces: no permission to list pods (403)")
        metrics = await proxy.get()
        assert (metrics.status, metrics.text) == (503, ready.text)


async def test_without_an_api_server_it_keeps_trying(cluster: Cluster) -> None:
    await cluster.pod("web-0", "a 1\n")
    await cluster.standin.stop()
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        while "cannot reach" not in (ready := await proxy.get("/readyz")).text:
            assert ready.status == 503
        await cluster.standin.start()
        await proxy.until_ready()
        assert (await proxy.get()).ups == {"web-0": 1}


async def test_its_own_metrics(cluster: Cluster) -> None:
    await cluster.pod("good", "# TYPE a gauge\na 1\n")
    await cluster.pod("bad", "nonsense")
    await cluster.pod("other", "# TYPE a counter\na 1\n")
    cluster.standin.create_pod("shop", "skipped", labels={"app": "web"}, phase="Running")
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_watching()
        await proxy.get()
        own = await proxy.get("/metrics/self")
        pods = await proxy.get()
    for sample in (
        "metrics_proxy_scrapes_total 1.0",
        'metrics_proxy_pod_scrapes_total{result="ok"} 2.0',
        'metrics_proxy_pod_scrapes_total{result="invalid"} 1.0',
        "metrics_proxy_scrape_duration_seconds_count 1.0",
        "metrics_proxy_targets 3.0",
        "metrics_proxy_targets_up 2.0",
        'metrics_proxy_skipped_pods{reason="not_annotated"} 1.0',
        "metrics_proxy_type_conflicts 1.0",
        "metrics_proxy_ready 1.0",
        'metrics_proxy_discovery_mode{mode="watching",scope="all"} 1.0',
        "metrics_proxy_watch_restarts_total 0.0",
    ):
        assert f"\n{sample}\n" in own.text
    assert re.search(r"^metrics_proxy_api_last_contact_age_seconds 0\.\d+", own.text, re.MULTILINE)
    assert re.search(r'^metrics_proxy_build_info\{python="3\.', own.text, re.MULTILINE)
    assert "process_resident_memory_bytes" in own.text
    assert "_created" not in own.text
    assert "metrics_proxy_" not in pods.text
    assert own.content_type.startswith("text/plain; version=")


async def test_its_status_and_its_pods_as_json(cluster: Cluster) -> None:
    good = await cluster.pod("good", "a 1\n")
    bad = await cluster.pod("bad", "nonsense")
    cluster.standin.create_pod("shop", "skipped", labels={"app": "web"}, phase="Running")
    async with running_proxy(cluster.kubeconfig, SELECTOR, NAMESPACES="shop") as proxy:
        await proxy.until_watching()
        before = json.loads((await proxy.get("/api/status")).text)
        await proxy.get()
        after = json.loads((await proxy.get("/api/status")).text)
        pods = json.loads((await proxy.get("/api/targets")).text)
    assert (before["targets"], before["up"], before["down"], before["unscraped"]) == (2, 0, 0, 2)
    assert after == {
        "version": "0.1.0",
        "ready": True,
        "selector": SELECTOR,
        "namespaces": ["shop"],
        "shard": 0,
        "total_shards": 1,
        "scopes": [
            {"scope": "shop", "mode": "watching", "listed": True, "problem": "", "problem_kind": ""}
        ],
        "targets": 2,
        "up": 1,
        "down": 1,
        "unscraped": 0,
        "skipped": {"not_annotated": 1},
        "conflicts": [],
    }
    for pod in pods:
        assert pod.pop("uid")
        assert pod.pop("namespace") == "shop"
    assert pods == [
        {
            "name": "bad",
            "url": f"{bad.url}/metrics",
            "up": 0,
            "error": "not a valid exposition: line 1: the value is missing: nonsense",
            "skipped": "",
        },
        {"name": "good", "url": f"{good.url}/metrics", "up": 1, "error": "", "skipped": ""},
        {
            "name": "skipped",
            "url": "",
            "up": None,
            "error": "",
            "skipped": 'no annotation prometheus.io/scrape: "true"',
        },
    ]


async def test_without_permission_the_status_says_so(cluster: Cluster) -> None:
    cluster.standin.grant("someone", "list")
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        while not (status := json.loads((await proxy.get("/api/status")).text))["scopes"][0][
            "problem"
        ]:
            assert status["scopes"][0]["mode"] == "starting"
    (scope,) = status["scopes"]
    assert (status["ready"], scope["listed"], scope["mode"]) == (False, False, "retrying")
    assert scope["problem_kind"] == "forbidden"


async def test_shards_share_the_pods(cluster: Cluster) -> None:
    names = [f"web-{number}" for number in range(12)]
    for name in names:
        await cluster.pod(name, "a 1\n")
    shares = []
    for shard in ("0", "1"):
        async with running_proxy(
            cluster.kubeconfig, SELECTOR, SHARD=shard, TOTAL_SHARDS="2"
        ) as proxy:
            await proxy.until_ready()
            shares.append(set((await proxy.get()).ups))
    assert shares[0] | shares[1] == set(names)
    assert not shares[0] & shares[1]


async def test_check_asks_nothing_and_says_what_serve_would_say() -> None:
    assert await run("check", POD_LABEL_SELECTOR="a=b") == (0, "", "")
    code, out, err = await run("check", POD_LABEL_SELECTOR="a in b", SHARD="2", TOTAL_SHARDS="0")
    assert (code, out) == (2, "")
    assert err.count("\n") == 3
    code, _, err = await run("check", POD_LABEL_SELECTOR="a=b", SHARD="2", TOTAL_SHARDS="2")
    assert (code, err.splitlines()[1:]) == (
        2,
        ["  SHARD 2 is beyond the last of TOTAL_SHARDS 2; it takes a number from 0 to 1"],
    )


async def test_a_family_that_pods_do_not_agree_about_is_named(cluster: Cluster) -> None:
    await cluster.pod("one", "# TYPE a gauge\na 1\n")
    await cluster.pod("two", "# TYPE a counter\na 2\n")
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        for _ in range(3):
            answer = await proxy.get()
        status = json.loads((await proxy.get("/api/status")).text)
    assert answer.text.count("# TYPE a ") == 1
    assert 'a{k8s_namespace="shop",k8s_pod_name="two"} 2\n' in answer.text
    assert status["conflicts"] == [{"family": "a", "kept": "gauge", "refused": ["counter"]}]
    (told,) = (line for line in proxy.lines if "family" in line)
    assert told["msg"] == "pods give a metric family different types"


async def test_a_pod_that_fails_in_two_ways_by_turns_is_told_once(cluster: Cluster) -> None:
    statuses = itertools.cycle([500, 200])

    async def moody(_: web.Request) -> web.Response:
        return web.Response(status=next(statuses), text="<html>")

    await cluster.pod("web-0", moody)
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        for _ in range(6):
            assert (await proxy.get()).ups == {"web-0": 0}
    assert proxy.messages().count("pod is down") == 1


async def test_an_enormous_body_costs_the_others_nothing(cluster: Cluster) -> None:
    """Reading it takes longer than the round may last; then it is the one that is late."""
    line = 'a{{number="{}",text="of a series that no replica shares"}} 1\n'
    enormous = "".join(line.format(number) for number in range(150_000)).encode()

    async def after_a_while(_: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response(text="b 1\n")

    await cluster.pod("enormous", enormous)
    for number in range(3):
        await cluster.pod(f"web-{number}", after_a_while)
    async with running_proxy(cluster.kubeconfig, SELECTOR, SCRAPE_TIMEOUT="900ms") as proxy:
        await proxy.until_ready()
        answer = await proxy.get()
        began = asyncio.get_running_loop().time()
        answer = await proxy.get()
        took = asyncio.get_running_loop().time() - began
    assert {name: up for name, up in answer.ups.items() if name != "enormous"} == {
        "web-0": 1, "web-1": 1, "web-2": 1,
    }  # fmt: skip
    assert took < 6


async def test_the_front_page_has_links_and_escapes(cluster: Cluster) -> None:
    async with running_proxy(cluster.kubeconfig, "app in (a,b),v<2") as proxy:
        await proxy.until_ready()
        page = await proxy.get("/")
    assert page.content_type.startswith("text/html")
    assert "app in (a,b),v&lt;2" in page.text
    for path in ("/metrics", "/metrics/self", "/readyz", "/livez"):
        assert f'href="{path}"' in page.text


class PatientPod:
    """A pod that answers when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def answer(self, _: web.Request) -> web.Response:
        self.asked.set()
        await self.go_on.wait()
        return web.Response(text="a 1\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_running_scrape_may_finish(cluster: Cluster, number: signal.Signals) -> None:
    pod = PatientPod()
    await cluster.pod("web-0", pod.answer)
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        scrape = asyncio.create_task(proxy.get())
        await pod.asked.wait()
        proxy.process.send_signal(number)
        while not refuses_connections(proxy):
            await asyncio.sleep(0.01)
        assert not scrape.done()
        pod.go_on.set()
        answer = await scrape
        assert await proxy.process.wait() == 0
    assert answer.ups == {"web-0": 1}
    assert proxy.messages()[-2:] == ["stopping, running scrapes may finish", "stopped"]


def refuses_connections(proxy: Proxy) -> bool:
    port = int(proxy.url.rpartition(":")[2])
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


async def test_a_second_signal_changes_nothing(cluster: Cluster) -> None:
    pod = PatientPod()
    await cluster.pod("web-0", pod.answer)
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        scrape = asyncio.create_task(proxy.get())
        await pod.asked.wait()
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            proxy.process.send_signal(number)
            while not refuses_connections(proxy):
                await asyncio.sleep(0.01)
        pod.go_on.set()
        assert (await scrape).ups == {"web-0": 1}
        assert await proxy.process.wait() == 0


async def test_a_pod_that_hangs_holds_nobody_up_at_the_end(cluster: Cluster) -> None:
    await cluster.pod("web-0", hang)
    async with running_proxy(cluster.kubeconfig, SELECTOR, SCRAPE_TIMEOUT="500ms") as proxy:
        await proxy.until_ready()
        scrape = asyncio.create_task(proxy.get())
        while not cluster.standin.open_watches:
            await asyncio.sleep(0.01)
        proxy.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await proxy.process.wait() == 0
        with suppress(aiohttp.ClientError):
            assert (await scrape).ups == {"web-0": 0}


async def test_a_scraper_that_leaves_ends_its_round_and_logs_nothing(cluster: Cluster) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def patient(request: web.Request) -> web.Response:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        raise AssertionError

    await cluster.pod("web-0", patient)
    async with running_proxy(cluster.kubeconfig, SELECTOR, SCRAPE_TIMEOUT="60s") as proxy:
        await proxy.until_ready()
        scrape = asyncio.create_task(proxy.get())
        await asked.wait()
        scrape.cancel()
        async with asyncio.timeout(10):
            await left.wait()
    assert proxy.messages() == ["serving", "stopping, running scrapes may finish", "stopped"]


async def raw(proxy: Proxy, request: bytes) -> bytes:
    """Send bytes, and read to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_odd_requests(cluster: Cluster) -> None:
    await cluster.pod("web-0", "a 1\n")
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        old = await raw(proxy, b"GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head = await raw(proxy, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        scan = await raw(proxy, b"\x16\x03\x01 what is this\r\n\r\n")
        own = await proxy.get("/metrics/self", Accept="application/openmetrics-text; version=abc")
        missing = await proxy.get("/nothing")
    assert old.startswith(b"HTTP/1.0 200 OK")
    assert b'up{k8s_namespace="shop",k8s_pod_name="web-0"} 1\n' in old
    assert head.startswith(b"HTTP/1.1 405 ")
    assert scan.startswith(b"HTTP/1.0 400 ")
    assert own.status == 200
    assert "metrics_proxy_targets 1.0" in own.text
    assert missing.status == 404
    assert "error" not in {line["level"] for line in proxy.lines}


async def test_it_is_quiet_at_rest(cluster: Cluster) -> None:
    await cluster.pod("web-0", "a 1\n")
    async with running_proxy(cluster.kubeconfig, SELECTOR) as proxy:
        await proxy.until_ready()
        for _ in range(5):
            await proxy.get()
        before_the_end = proxy.messages()
    assert before_the_end == ["serving"]


async def test_bad_configuration_is_one_message_and_exit_2() -> None:
    code, out, err = await run(SCRAPE_TIMEOUT="soon", POD_LABEL_SELECTOR="a in b", KUBECONFIG="/no")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "metrics-proxy cannot start, its configuration is wrong:",
        '  POD_LABEL_SELECTOR="a in b" is not a label selector: found "b" after "a in", expected "(" '
        "and values, as in (x,y); for example POD_LABEL_SELECTOR=app=ztunnel",
        '  SCRAPE_TIMEOUT="soon" is not a duration; for example SCRAPE_TIMEOUT=9s',
    ]


async def test_no_cluster_is_exit_2(tmp_path: Path) -> None:
    code, _, err = await run("--pod-label-selector", "a=b", HOME=str(tmp_path))
    assert code == 2
    assert err.startswith("metrics-proxy cannot start: no cluster to watch: KUBECONFIG is not set")
    assert err.count("\n") == 1


async def test_a_port_that_is_taken_is_exit_3(cluster: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = await run(
            POD_LABEL_SELECTOR="a=b",
            KUBECONFIG=str(cluster.kubeconfig),
            HOST="127.0.0.1",
            PORT=port,
        )
    assert code == 3
    assert err.endswith(
        f"metrics-proxy cannot start: cannot listen on 127.0.0.1, port {port}: "
        "Address already in use; stop what listens there, or set PORT\n"
    )


async def test_unknown_flags_are_refused() -> None:
    code, _, err = await run("--no-such-flag")
    assert code == 2
    assert "--no-such-flag" in err


async def test_help_names_every_setting_both_ways() -> None:
    code, out, _ = await run("--help")
    assert code == 0
    for name in ("POD_LABEL_SELECTOR", "--pod-label-selector", "SCRAPE_TIMEOUT", "--log-format"):
        assert name in out
    assert "[serve|targets|check|demo]" in out


async def test_version() -> None:
    code, out, _ = await run("--version")
    assert (code, out) == (0, "metrics-proxy 0.1.0\n")


async def listed(cluster: Cluster, *arguments: str, **variables: str) -> tuple[int, str, str]:
    return await run("targets", *arguments, KUBECONFIG=str(cluster.kubeconfig), **variables)


async def test_targets_as_a_table(cluster: Cluster) -> None:
    pod = await cluster.pod("web-0", "a 1\n")
    cluster.standin.create_pod("shop", "web-job", labels={"app": "web"}, phase="Running")
    cluster.standin.create_pod(
        "a-long-namespace",
        "odd",
        labels={"app": "web"},
        annotations={"prometheus.io/scrape": "true", "prometheus.io/port": "x"},
        ip="10.0.0.1",
        phase="Running",
    )
    code, out, err = await listed(cluster, POD_LABEL_SELECTOR=SELECTOR)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "NAMESPACE         NAME     TARGET",
        'a-long-namespace  odd      up 0: annotation prometheus.io/port is "x"; '
        "it takes a number from 1 to 65535",
        f"shop              web-0    {pod.url}/metrics",
        'shop              web-job  skipped: no annotation prometheus.io/scrape: "true"',
    ]


async def test_targets_as_json(cluster: Cluster) -> None:
    pod = await cluster.pod("web-0", "a 1\n")
    code, out, _ = await listed(cluster, "--output", "json", "--pod-label-selector", SELECTOR)
    (target,) = json.loads(out)
    assert code == 0
    assert target.pop("uid")
    assert target == {"namespace": "shop", "name": "web-0", "url": f"{pod.url}/metrics"}


async def test_targets_of_a_selector_that_finds_nothing(cluster: Cluster) -> None:
    code, out, err = await listed(cluster, "--output=json", POD_LABEL_SELECTOR="no=pod")
    assert (code, json.loads(out)) == (0, [])
    assert err == "no pod matches no=pod in any namespace\n"


async def test_targets_without_permission_is_exit_3(cluster: Cluster) -> None:
    cluster.standin.grant("someone", "list")
    code, out, err = await listed(cluster, POD_LABEL_SELECTOR=SELECTOR)
    assert (code, out) == (3, "")
    assert err.startswith("metrics-proxy cannot list the pods: no permission to list pods (403)")
    assert err.count("\n") == 1


async def test_targets_without_a_server_is_exit_3(cluster: Cluster) -> None:
    await cluster.standin.stop()
    code, _, err = await listed(cluster, POD_LABEL_SELECTOR=SELECTOR)
    assert code == 3
    assert "cannot reach the API server" in err
    await cluster.standin.start()


async def test_the_demo_runs_says_where_to_look_and_stops() -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "demo", "--port=0", stdout=PIPE, stderr=PIPE, env=environment()
    )
    assert process.stdout is not None
    shown = ""
    while "Ctrl-C" not in shown:
        shown += (await process.stdout.readline()).decode()
    found = re.search(r"curl (http://127\.0\.0\.1:\d+/metrics) ", shown)
    assert found
    async with aiohttp.ClientSession() as session, session.get(found[1]) as response:
        answer = Answer(response.status, response.content_type, await response.text())
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 0
    assert sorted(answer.ups.values()).count(0) == 3
    assert "shop_http_requests_total{" in answer.text
    assert err.decode().count("pod is down") == 3
    assert "Traceback" not in err.decode()


async def test_the_demo_ends_by_itself_where_told_to() -> None:
    code, out, err = await run("demo", "--port=0", "--seconds=0.1")
    assert (code, err) == (0, "")
    assert "metrics-proxy is running on a stand-in" in out


async def test_the_demo_on_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = await run("demo", "--port", str(taken.getsockname()[1]))
    assert code == 3
    assert "Address already in use" in err
    assert "Traceback" not in err
