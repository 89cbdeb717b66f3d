# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The discovery contract on the stand-in, and what only the stand-in can be made to do."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from metrics_proxy.demo import StandIn
from metrics_proxy.health import Health, Mode
from metrics_proxy.kube import Discovery, Pace
from metrics_proxy.kubeconfig import connect
from metrics_proxy.selector import parse_selector
from metrics_proxy.targets import TargetTable
from metrics_proxy.telemetry import Telemetry
from tests.discovery_contract import SCRAPED, DiscoveryContract, Scene, eventually
from tests.pods import pod_server


class StandInCluster:
    """The stand-in as the contract's cluster."""

    def __init__(self, standin: StandIn, folder: Path) -> None:
        self.standin = standin
        self._folder = folder
        # The suite's own writes need no token; the grants of its users close the API to all others.
        self._granted = False

    async def namespace(self, name: str) -> None:
        """Every namespace exists."""

    async def create(
        self,
        namespace: str,
        name: str,
        *,
        labels: Mapping[str, str],
        annotations: Mapping[str, str] = SCRAPED,
        ip: str = "127.0.0.1",
        phase: str = "Running",
        node: str = "",
    ) -> str:
        pod = self.standin.create_pod(
            namespace, name, labels=labels, annotations=annotations, ip=ip, phase=phase, node=node
        )
        return str(pod["metadata"]["uid"])

    async def patch(self, namespace: str, name: str, metadata: Mapping[str, object]) -> None:
        self.standin.patch_pod(namespace, name, {"metadata": dict(metadata)})

    async def set_status(self, namespace: str, name: str, *, phase: str, ip: str) -> None:
        self.standin.set_status(namespace, name, {"phase": phase, "podIP": ip})

    async def delete(self, namespace: str, name: str, *, force: bool = True) -> None:
        self.standin.delete_pod(namespace, name, 0 if force else None)

    async def kill(self) -> None:
        await self.standin.stop()

    async def come_back(self) -> None:
        await self.standin.start()

    async def forget_history(self) -> None:
        self.standin.expire_watches()

    def freeze(self) -> None:
        self.standin.freeze()

    def thaw(self) -> None:
        self.standin.thaw()

    async def grant(self, user: str, *verbs: str, namespace: str = "") -> str:
        self.standin.grant(f"token-{user}", *verbs, namespace=namespace, user=user)
        return f"token-{user}"

    def kubeconfig(self, token: str | None = None) -> Path:
        return self.standin.kubeconfig(self._folder / "kubeconfig", token)


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn() as standin:
        yield standin


@pytest.fixture
def cluster(standin: StandIn, tmp_path: Path) -> StandInCluster:
    return StandInCluster(standin, tmp_path)


class TestOnTheStandIn(DiscoveryContract):
    """The contract."""


@pytest.fixture
def scene(cluster: StandInCluster) -> Scene:
    return Scene(cluster)


async def test_what_is_asked(scene: Scene, standin: StandIn) -> None:
    async with scene.watched() as watched:
        await watched.until_mode(Mode.WATCHING)
    (listed,), (watch,) = standin.lists, standin.watches
    assert listed.query == {"labelSelector": scene.selector, "limit": "500"}
    assert watch.query["allowWatchBookmarks"] == "true"
    assert watch.query["resourceVersion"].isdecimal()
    assert 60 <= int(watch.query["timeoutSeconds"]) <= 72
    assert Pace().silence > 72


@pytest.mark.parametrize("torn", [False, True])
async def test_a_stream_that_breaks_leads_to_a_new_list(
    scene: Scene, standin: StandIn, torn: bool
) -> None:
    await scene.create("a")
    async with scene.watched() as watched:
        await watched.until_mode(Mode.WATCHING)
        standin.drop_connections(torn=torn)
        await scene.delete("a")
        await watched.until_targets()
        assert watched.lists == 2
        assert watched.relists("broken") == 1


