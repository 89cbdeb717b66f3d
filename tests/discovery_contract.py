# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What discovery owes its users, whatever answers as the Kubernetes API.

One suite, run against the stand-in (tests/system) and a real kube-apiserver (tests/cluster): each
gives a ``Cluster``, and the tests of ``DiscoveryContract`` do the rest.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

import pytest

from metrics_proxy.health import Health, Mode
from metrics_proxy.kube import Discovery, Pace
from metrics_proxy.kubeconfig import connect
from metrics_proxy.selector import parse_selector
from metrics_proxy.targets import SCRAPE, Target, TargetTable
from metrics_proxy.telemetry import Telemetry

# Quick where waiting is all that the real times would add.
QUICK = Pace(first_backoff=0.05, longest_backoff=0.5, poll=0.2, retry_refused=0.5)
SCRAPED = {SCRAPE: "true"}


class Cluster(Protocol):
    """What the suite needs of a cluster. Names are made unique by the suite."""

    async def namespace(self, name: str) -> None: ...

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
        """Create a pod; its UID."""

    async def patch(self, namespace: str, name: str, metadata: Mapping[str, object]) -> None:
        """Merge into a pod's metadata; None removes."""

    async def set_status(self, namespace: str, name: str, *, phase: str, ip: str) -> None: ...

    async def delete(self, namespace: str, name: str, *, force: bool = True) -> None: ...

    async def kill(self) -> None:
        """Be gone at once, connections and all."""

    async def come_back(self) -> None: ...

    async def forget_history(self) -> None:
        """Make every resourceVersion so far too old, and end the open watches."""

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    async def grant(self, user: str, *verbs: str, namespace: str = "") -> str:
        """Let a user do this with pods; a token."""

    def kubeconfig(self, token: str | None = None) -> Path: ...


class Watched:
    """Discovery at work on a table."""

    def __init__(self, discovery: Discovery, health: Health, telemetry: Telemetry) -> None:
        self._discovery = discovery
        self._telemetry = telemetry
        self.health = health
        self.table = TargetTable()
        self.events: list[str] = []

    async def run(self) -> None:
        async for event in self._discovery.events():
            self.table.apply(event)
            self.events.append(type(event).__name__)

    @property
    def targets(self) -> dict[str, Target]:
        return {target.name: target for target in self.table.targets()}

    @property
    def mode(self) -> Mode:
        return self.health.scopes[0].mode

    @property
    def problem(self) -> str:
        return self.health.scopes[0].problem

    @property
    def lists(self) -> int:
        return self.events.count("Listed")

    def relists(self, reason: str) -> float:
        value = self._telemetry.registry.get_sample_value(
            "metrics_proxy_relists_total", {"reason": reason}
        )
        return value or 0.0

    @property
    def restarts(self) -> float:
        value = self._telemetry.registry.get_sample_value("metrics_proxy_watch_restarts_total")
        return value or 0.0

    async def until_targets(self, *names: str) -> None:
        await eventually(lambda: set(self.targets) == set(names), lambda: sorted(self.targets))

    async def until_lists(self, count: int) -> None:
        await eventually(lambda: self.lists >= count, lambda: self.lists)

    async def until_problem(self, text: str) -> None:
        await eventually(lambda: text in self.problem, lambda: self.problem)

    async def until_mode(self, mode: Mode) -> None:
        await eventually(lambda: self.mode is mode, lambda: (self.mode, self.problem))


async def eventually(
    condition: Callable[[], object], seen: Callable[[], object] = lambda: "", within: float = 30.0
) -> None:
    """Return as soon as the condition holds; fail with what was seen instead."""
    deadline = asyncio.get_running_loop().time() + within
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail(f"not within {within} s; seen: {seen()}")
        await asyncio.sleep(0.01)


_numbers = itertools.count(1)


class Scene:
    """A namespace and a label of a test's own in a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        number = next(_numbers)
        self.namespace = f"ns-{number}"
        self.labels = {"test": f"t{number}"}
        self.selector = f"test=t{number}"

    async def create(self, name: str, **how: object) -> str:
        given = {"namespace": self.namespace, "labels": self.labels} | how
        return await self.cluster.create(given.pop("namespace"), name, **given)  # type: ignore[arg-type]

    async def delete(self, name: str, *, force: bool = True) -> None:
        await self.cluster.delete(self.namespace, name, force=force)

    async def patch(self, name: str, **metadata: object) -> None:
        await self.cluster.patch(self.namespace, name, metadata)

    @asynccontextmanager
    async def watched(
        self,
        *,
        token: str | None = None,
        namespaces: Iterable[str] = (),
        pace: Pace = QUICK,
        kubeconfig: Path | None = None,
    ) -> AsyncIterator[Watched]:
        """Discovery of the scene's pods, or of what another kubeconfig leads to."""
        health = Health.of(namespaces)
        telemetry = Telemetry(health)
        async with connect(
            {"KUBECONFIG": str(kubeconfig or self.cluster.kubeconfig(token))}
        ) as client:
            discovery = Discovery(
                client, parse_selector(self.selector), health.scopes[0], telemetry, pace
            )
            watched = Watched(discovery, health, telemetry)
            task = asyncio.create_task(watched.run())
            try:
                yield watched
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


