# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The discovery contract on a real kube-apiserver, and what only a real one can answer."""

from __future__ import annotations

import pytest

from metrics_proxy.kube import Pace
from tests.cluster.controlplane import ApiError, ControlPlane
from tests.cluster.real import RealCluster
from tests.discovery_contract import DiscoveryContract, Scene, eventually
from tests.selector_cases import INVALID, VALID


class TestOnARealApiServer(DiscoveryContract):
    """The contract."""


@pytest.mark.parametrize("text", VALID)
async def test_the_api_takes_what_our_grammar_takes(cluster: RealCluster, text: str) -> None:
    await cluster.client.list_pods("default", labelSelector=text)


@pytest.mark.parametrize("text", INVALID)
async def test_the_api_refuses_what_our_grammar_refuses(cluster: RealCluster, text: str) -> None:
    with pytest.raises(ApiError) as caught:
        await cluster.client.list_pods("default", labelSelector=text)
    assert caught.value.status == 400


async def test_a_compacted_history_under_an_open_watch(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Without its watch cache the server says 410 as soon as the next watch begins."""
    folder = tmp_path_factory.mktemp("uncached")
    plane = ControlPlane(folder, flags=["--watch-cache=false"])
    async with plane, plane.client() as client:
        scene = Scene(RealCluster(plane, client, folder))
        await scene.cluster.namespace(scene.namespace)
        await scene.create("goes")
        async with scene.watched(pace=Pace(server_timeout=1, first_backoff=0.05)) as watched:
            await watched.until_targets("goes")
            await eventually(lambda: watched.restarts >= 1)
            await plane.force_410(restart=False)
            await eventually(lambda: watched.relists("expired") >= 1)
            await scene.delete("goes")
            await watched.until_targets()