@pytest.mark.parametrize(("code", "reason"), [(410, "expired"), (500, "api_error")])
async def test_an_error_event_leads_to_a_new_list(
    scene: Scene, standin: StandIn, code: int, reason: str
) -> None:
    async with scene.watched() as watched:
        await watched.until_mode(Mode.WATCHING)
        standin.send_error(code)
        await eventually(lambda: watched.lists == 2)
        assert watched.relists(reason) == 1


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
async def test_a_refused_request_is_tried_again(scene: Scene, standin: StandIn, code: int) -> None:
    await scene.create("a")
    standin.refuse(code, code)
    async with scene.watched() as watched:
        await watched.until_targets("a")
        assert watched.relists("api_error") >= 1
        await watched.until_mode(Mode.WATCHING)


async def test_a_page_too_old_starts_the_list_again(scene: Scene, standin: StandIn) -> None:
    await scene.create("a")
    standin.refuse(410)
    async with scene.watched() as watched:
        await watched.until_targets("a")
        assert watched.relists("expired") == 1


async def test_trouble_is_logged_once_and_so_is_its_end(
    scene: Scene, standin: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="metrics_proxy")
    await standin.stop()
    async with scene.watched() as watched:
        await eventually(lambda: watched.relists("unreachable") >= 4)
        await standin.start()
        await watched.until_mode(Mode.WATCHING)
    assert [record.getMessage() for record in caplog.records] == [
        "cannot follow the pods, retrying",
        "the Kubernetes API answers again",
    ]


async def test_polling_is_said_once(
    scene: Scene, standin: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="metrics_proxy")
    standin.grant("t", "list")
    async with scene.watched(token="t") as watched:
        await eventually(lambda: watched.lists >= 5)
    assert [record.getMessage() for record in caplog.records] == ["watch refused, polling"]
    assert len(standin.watches) < watched.lists