class DiscoveryContract:
    """The tests. A subclass brings the fixture ``cluster``."""

    @pytest.fixture
    async def scene(self, cluster: Cluster) -> Scene:
        scene = Scene(cluster)
        await cluster.namespace(scene.namespace)
        return scene

    async def test_the_first_list_is_of_the_selected_pods(self, scene: Scene) -> None:
        uid = await scene.create("mine")
        await scene.create("other", labels={"test": "no"})
        async with scene.watched() as watched:
            await watched.until_mode(Mode.WATCHING)
            assert watched.events == ["Listed"]
            assert [entry.uid for entry in watched.table.snapshot()] == [uid]
            assert watched.targets["mine"].namespace == scene.namespace
            assert watched.health.ready

    async def test_a_long_list_comes_in_pages(self, scene: Scene) -> None:
        names = [f"pod-{number}" for number in range(7)]
        await asyncio.gather(*(scene.create(name) for name in names))
        async with scene.watched(pace=Pace(page=2)) as watched:
            await watched.until_targets(*names)
            assert watched.lists == 1

    async def test_pods_enter_and_leave_by_label(self, scene: Scene) -> None:
        await scene.create("a", labels={"test": "not-yet"})
        async with scene.watched() as watched:
            await watched.until_mode(Mode.WATCHING)
            await scene.patch("a", labels=scene.labels)
            await watched.until_targets("a")
            await scene.patch("a", labels={"test": None})
            await watched.until_targets()
            assert watched.table.snapshot() == ()
            assert watched.lists == 1

    async def test_pods_enter_and_leave_by_annotation(self, scene: Scene) -> None:
        await scene.create("a", annotations={})
        async with scene.watched() as watched:
            await watched.until_mode(Mode.WATCHING)
            assert watched.targets == {}
            await scene.patch("a", annotations={SCRAPE: "true", "prometheus.io/port": "9090"})
            await watched.until_targets("a")
            assert watched.targets["a"].url == "http://127.0.0.1:9090/metrics"
            await scene.patch("a", annotations={"prometheus.io/port": "9091"})
            await eventually(lambda: watched.targets["a"].url.endswith(":9091/metrics"))
            await scene.patch("a", annotations={SCRAPE: None})
            await watched.until_targets()
            assert len(watched.table.snapshot()) == 1

    async def test_a_pod_is_a_target_once_it_runs_and_until_it_finishes(self, scene: Scene) -> None:
        await scene.create("job", phase="Pending", ip="")
        async with scene.watched() as watched:
            await watched.until_mode(Mode.WATCHING)
            assert watched.targets == {}
            await scene.cluster.set_status(scene.namespace, "job", phase="Running", ip="127.0.0.9")
            await watched.until_targets("job")
            await scene.cluster.set_status(
                scene.namespace, "job", phase="Succeeded", ip="127.0.0.9"
            )
            await watched.until_targets()

    async def test_deleted_pods_leave(self, scene: Scene) -> None:
        await scene.create("graceful")
        await scene.create("forced")
        async with scene.watched() as watched:
            await watched.until_targets("graceful", "forced")
            await scene.delete("forced", force=True)
            await watched.until_targets("graceful")
            await scene.delete("graceful", force=False)
            await watched.until_targets()
            assert watched.table.snapshot() == ()

    async def test_a_terminating_pod_is_scraped_until_it_is_gone(self, scene: Scene) -> None:
        await scene.create("a", node="somewhere")
        async with scene.watched() as watched:
            await watched.until_targets("a")
            await scene.delete("a", force=False)
            await eventually(lambda: "Upserted" in watched.events)
            assert set(watched.targets) == {"a"}
            await scene.delete("a", force=True)
            await watched.until_targets()

    async def test_the_same_name_and_address_are_not_the_same_pod(self, scene: Scene) -> None:
        first = await scene.create("a", ip="127.0.0.7")
        async with scene.watched() as watched:
            await watched.until_targets("a")
            await scene.delete("a")
            await watched.until_targets()
            second = await scene.create("a", ip="127.0.0.7")
            await watched.until_targets("a")
            assert watched.targets["a"].uid == second != first
            await scene.create("b", ip="127.0.0.7")
            await watched.until_targets("a", "b")

    async def test_only_the_named_namespace(self, scene: Scene) -> None:
        other = f"{scene.namespace}-other"
        await scene.cluster.namespace(other)
        await scene.create("here")
        await scene.create("there", namespace=other)
        async with scene.watched(namespaces=[scene.namespace]) as watched:
            await watched.until_targets("here")
            await scene.create("there-too", namespace=other)
            await scene.create("here-too")
            await watched.until_targets("here", "here-too")

    async def test_a_watch_that_ends_in_good_order_goes_on_where_it_was(self, scene: Scene) -> None:
        async with scene.watched(pace=Pace(server_timeout=1, first_backoff=0.05)) as watched:
            await eventually(lambda: watched.restarts >= 1)
            await scene.create("a")
            await watched.until_targets("a")
            restarts = watched.restarts
            await eventually(lambda: watched.restarts > restarts)
            assert watched.lists == 1

    async def test_pods_deleted_while_the_api_was_away_leave(self, scene: Scene) -> None:
        await scene.create("stays")
        await scene.create("goes")
        async with scene.watched() as watched:
            await watched.until_mode(Mode.WATCHING)
            await self._behind_its_back(scene, watched, scene.cluster.kill)
            await watched.until_targets("stays", "new")
            assert watched.lists >= 2

    async def test_the_last_known_pods_stay_while_the_api_is_away(self, scene: Scene) -> None:
        await scene.create("a")
        async with scene.watched() as watched:
            await watched.until_mode(Mode.WATCHING)
            await scene.cluster.kill()
            await eventually(lambda: "cannot reach the API server" in watched.problem)
            assert set(watched.targets) == {"a"}
            assert watched.health.ready
            await scene.cluster.come_back()
            await watched.until_mode(Mode.WATCHING)
            assert watched.problem == ""

    async def test_it_starts_without_the_api_and_finds_it_later(self, scene: Scene) -> None:
        await scene.create("a")
        await scene.cluster.kill()
        async with scene.watched() as watched:
            await eventually(lambda: "cannot reach the API server" in watched.problem)
            assert not watched.health.ready
            assert "cannot reach the API server" in watched.health.reasons()[0]
            await scene.cluster.come_back()
            await watched.until_targets("a")
            assert watched.health.ready

    async def test_when_the_history_is_gone_it_lists_anew(self, scene: Scene) -> None:
        await scene.create("stays")
        await scene.create("goes")
        async with scene.watched() as watched:
            await watched.until_mode(Mode.WATCHING)
            await scene.delete("goes")
            await watched.until_targets("stays")
            await scene.cluster.forget_history()
            await scene.create("new")
            await watched.until_targets("stays", "new")
            await eventually(lambda: watched.lists >= 2)
            await watched.until_mode(Mode.WATCHING)

    async def test_a_frozen_server_is_noticed(self, scene: Scene) -> None:
        await scene.create("a")
        pace = Pace(silence=0.5, answer=0.5, connect=0.5, first_backoff=0.05, longest_backoff=0.2)
        async with scene.watched(pace=pace) as watched:
            await watched.until_mode(Mode.WATCHING)
            scene.cluster.freeze()
            try:
                await eventually(lambda: watched.relists("silent") >= 1)
                await watched.until_mode(Mode.RETRYING)
                assert set(watched.targets) == {"a"}
            finally:
                scene.cluster.thaw()
            await scene.create("b")
            await watched.until_targets("a", "b")

    async def test_who_may_list_and_watch_watches(self, scene: Scene) -> None:
        token = await scene.cluster.grant(f"{scene.namespace}-full", "list", "watch")
        await scene.create("a")
        async with scene.watched(token=token) as watched:
            await watched.until_mode(Mode.WATCHING)
            assert set(watched.targets) == {"a"}

    async def test_who_may_only_list_polls(self, scene: Scene) -> None:
        namespace = scene.namespace
        token = await scene.cluster.grant(f"{namespace}-lists", "list", namespace=namespace)
        await scene.create("a")
        async with scene.watched(token=token, namespaces=[namespace]) as watched:
            await watched.until_mode(Mode.POLLING)
            assert "no permission to watch pods (403)" in watched.problem
            await scene.create("b")
            await watched.until_targets("a", "b")
            await scene.delete("a")
            await watched.until_targets("b")
            await scene.cluster.grant(f"{namespace}-lists", "list", "watch", namespace=namespace)
            await watched.until_mode(Mode.WATCHING)

    async def test_who_may_nothing_is_told_and_heals(self, scene: Scene) -> None:
        namespace = scene.namespace
        token = await scene.cluster.grant(f"{namespace}-none")
        await scene.create("a")
        async with scene.watched(token=token) as watched:
            await eventually(lambda: "no permission to list pods (403)" in watched.problem)
            assert "pods is forbidden" in watched.problem
            assert not watched.health.ready
            await scene.cluster.grant(f"{namespace}-none", "list", "watch")
            await watched.until_targets("a")

    async def test_a_wrong_token_is_told(self, scene: Scene) -> None:
        await scene.cluster.grant(f"{scene.namespace}-someone", "list")
        async with scene.watched(token="wrong") as watched:
            await eventually(lambda: "refuses the credentials (401)" in watched.problem)
            assert not watched.health.ready

    async def _behind_its_back(
        self, scene: Scene, watched: Watched, cut: Callable[[], Awaitable[None]]
    ) -> None:
        """Delete and create pods in such a way that no watch can tell of it."""
        await cut()
        await eventually(lambda: watched.mode is Mode.RETRYING)
        await scene.cluster.come_back()
        await scene.delete("goes")
        await scene.create("new")
