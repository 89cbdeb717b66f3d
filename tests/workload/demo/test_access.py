# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens: who may do what, and the real API's words for who may not."""

import pytest

from metrics_proxy.demo import StandIn

from .conftest import Client

ALL, SHOP = "/api/v1/pods", "/api/v1/namespaces/shop/pods"


async def test_without_grants_everything_is_allowed(client: Client) -> None:
    client.token = "whatever"
    assert (await client.ask("GET", ALL))[0] == 200


async def test_a_wrong_token_is_401(standin: StandIn, client: Client) -> None:
    standin.grant("good", "list")
    client.token = "bad"
    assert await client.ask("GET", ALL) == (
        401,
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "Unauthorized",
            "reason": "Unauthorized",
            "code": 401,
        },
    )


async def test_no_token_is_403_for_the_anonymous_user(standin: StandIn, client: Client) -> None:
    standin.grant("good", "list")
    code, status = await client.ask("GET", ALL)
    assert code == 403
    assert 'User "system:anonymous" cannot list resource "pods"' in status["message"]


@pytest.mark.parametrize(
    ("path", "scope"), [(ALL, "at the cluster scope"), (SHOP, 'in the namespace "shop"')]
)
async def test_a_missing_right_is_403_in_the_real_apis_words(
    standin: StandIn, client: Client, path: str, scope: str
) -> None:
    standin.grant("t", "list", user="x")
    client.token = "t"
    assert (await client.ask("GET", path))[0] == 200
    code, status = await client.ask("GET", path, watch="true")
    assert code == 403
    assert status["message"] == (
        f'pods is forbidden: User "x" cannot watch resource "pods" in API group "" {scope}'
    )
    assert (status["reason"], status["details"]) == ("Forbidden", {"kind": "pods"})


async def test_a_right_of_one_namespace_is_no_right_elsewhere(
    standin: StandIn, client: Client
) -> None:
    standin.grant("t", "list", "watch", namespace="shop")
    client.token = "t"
    assert (await client.ask("GET", SHOP))[0] == 200
    assert (await client.ask("GET", "/api/v1/namespaces/other/pods"))[0] == 403
    assert (await client.ask("GET", ALL))[0] == 403


async def test_a_403_names_the_pod_and_the_subresource(standin: StandIn, client: Client) -> None:
    standin.grant("t", "list", user="x")
    client.token = "t"
    code, status = await client.patch(SHOP + "/a/status", {})
    assert code == 403
    assert status["details"] == {"name": "a", "kind": "pods"}
    assert status["message"] == (
        'pods "a" is forbidden: User "x" cannot patch resource "pods/status" in API group "" '
        'in the namespace "shop"'
    )


async def test_a_right_can_be_taken_and_then_the_token(standin: StandIn, client: Client) -> None:
    standin.grant("t", "list", "watch")
    client.token = "t"
    async with client.watch() as stream:
        standin.revoke("t", "watch")
        assert (await client.ask("GET", ALL, watch="1"))[0] == 403
        assert (await client.ask("GET", ALL))[0] == 200
        standin.revoke("t")
        assert (await client.ask("GET", ALL))[0] == 401
        standin.create_pod("shop", "a")
        assert await stream.names(1) == [("ADDED", "a")]
