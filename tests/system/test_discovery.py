# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The discovery contract on the stand-in, and what only the stand-in can be made to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from metrics_proxy.demo import StandIn
from metrics_proxy.health import Mode
from metrics_proxy.kube import Pace
from tests.discovery_contract import SCRAPED, DiscoveryContract, Scene, eventually


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
