# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""One real control plane for the whole tier, and a clean namespace of it for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.real import RealCluster


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A kube-apiserver and its etcd."""
    plane = ControlPlane(tmp_path_factory.mktemp("controlplane"))
    asyncio.run(plane.start())
    yield plane
    plane.stop()


@pytest.fixture
async def cluster(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[RealCluster]:
    """The control plane as the contract's cluster."""
    async with plane.client() as client:
        yield RealCluster(plane, client, tmp_path)
