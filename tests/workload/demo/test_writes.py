# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Writes: what the server adds, what it refuses, and what changes nothing."""

import pytest

from metrics_proxy.demo import StandIn

from .conftest import POD, Client

PODS = "/api/v1/namespaces/shop/pods"
ONE = PODS + "/a"


async def test_a_create_is_answered_with_what_the_server_added(
    standin: StandIn, client: Client
) -> None:
    given = {"metadata": {"name": "a", "labels": {"x": "y"}, "uid": "mine"}, "spec": {"z": 1}}
    code, pod = await client.ask("POST", PODS, {**given, "status": {"phase": "Running"}})
    assert code == 201
    metadata = pod["metadata"]
    assert (metadata["name"], metadata["namespace"], metadata["labels"]) == (
        "a",
        "shop",
        {"x": "y"},
    )
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].endswith("Z")
    assert metadata["resourceVersion"] == str(standin.resource_version)
    assert (pod["spec"], pod["status"]["phase"]) == ({"z": 1}, "Pending")
    assert await client.ask("GET", ONE) == (200, pod)


async def test_a_name_can_be_generated(client: Client) -> None:
    _, pod = await client.ask("POST", PODS, {"metadata": {"generateName": "web-"}})
    name = pod["metadata"]["name"]
    assert (name[:4], len(name)) == ("web-", 9)


async def test_a_name_comes_back_with_another_uid(standin: StandIn) -> None:
    first = standin.create_pod("shop", "a")
    standin.delete_pod("shop", "a")
    assert standin.create_pod("shop", "a")["metadata"]["uid"] != first["metadata"]["uid"]


async def test_a_second_pod_of_a_name_is_a_conflict(client: Client) -> None:
    await client.ask("POST", PODS, POD)
    code, status = await client.ask("POST", PODS, POD)
    assert code == 409
    assert status["message"] == 'pods "a" already exists'
    assert status["reason"] == "AlreadyExists"
    assert status["details"] == {"name": "a", "kind": "pods"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{nonsense", 400),
        (b"[]", 400),
        ({"metadata": {"name": "a", "namespace": "other"}}, 400),
        ({"metadata": "a"}, 400),
        ({"metadata": {}}, 422),
        ({"metadata": {"name": "a", "labels": {"x": 1}}}, 422),
    ],
)
async def test_what_a_create_refuses(client: Client, body: object, code: int) -> None:
    answer, status = await client.ask("POST", PODS, body)
    assert (answer, status["code"]) == (code, code)


async def test_a_merge_patch_merges_and_null_removes(client: Client) -> None:
    labels = {"keep": "1", "change": "1", "remove": "1"}
    await client.ask("POST", PODS, {"metadata": {"name": "a", "labels": labels}})
    patch = {"metadata": {"labels": {"change": "2", "remove": None}, "annotations": {"n": "1"}}}
    code, pod = await client.patch(ONE, patch)
    assert code == 200
    assert pod["metadata"]["labels"] == {"keep": "1", "change": "2"}
    assert pod["metadata"]["annotations"] == {"n": "1"}


async def test_maps_that_are_empty_are_left_out(standin: StandIn) -> None:
    assert "annotations" not in standin.create_pod("shop", "a", labels={"x": "y"})["metadata"]
    patched = standin.patch_pod("shop", "a", {"metadata": {"labels": {"x": None}}})
    assert "labels" not in patched["metadata"]


async def test_a_patch_that_changes_nothing_is_no_write(standin: StandIn, client: Client) -> None:
    pod = standin.create_pod("shop", "a", labels={"x": "y"})
    assert await client.patch(ONE, {"metadata": {"labels": {"x": "y"}}}) == (200, pod)
    assert standin.resource_version == int(pod["metadata"]["resourceVersion"])


async def test_a_status_is_patched_only_through_its_subresource(client: Client) -> None:
    await client.ask("POST", PODS, POD)
    patch = {"status": {"phase": "Running", "podIP": "127.0.0.9"}, "spec": {"x": 1}}
    _, unchanged = await client.patch(ONE, {"status": patch["status"]})
    assert unchanged["status"]["phase"] == "Pending"
    code, pod = await client.patch(ONE + "/status", patch)
    assert (code, pod["spec"]) == (200, {})
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIP"] == "127.0.0.9"
    assert pod["status"]["podIPs"] == [{"ip": "127.0.0.9"}]


async def test_pod_ip_and_pod_ips_are_kept_in_step(standin: StandIn) -> None:
    standin.create_pod("shop", "a")
    both = [{"ip": "127.0.0.1"}, {"ip": "::1"}]
    assert standin.set_status("shop", "a", {"podIPs": both})["status"]["podIP"] == "127.0.0.1"
    assert standin.set_status("shop", "a", {"podIP": "127.0.0.2"})["status"]["podIPs"] == [
        {"ip": "127.0.0.2"}
    ]


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        (b"{bad", 400),
        ({"metadata": {"name": "b"}}, 400),
        ({"metadata": {"namespace": "b"}}, 400),
        ({"metadata": {"resourceVersion": "5"}}, 409),
        ({"metadata": {"uid": "b"}}, 422),
        ({"metadata": {"labels": {"x": 1}}}, 422),
        ({"spec": {"nodeName": "b"}}, 422),
    ],
)
async def test_what_a_patch_refuses(
    standin: StandIn, client: Client, patch: object, code: int
) -> None:
    standin.create_pod("shop", "a")
    answer, status = await client.patch(ONE, patch)
    assert (answer, status["kind"]) == (code, "Status")


async def test_other_kinds_of_patch_are_unsupported(standin: StandIn, client: Client) -> None:
    standin.create_pod("shop", "a")
    code, _ = await client.ask("PATCH", ONE, {}, "application/strategic-merge-patch+json")
    assert code == 415


async def test_a_delete_takes_its_grace_from_the_query_or_the_body(
    standin: StandIn, client: Client
) -> None:
    standin.create_pod("shop", "a", node="n1")
    code, pod = await client.ask("DELETE", ONE, gracePeriodSeconds="7")
    assert (code, pod["metadata"]["deletionGracePeriodSeconds"]) == (200, 7)
    assert (await client.ask("GET", ONE))[0] == 200
    code, _ = await client.ask("DELETE", ONE, {"gracePeriodSeconds": 0})
    assert (code, (await client.ask("GET", ONE))[0]) == (200, 404)


async def test_a_pod_that_has_ended_is_deleted_at_once(standin: StandIn) -> None:
    standin.create_pod("shop", "a", node="n1", phase="Succeeded")
    standin.delete_pod("shop", "a")
    assert standin.pods() == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_what_is_not_there_is_not_found(client: Client, method: str) -> None:
    code, status = await client.ask(method, ONE, {}, "application/merge-patch+json")
    assert (code, status["message"]) == (404, 'pods "a" not found')
    assert status["details"] == {"name": "a", "kind": "pods"}


async def test_paths_and_methods_that_are_not_served(client: Client) -> None:
    code, status = await client.ask("GET", "/api/v1/nodes")
    assert (code, status["reason"], status["details"]) == (404, "NotFound", {})
    code, status = await client.ask("POST", "/api/v1/pods", POD)
    assert (code, status["reason"], status["details"]) == (405, "MethodNotAllowed", {})


async def test_what_the_methods_return_is_the_callers_own(standin: StandIn) -> None:
    standin.create_pod("shop", "a")["metadata"]["name"] = "changed"
    standin.pods()[0]["metadata"]["name"] = "changed"
    assert standin.pods()[0]["metadata"]["name"] == "a"
