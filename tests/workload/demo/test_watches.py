# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Watches: what is sent, from where on, and how they end."""

from typing import Any

import pytest

from metrics_proxy.demo import StandIn
from metrics_proxy.demo.watch import Pace

from .conftest import Client, Connect


def version_of(pod: dict[str, Any]) -> str:
    version: str = pod["metadata"]["resourceVersion"]
    return version


async def test_a_watch_goes_on_from_a_list(standin: StandIn, client: Client) -> None:
    standin.create_pod("shop", "a")
    version = version_of(await client.list())
    standin.create_pod("shop", "b")
    async with client.watch(resourceVersion=version) as stream:
        standin.patch_pod("shop", "a", {"metadata": {"labels": {"x": "y"}}})
        standin.delete_pod("shop", "b")
        assert await stream.names(4) == [
            ("ADDED", "b"),
            ("MODIFIED", "a"),
            ("MODIFIED", "b"),
            ("DELETED", "b"),
        ]


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}, {"resourceVersion": ""}])
async def test_with_no_version_all_pods_are_added_first(
    standin: StandIn, client: Client, query: dict[str, str]
) -> None:
    standin.create_pod("shop", "a")
    standin.create_pod("shop", "b")
    async with client.watch(**query) as stream:
        standin.create_pod("shop", "c")
        assert await stream.names(3) == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


async def test_with_no_version_and_bookmarks_one_marks_the_end_of_the_first(
    standin: StandIn, client: Client
) -> None:
    standin.create_pod("shop", "a")
    async with client.watch(allowWatchBookmarks="true") as stream:
        assert (await stream.next())[0] == "ADDED"
        kind, thing = await stream.next()
    assert kind == "BOOKMARK"
    assert thing["metadata"] == {
        "resourceVersion": str(standin.resource_version),
        "annotations": {"k8s.io/initial-events-end": "true"},
    }


async def test_a_watch_of_a_namespace_sees_no_other(standin: StandIn, client: Client) -> None:
    async with client.watch("/api/v1/namespaces/shop/pods", resourceVersion="1000") as stream:
        standin.create_pod("istio-system", "b")
        standin.create_pod("shop", "a")
        assert await stream.names(1) == [("ADDED", "a")]


async def test_events_carry_whole_pods(standin: StandIn, client: Client) -> None:
    async with client.watch() as stream:
        created = standin.create_pod("shop", "a", labels={"app": "web"})
        _, thing = await stream.next()
    assert thing == created
    assert (thing["kind"], thing["apiVersion"]) == ("Pod", "v1")


async def test_a_pod_that_comes_to_match_is_added(standin: StandIn, client: Client) -> None:
    standin.create_pod("shop", "a")
    async with client.watch(labelSelector="app=web", resourceVersion="1000") as stream:
        standin.patch_pod("shop", "a", {"metadata": {"labels": {"app": "web"}}})
        kind, thing = await stream.next()
    assert (kind, thing["metadata"]["labels"]) == ("ADDED", {"app": "web"})


async def test_a_pod_that_stops_matching_is_deleted_as_it_last_matched(
    standin: StandIn, client: Client
) -> None:
    standin.create_pod("shop", "a", labels={"app": "web"})
    async with client.watch(labelSelector="app=web", resourceVersion="1000") as stream:
        assert await stream.names(1) == [("ADDED", "a")]
        after = standin.patch_pod("shop", "a", {"metadata": {"labels": {"app": "db"}}})
        standin.patch_pod("shop", "a", {"metadata": {"labels": {"other": "change"}}})
        standin.patch_pod("shop", "a", {"metadata": {"labels": {"app": "web"}}})
        kind, thing = await stream.next()
        assert (kind, thing["metadata"]["labels"]) == ("DELETED", {"app": "web"})
        assert version_of(thing) == version_of(after)
        assert await stream.names(1) == [("ADDED", "a")]


async def test_a_deletion_is_modified_and_then_deleted(standin: StandIn, client: Client) -> None:
    created = standin.create_pod("shop", "a", ip="127.0.0.1", phase="Running")
    async with client.watch(resourceVersion=version_of(created)) as stream:
        standin.delete_pod("shop", "a")
        (modified, terminating), (deleted, last) = await stream.next(), await stream.next()
    assert (modified, deleted) == ("MODIFIED", "DELETED")
    assert terminating["metadata"]["deletionTimestamp"]
    assert terminating["metadata"]["deletionGracePeriodSeconds"] == 0
    assert last["metadata"]["uid"] == created["metadata"]["uid"]
    assert int(version_of(created)) + 2 == int(version_of(terminating)) + 1 == int(version_of(last))


