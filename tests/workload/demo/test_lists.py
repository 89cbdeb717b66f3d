# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Lists: what they hold, how they are selected and paged, and what they refuse."""

from typing import Any

import pytest

from metrics_proxy.demo import StandIn

from .conftest import Client


def names(pod_list: dict[str, Any]) -> list[str]:
    return [pod["metadata"]["name"] for pod in pod_list["items"]]


async def test_a_list_holds_pods_in_order_of_namespace_and_name(
    standin: StandIn, client: Client
) -> None:
    for namespace, name in (("shop", "b"), ("shop", "a"), ("a-b", "z"), ("a", "y")):
        standin.create_pod(namespace, name)
    everything = await client.list()
    assert everything["kind"] == "PodList"
    assert everything["apiVersion"] == "v1"
    assert names(everything) == ["z", "y", "a", "b"]
    assert names(await client.list("/api/v1/namespaces/shop/pods")) == ["a", "b"]


async def test_items_carry_no_kind_as_in_the_real_api(standin: StandIn, client: Client) -> None:
    standin.create_pod("shop", "a")
    assert set((await client.list())["items"][0]) == {"metadata", "spec", "status"}


async def test_the_version_of_a_list_is_that_of_the_last_write(
    standin: StandIn, client: Client
) -> None:
    standin.create_pod("shop", "a")
    newest = standin.create_pod("shop", "b")
    metadata = (await client.list())["metadata"]
    assert metadata == {"resourceVersion": newest["metadata"]["resourceVersion"]}


async def test_an_unknown_namespace_is_an_empty_list(client: Client) -> None:
    assert (await client.list("/api/v1/namespaces/nowhere/pods"))["items"] == []


async def test_a_selector_selects(standin: StandIn, client: Client) -> None:
    standin.create_pod("shop", "a", labels={"app": "web"})
    standin.create_pod("shop", "b", labels={"app": "db"})
    standin.create_pod("shop", "c")
    assert names(await client.list(labelSelector="app in (web,db)")) == ["a", "b"]
    assert names(await client.list(labelSelector="app!=web")) == ["b", "c"]


@pytest.mark.parametrize("watch", ["false", "true"])
@pytest.mark.parametrize("text", ["a in", "a b", "=b", "-a"])
async def test_a_bad_selector_is_a_bad_request(client: Client, text: str, watch: str) -> None:
    code, status = await client.ask("GET", "/api/v1/pods", labelSelector=text, watch=watch)
    assert code == 400
    message = status.pop("message")
    assert message.startswith("unable to parse requirement: found") or "label key" in message
    assert status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "reason": "BadRequest",
        "code": 400,
    }


async def test_pages_are_of_one_snapshot(standin: StandIn, client: Client) -> None:
    for name in "abcde":
        standin.create_pod("shop", name)
    first = await client.list(limit="2")
    standin.delete_pod("shop", "d")
    standin.create_pod("shop", "f")
    second = await client.list(limit="2", **{"continue": first["metadata"]["continue"]})
    third = await client.list(limit="2", **{"continue": second["metadata"]["continue"]})
    assert [names(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert [page["metadata"].get("remainingItemCount") for page in (first, second)] == [3, 1]
    assert third["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


async def test_with_a_selector_nobody_knows_how_many_remain(
    standin: StandIn, client: Client
) -> None:
    for name in "abc":
        standin.create_pod("shop", name, labels={"app": "web"})
    page = await client.list(limit="1", labelSelector="app")
    assert set(page["metadata"]) == {"resourceVersion", "continue"}


async def test_an_expired_page_is_410_and_offers_the_rest(standin: StandIn, client: Client) -> None:
    for name in "abc":
        standin.create_pod("shop", name)
    first = await client.list(limit="1")
    standin.compact()
    standin.create_pod("shop", "d")
    token = {"continue": first["metadata"]["continue"]}
    code, status = await client.ask("GET", "/api/v1/pods", limit="1", **token)
    assert (code, status["code"], status["reason"]) == (410, 410, "Expired")
    rest = await client.list(**{"continue": status["metadata"]["continue"]})
    assert names(rest) == ["b", "c", "d"]
    assert rest["metadata"]["resourceVersion"] == str(standin.resource_version)


async def test_a_version_with_a_limit_is_exact_and_without_is_a_minimum(
    standin: StandIn, client: Client
) -> None:
    version = standin.create_pod("shop", "a")["metadata"]["resourceVersion"]
    standin.create_pod("shop", "b")
    assert names(await client.list(resourceVersion=version, limit="9")) == ["a"]
    assert names(await client.list(resourceVersion=version)) == ["a", "b"]
    assert names(await client.list(resourceVersion="0", limit="1")) == ["a", "b"]
    standin.compact()
    code, _ = await client.ask("GET", "/api/v1/pods", resourceVersion=version, limit="9")
    assert code == 410


@pytest.mark.parametrize(
    ("query", "code", "reason"),
    [
        ({"limit": "x"}, 400, "BadRequest"),
        ({"resourceVersion": "x"}, 400, "BadRequest"),
        ({"resourceVersion": "99999"}, 504, "Timeout"),
        ({"continue": "x"}, 400, "BadRequest"),
        ({"fieldSelector": "spec.nodeName=x"}, 400, "BadRequest"),
    ],
)
async def test_what_a_list_refuses(
    client: Client, query: dict[str, str], code: int, reason: str
) -> None:
    answer, status = await client.ask("GET", "/api/v1/pods", **query)
    assert (answer, status["kind"], status["reason"]) == (code, "Status", reason)


async def test_a_continued_list_takes_no_version(standin: StandIn, client: Client) -> None:
    standin.create_pod("shop", "a")
    standin.create_pod("shop", "b")
    token = (await client.list(limit="1"))["metadata"]["continue"]
    query = {"continue": token, "resourceVersion": "1000"}
    code, status = await client.ask("GET", "/api/v1/pods", **query)
    assert code == 400
    assert status["message"] == "specifying resource version is not allowed when using continue"