async def test_revoked_credentials_are_told(
    scene: Scene, standin: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    """The watch says 401 first, the list after it says the same, and that is news."""
    caplog.set_level("INFO", logger="metrics_proxy")
    standin.grant("t", "list", "watch")
    async with scene.watched(token="t") as watched:
        await watched.until_mode(Mode.WATCHING)
        standin.revoke("t")
        standin.end_watches()
        await eventually(lambda: watched.relists("api_error") >= 3)
    (told,) = caplog.records
    assert (told.levelname, told.getMessage()) == ("WARNING", "cannot follow the pods, retrying")
    assert "refuses the credentials (401)" in vars(told)["reason"]


async def test_a_watch_that_never_works_is_told_once(
    scene: Scene, tmp_path: Path, standin: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    """Lists that work in between are no recovery."""
    caplog.set_level("INFO", logger="metrics_proxy")

    async def no_watch(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return web.Response(status=500)
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})

    async with pod_server(no_watch) as server:
        kubeconfig = leading_to(server.url, standin, tmp_path)
        async with scene.watched(kubeconfig=kubeconfig) as watched:
            await eventually(lambda: watched.relists("api_error") >= 5)
            assert watched.health.ready
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def leading_to(url: str, standin: StandIn, folder: Path) -> Path:
    """A kubeconfig like the stand-in's, for another server."""
    document = yaml.safe_load(standin.kubeconfig(folder / "original").read_text())
    document["clusters"][0]["cluster"]["server"] = url
    (folder / "kubeconfig").write_text(json.dumps(document))
    return folder / "kubeconfig"


async def test_streams_that_are_cut_now_and_then_cost_no_patience(
    scene: Scene, standin: StandIn
) -> None:
    """The backoff begins anew with a watch that has lived longer than the backoff was."""
    pace = Pace(first_backoff=0.02, longest_backoff=600)
    async with scene.watched(pace=pace) as watched:
        for lists in range(1, 7):
            await watched.until_lists(lists)
            await watched.until_mode(Mode.WATCHING)
            # Longer than the backoff, which doubles from 0.02 s where it is not begun anew.
            await asyncio.sleep(0.1)
            standin.drop_connections()
        async with asyncio.timeout(5):
            await watched.until_lists(7)


async def test_a_black_hole_is_told_once_and_readably(
    scene: Scene, tmp_path: Path, standin: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that takes the connection and says nothing, ever."""
    with socket.create_server(("127.0.0.1", 0)) as hole:
        url = f"http://127.0.0.1:{hole.getsockname()[1]}"
        kubeconfig = leading_to(url, standin, tmp_path)
        pace = Pace(connect=0.1, answer=0.1, silence=0.1, first_backoff=0.01, longest_backoff=0.02)
        async with scene.watched(kubeconfig=kubeconfig, pace=pace) as watched:
            await eventually(lambda: watched.relists("silent") >= 3)
    assert [vars(record)["reason"] for record in caplog.records] == [
        "the API server said nothing for 0.1 s"
    ]


async def test_an_exec_plugin_that_hangs_or_talks_nonsense(
    scene: Scene, tmp_path: Path, standin: StandIn
) -> None:
    plugin = tmp_path / "plugin"
    document = json.loads(
        json.dumps(yaml.safe_load(standin.kubeconfig(tmp_path / "k").read_text()))
    )
    document["users"][0]["user"] = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "./plugin"}
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(document))
    for script, message in (
        ("echo '{\"status\": null}'", "cannot be had: its answer holds no token (client"),
        ("echo '{\"status\": {}}'", "its answer holds no token (client certificates"),
        ("echo sorry >&2; exit 3", "plugin ended with 3: sorry"),
        ("exec sleep 2", "the API server said nothing for 0.3 s"),
    ):
        plugin.write_text(f"#!/bin/sh\n{script}\n")
        plugin.chmod(0o755)
        pace = Pace(answer=0.3, first_backoff=0.01)
        async with scene.watched(kubeconfig=tmp_path / "kubeconfig", pace=pace) as watched:
            await watched.until_problem(message)


async def test_a_plugin_runs_once_for_many_and_again_when_refused(
    scene: Scene, tmp_path: Path, standin: StandIn
) -> None:
    (tmp_path / "token").write_text("first")
    plugin = tmp_path / "plugin"
    plugin.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")" && echo run >> runs\n'
        'echo "{\\"status\\": {\\"token\\": \\"$(cat token)\\"}}"\n'
    )
    plugin.chmod(0o755)
    document = yaml.safe_load(standin.kubeconfig(tmp_path / "k").read_text())
    version = "client.authentication.k8s.io/v1beta1"
    document["users"][0]["user"] = {"exec": {"apiVersion": version, "command": "./plugin"}}
    (tmp_path / "kubeconfig").write_text(json.dumps(document))
    standin.grant("first", "list", "watch")
    async with connect({"KUBECONFIG": str(tmp_path / "kubeconfig")}) as client:
        answers = await asyncio.gather(*(client.get("/api/v1/pods") for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}
        assert (tmp_path / "runs").read_text() == "run\n"
        standin.revoke("first")
        standin.grant("second", "list", "watch")
        (tmp_path / "token").write_text("second")
        assert (await client.get("/api/v1/pods")).status_code == 200
        assert (tmp_path / "runs").read_text() == "run\nrun\n"


async def test_a_list_that_dribbles_ends(scene: Scene, standin: StandIn, tmp_path: Path) -> None:
    async def dribble(_: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(_)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    async with pod_server(dribble) as server:
        kubeconfig = leading_to(server.url, standin, tmp_path)
        pace = Pace(answer=0.2, first_backoff=0.01)
        async with scene.watched(kubeconfig=kubeconfig, pace=pace) as watched:
            await eventually(lambda: watched.relists("silent") >= 1)


async def test_many_namespaces_are_all_watched(standin: StandIn, tmp_path: Path) -> None:
    """Each holds a connection of its own; a pool of 100 would starve the rest."""
    namespaces = [f"ns-{number}" for number in range(110)]
    health = Health.of(namespaces)
    telemetry, table = Telemetry(health), TargetTable()
    environ = {"KUBECONFIG": str(standin.kubeconfig(tmp_path / "kubeconfig"))}

    async def follow(discovery: Discovery) -> None:
        async for event in discovery.events():
            table.apply(event)

    async with connect(environ) as client:
        selector = parse_selector("app=web")
        tasks = [
            asyncio.create_task(follow(Discovery(client, selector, scope, telemetry)))
            for scope in health.scopes
        ]
        await eventually(lambda: standin.open_watches == len(namespaces))
        for namespace in namespaces:
            standin.create_pod(
                namespace, "web", labels={"app": "web"}, annotations=SCRAPED, ip="127.0.0.1",
                phase="Running",
            )  # fmt: skip
        await eventually(lambda: len(table.targets()) == len(namespaces))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
