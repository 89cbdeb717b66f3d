# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Trouble on demand, and the stand-in's own life."""

import asyncio
import gc
from pathlib import Path

import aiohttp
import lightkube
import pytest
from lightkube.config.kubeconfig import KubeConfig
from lightkube.resources.core_v1 import Pod

from metrics_proxy.demo import StandIn

from .conftest import Client, Connect


async def test_expired_watches_end_with_a_410_and_so_do_those_that_go_on(
    standin: StandIn, client: Client
) -> None:
    async with client.watch(resourceVersion="1000") as stream:
        standin.expire_watches()
        kind, status = await stream.next()
        assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
        assert await stream.ended()
    async with client.watch(resourceVersion="1000") as stream:
        assert (await stream.next())[0] == "ERROR"


@pytest.mark.parametrize("code", [403, 500, 504])
async def test_an_error_of_any_code_can_be_sent(
    standin: StandIn, client: Client, code: int
) -> None:
    async with client.watch() as stream:
        standin.send_error(code)
        kind, status = await stream.next()
        assert (kind, status["kind"], status["code"]) == ("ERROR", "Status", code)
        assert await stream.ended()


async def test_watches_can_be_ended_cleanly(standin: StandIn, client: Client) -> None:
    async with client.watch() as stream:
        standin.create_pod("shop", "a")
        standin.end_watches()
        assert await stream.names(1) == [("ADDED", "a")]
        assert await stream.ended()


async def test_connections_can_be_dropped(standin: StandIn, client: Client) -> None:
    async with client.watch() as stream:
        standin.drop_connections()
        with pytest.raises(aiohttp.ClientError):
            await stream.next()
    await standin.wait_for(lambda: standin.open_watches == 0)
    assert (await client.list())["items"] == []


async def test_connections_can_be_dropped_in_the_middle_of_an_event(
    standin: StandIn, client: Client
) -> None:
    async with client.watch() as stream:
        standin.drop_connections(torn=True)
        assert await stream.response.content.readexactly(8) == b'{"type":'
        with pytest.raises(aiohttp.ClientError):
            await stream.response.content.readline()


async def test_a_frozen_server_takes_connections_and_says_nothing(
    standin: StandIn, client: Client
) -> None:
    async with client.watch() as stream:
        standin.freeze()
        standin.create_pod("shop", "a")
        listing = asyncio.create_task(client.list())
        await standin.wait_for(lambda: standin.lists)
        event = asyncio.create_task(stream.next())
        done, _ = await asyncio.wait({listing, event}, timeout=0.1)
        assert not done
        standin.thaw()
        assert len((await listing)["items"]) == 1
        assert (await event)[0] == "ADDED"


async def test_a_frozen_server_can_be_dropped_and_stopped(standin: StandIn, client: Client) -> None:
    async with client.watch() as stream:
        standin.freeze()
        standin.drop_connections()
        with pytest.raises(aiohttp.ClientError):
            await stream.next()
    listing = asyncio.create_task(client.list())
    await standin.wait_for(lambda: standin.lists)
    await standin.stop()
    with pytest.raises(aiohttp.ClientError):
        await listing


async def test_a_stopped_server_is_away_and_comes_back_on_its_port(
    standin: StandIn, client: Client
) -> None:
    created = standin.create_pod("shop", "a")
    async with client.watch() as stream:
        await stream.next()
        await standin.stop()
        with pytest.raises(aiohttp.ClientError):
            await stream.next()
    assert standin.open_watches == 0
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.list()
    standin.create_pod("shop", "b")
    await standin.start()
    version = created["metadata"]["resourceVersion"]
    async with client.watch(resourceVersion=version) as stream:
        assert await stream.names(1) == [("ADDED", "b")]


async def test_the_port_of_a_stopped_server_stays_taken(standin: StandIn) -> None:
    await standin.stop()
    port = int(standin.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", port, reuse_address=False)


async def test_it_does_not_start_twice(standin: StandIn) -> None:
    with pytest.raises(RuntimeError):
        await standin.start()


async def test_stopping_and_closing_twice_is_no_harm(connect: Connect) -> None:
    standin = StandIn()
    await standin.start()
    await standin.stop()
    await standin.stop()
    await standin.close()
    await standin.close()
    gc.collect()


async def test_requests_can_be_refused_by_status(standin: StandIn, client: Client) -> None:
    standin.refuse(429, 503)
    assert [(await client.ask("GET", "/api/v1/pods"))[0] for _ in range(3)] == [429, 503, 200]


async def test_requests_are_counted_with_their_query(standin: StandIn, client: Client) -> None:
    client.token = "t"
    await client.list(labelSelector="app", limit="5")
    async with client.watch("/api/v1/namespaces/shop/pods", watch="1", timeoutSeconds="9"):
        pass
    (listed,), (watched,) = standin.lists, standin.watches
    assert (listed.namespace, listed.authorization) == ("", "Bearer t")
    assert listed.query == {"labelSelector": "app", "limit": "5"}
    assert (watched.namespace, watched.query["timeoutSeconds"]) == ("shop", "9")
    assert len(standin.requests) == 2


async def test_waiting_has_an_end(standin: StandIn) -> None:
    with pytest.raises(TimeoutError):
        await standin.wait_for(lambda: False, within=0.01)


async def test_waiting_sees_writes(standin: StandIn) -> None:
    waiting = asyncio.create_task(standin.wait_for(standin.pods))
    standin.create_pod("shop", "a")
    await waiting


async def test_lightkube_finds_it_by_the_kubeconfig(standin: StandIn, tmp_path: Path) -> None:
    standin.grant("secret", "list")
    standin.create_pod("shop", "a", ip="127.0.0.1", phase="Running")
    path = standin.kubeconfig(tmp_path / "config", token="secret")
    client = lightkube.AsyncClient(KubeConfig.from_file(path), trust_env=False)
    pods = [pod async for pod in client.list(Pod, namespace="*")]
    with pytest.raises(lightkube.ApiError) as caught:
        await client.delete(Pod, "a", namespace="shop")
    await client.close()
    (pod,) = pods
    assert pod.metadata is not None
    assert pod.metadata.name == "a"
    assert caught.value.status.code == 403
    assert standin.lists[0].authorization == "Bearer secret"
