# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A real kube-apiserver as the discovery contract's cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.cluster.controlplane import ApiError, ControlPlane, KubeClient
from tests.discovery_contract import SCRAPED


class RealCluster:
    """See ``tests.discovery_contract.Cluster``. Accounts of users are in namespace ``users``."""

    def __init__(self, plane: ControlPlane, client: KubeClient, folder: Path) -> None:
        self.plane = plane
        self.client = client
        self._folder = folder
        self._roles = 0

    async def namespace(self, name: str) -> None:
        await self.client.create_namespace(name)

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
        ips: Sequence[str] = (ip,) if ip else ()
        pod = await self.client.create_pod(
            namespace,
            name,
            labels=labels,
            annotations=annotations,
            ips=ips,
            phase=phase,
            spec={"nodeName": node} if node else None,
        )
        return str(pod["metadata"]["uid"])

    async def patch(self, namespace: str, name: str, metadata: Mapping[str, object]) -> None:
        await self.client.patch_pod(namespace, name, {"metadata": dict(metadata)})

    async def set_status(self, namespace: str, name: str, *, phase: str, ip: str) -> None:
        await self.client.patch_status(namespace, name, phase=phase, ips=(ip,) if ip else ())

    async def delete(self, namespace: str, name: str, *, force: bool = True) -> None:
        await self.client.delete_pod(namespace, name, force=force)

    async def kill(self) -> None:
        self.plane.kill()

    async def come_back(self) -> None:
        await self.plane.start()

    async def forget_history(self) -> None:
        await self.plane.force_410()

    def freeze(self) -> None:
        self.plane.freeze()

    def thaw(self) -> None:
        self.plane.thaw()

    async def grant(self, user: str, *verbs: str, namespace: str = "") -> str:
        account = ("users", user)
        for missing in (
            self.client.create_namespace("users"),
            self.client.create_service_account(*account),
        ):
            with suppress(ApiError):
                await missing
        if verbs:
            await self._allow(account, verbs, namespace)
        return await self.client.token_for(*account)

    async def _allow(self, account: tuple[str, str], verbs: Sequence[str], namespace: str) -> None:
        self._roles += 1
        role = f"{account[1]}-{self._roles}"
        scope = namespace or None
        await self.client.create_role(role, verbs, namespace=scope)
        await self.client.bind(role, account, namespace=scope)
        for verb in verbs:
            await self.client.until_allowed(account, verb, namespace=scope)

    def kubeconfig(self, token: str | None = None) -> Path:
        return self.plane.kubeconfig(self._folder / "kubeconfig", token=token)