async def test_a_pod_on_a_node_stays_terminating_until_it_is_forced(
    standin: StandIn, client: Client
) -> None:
    created = standin.create_pod("shop", "a", node="n1")
    async with client.watch(resourceVersion=version_of(created)) as stream:
        for grace in (None, 60, 5):
            standin.delete_pod("shop", "a", grace)
        standin.delete_pod("shop", "a", 0)
        events = [await stream.next() for _ in range(4)]
    assert [kind for kind, _ in events] == ["MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]
    graces = [thing["metadata"]["deletionGracePeriodSeconds"] for _, thing in events]
    assert graces == [30, 5, 0, 0]


async def test_a_forgotten_version_is_a_200_and_then_an_error_event(
    standin: StandIn, client: Client
) -> None:
    version = version_of(await client.list())
    standin.compact()
    async with client.watch(resourceVersion=version) as stream:
        kind, status = await stream.next()
        assert await stream.ended()
    assert kind == "ERROR"
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"] == f"too old resource version: {version} ({standin.resource_version})"


async def test_an_open_watch_survives_compaction(standin: StandIn, client: Client) -> None:
    async with client.watch() as stream:
        standin.compact()
        standin.create_pod("shop", "a")
        assert await stream.names(1) == [("ADDED", "a")]


async def test_a_version_that_is_yet_to_come_is_waited_for(
    standin: StandIn, client: Client
) -> None:
    async with client.watch(resourceVersion="1002") as stream:
        for name in "abc":
            standin.create_pod("shop", name)
        assert await stream.names(1) == [("ADDED", "c")]


async def test_a_version_that_is_no_number_is_the_real_apis_500(client: Client) -> None:
    code, status = await client.ask("GET", "/api/v1/pods", watch="1", resourceVersion="x")
    assert (code, status.get("reason")) == (500, None)
    assert status["message"].startswith('resourceVersion: Invalid value: "x"')


async def test_bookmarks_come_where_it_is_quiet_and_name_the_newest_version(
    connect: Connect,
) -> None:
    async with StandIn(pace=Pace(bookmarks=0.01)) as standin, connect(standin) as client:
        query = {"resourceVersion": "1000", "allowWatchBookmarks": "true", "labelSelector": "app"}
        async with client.watch(**query) as stream:
            standin.create_pod("shop", "not-selected")
            kind, thing = await stream.next()
            while version_of(thing) != str(standin.resource_version):
                kind, thing = await stream.next()
    assert kind == "BOOKMARK"
    assert thing == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "1001"},
        "spec": {"containers": None},
        "status": {},
    }


async def test_nobody_gets_bookmarks_unasked(connect: Connect) -> None:
    async with (
        StandIn(pace=Pace(bookmarks=0.01)) as standin,
        connect(standin) as client,
        client.watch(resourceVersion="1000", allowWatchBookmarks="1") as other,
        client.watch(resourceVersion="1000") as stream,
    ):
        standin.create_pod("shop", "a")
        assert await stream.names(1) == [("ADDED", "a")]
        assert [(await other.next())[0] for _ in range(3)] == ["ADDED", "BOOKMARK", "BOOKMARK"]
        standin.create_pod("shop", "b")
        assert await stream.names(1) == [("ADDED", "b")]


async def test_no_bookmark_comes_before_there_is_anything_new(connect: Connect) -> None:
    async with StandIn(pace=Pace(bookmarks=0.01)) as standin, connect(standin) as client:
        standin.create_pod("shop", "a")
        query = {"timeoutSeconds": "1", "allowWatchBookmarks": "true", "resourceVersion": "1000"}
        async with client.watch(**query) as stream:
            assert await stream.names(1) == [("ADDED", "a")]
            assert await stream.ended()


async def test_the_servers_timeout_ends_a_watch_cleanly_after_a_last_bookmark(
    connect: Connect,
) -> None:
    async with StandIn(pace=Pace(before_timeout=0.9)) as standin, connect(standin) as client:
        query = {"timeoutSeconds": "1", "allowWatchBookmarks": "true", "resourceVersion": "1000"}
        async with client.watch(**query) as stream:
            standin.create_pod("shop", "a")
            assert [(await stream.next())[0] for _ in range(2)] == ["ADDED", "BOOKMARK"]
            assert await stream.ended()


async def test_without_a_timeout_the_server_has_its_own(connect: Connect) -> None:
    async with (
        StandIn(pace=Pace(unlimited=0.01)) as standin,
        connect(standin) as client,
        client.watch() as stream,
    ):
        assert await stream.ended()


async def test_many_watches_each_get_their_own(standin: StandIn, client: Client) -> None:
    async with (
        client.watch(labelSelector="app=web") as web,
        client.watch(labelSelector="app!=web") as rest,
    ):
        assert standin.open_watches == 2
        standin.create_pod("shop", "a")
        standin.create_pod("shop", "b", labels={"app": "web"})
        assert await web.names(1) == [("ADDED", "b")]
        assert await rest.names(1) == [("ADDED", "a")]
    await standin.wait_for(lambda: standin.open_watches == 0)
