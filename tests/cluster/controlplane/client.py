# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A small client of the Kubernetes API, for arranging what tests need."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

Json = dict[str, Any]

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_MERGE_PATCH = "application/merge-patch+json"
_AT_ONCE = 32
_EFFECT_SECONDS = 10.0


class ApiError(Exception):
    """An answer of 400 or more."""

    def __init__(self, status: int, message: str) -> None:
        """`status` is HTTP's."""
        super().__init__(f"{status}: {message}")
        self.status = status


class KubeClient:
    """One identity at one API server; belongs to the event loop it is entered in.

    Any call raises ApiError. Requests are made 32 at a time, so a test may
    gather thousands of them.
    """

    def __init__(self, url: str, tls: ssl.SSLContext, token: str | None) -> None:
        """No token is an anonymous client."""
        self.url = url
        self._tls = tls
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connections."""
        self._session = aiohttp.ClientSession(
            self.url,
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls),
            timeout=aiohttp.ClientTimeout(total=60),
            # A watch's line is one whole object, up to 1.5 MB.
            read_bufsize=2**21,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use it as `async with plane.client() as api:`")
        return self._session

    async def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """One call, decoded."""
        async with (
            self._gate,
            self._open.request(
                method,
                path,
                data=None if body is None else json.dumps(body),
                params=params,
                headers={"Content-Type": content_type},
            ) as response,
        ):
            text = await response.text()
        if response.status >= 400:
            raise ApiError(response.status, _message(text))
        answer: Json = json.loads(text)
        return answer

    async def create_namespace(self, name: str) -> None:
        """Make a namespace with its `default` ServiceAccount.

        No controller makes that one here, and no pod is admitted without it.
        """
        await self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        await self.create_service_account(name, "default")

    async def create_pod(
        self,
        namespace: str,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        ips: Sequence[str] = ("127.0.0.1",),
        phase: str = "Running",
        spec: Mapping[str, Any] | None = None,
    ) -> Json:
        """A pod as a kubelet would report it; the answer has its uid and version.

        No `ips` leaves the pod without an address. `spec` adds to the spec
        (hostNetwork, nodeName, ...); with a nodeName an unforced deletion
        leaves the pod Terminating until a forced one.
        """
        metadata = {
            "name": name,
            "labels": dict(labels or {}),
            "annotations": dict(annotations or {}),
        }
        containers = [{"name": "app", "image": "app"}]
        pod = {"metadata": metadata, "spec": {"containers": containers, **(spec or {})}}
        await self.request("POST", _pods(namespace), pod)
        return await self.patch_status(namespace, name, phase=phase, ips=ips)

    async def patch_pod(self, namespace: str, name: str, patch: Json) -> Json:
        """Merge-patch a pod: {"metadata": {"annotations": {"a": None}}} removes one."""
        path = f"{_pods(namespace)}/{name}"
        return await self.request("PATCH", path, patch, content_type=_MERGE_PATCH)

    async def patch_status(
        self,
        namespace: str,
        name: str,
        *,
        phase: str | None = None,
        ips: Sequence[str] | None = None,
    ) -> Json:
        """Change a pod's phase, its addresses (an empty list takes them away), or both."""
        status: Json = {} if phase is None else {"phase": phase}
        if ips is not None:
            status["podIP"] = ips[0] if ips else None
            status["podIPs"] = [{"ip": ip} for ip in ips]
        path = f"{_pods(namespace)}/{name}/status"
        return await self.request("PATCH", path, {"status": status}, content_type=_MERGE_PATCH)

    async def delete_pod(self, namespace: str, name: str, *, force: bool = True) -> None:
        """Delete a pod; forced means with no grace period, so at once."""
        body = {"gracePeriodSeconds": 0} if force else None
        await self.request("DELETE", f"{_pods(namespace)}/{name}", body)

    async def list_pods(self, namespace: str | None = None, **params: str) -> Json:
        """The PodList of one namespace or all; `params` go into the query."""
        return await self.request("GET", _pods(namespace), params=params)

    async def watch_pods(
        self, namespace: str | None = None, *, version: str | None = None, **params: str
    ) -> AsyncIterator[Json]:
        """Yield the events of a watch, each {"type", "object"}, until it ends.

        A `version` that is too old is an ERROR event, not an ApiError.
        """
        query = {"watch": "1", **params}
        if version is not None:
            query["resourceVersion"] = version
        forever = aiohttp.ClientTimeout(total=None)
        async with self._open.get(_pods(namespace), params=query, timeout=forever) as response:
            if response.status >= 400:
                raise ApiError(response.status, _message(await response.text()))
            async for line in response.content:
                yield json.loads(line)

    async def create_service_account(self, namespace: str, name: str) -> None:
        """A ServiceAccount, which may do nothing yet."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        await self.request("POST", path, {"metadata": {"name": name}})

    async def delete_service_account(self, namespace: str, name: str) -> None:
        """Its tokens go on working for some ten seconds: the server caches them."""
        await self.request("DELETE", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")

    async def token_for(self, namespace: str, name: str, *, seconds: int = 3600) -> str:
        """A token of a ServiceAccount by TokenRequest; under 600 s the server refuses."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = await self.request("POST", path, {"spec": {"expirationSeconds": seconds}})
        token: str = answer["status"]["token"]
        return token

    async def create_role(
        self,
        name: str,
        verbs: Iterable[str],
        *,
        namespace: str | None = None,
        resources: Iterable[str] = ("pods",),
    ) -> None:
        """A Role in `namespace`, or a ClusterRole without one."""
        rule = {"apiGroups": [""], "resources": list(resources), "verbs": list(verbs)}
        path = _rbac(namespace, "role")
        await self.request("POST", path, {"metadata": {"name": name}, "rules": [rule]})

    async def bind(
        self, role: str, account: tuple[str, str], *, namespace: str | None = None
    ) -> None:
        """Give an account (its namespace, its name) the role of create_role.

        `namespace` as it was there. The binding bears the role's name.
        """
        kind = "ClusterRole" if namespace is None else "Role"
        subject = {"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}
        binding = {"metadata": {"name": role}, "roleRef": reference, "subjects": [subject]}
        await self.request("POST", _rbac(namespace, "rolebinding"), binding)

    async def unbind(self, role: str, *, namespace: str | None = None) -> None:
        """Take away what `bind` gave; see until_allowed for when it takes effect."""
        await self.request("DELETE", f"{_rbac(namespace, 'rolebinding')}/{role}")

    async def grant(
        self,
        account: tuple[str, str],
        verbs: Sequence[str],
        *,
        namespace: str | None = None,
        role: str | None = None,
    ) -> str:
        """Make an account that may do `verbs` on pods, and return a token of it.

        Everywhere without a `namespace`. The role and its binding are named
        `role`, or else as the account. Returns once the server acts on it.
        """
        name = role or account[1]
        await self.create_service_account(*account)
        await self.create_role(name, verbs, namespace=namespace)
        await self.bind(name, account, namespace=namespace)
        for verb in verbs:
            await self.until_allowed(account, verb, namespace=namespace)
        return await self.token_for(*account)

    async def until_allowed(
        self,
        account: tuple[str, str],
        verb: str,
        *,
        namespace: str | None = None,
        allowed: bool = True,
    ) -> None:
        """Wait until the account may (or may not) do this to pods.

        The server learns of a new role a moment after it has stored it.
        TimeoutError after 10 s.
        """
        attributes = {"resource": "pods", "verb": verb, "namespace": namespace or ""}
        user = f"system:serviceaccount:{account[0]}:{account[1]}"
        review: Json = {"spec": {"user": user, "resourceAttributes": attributes}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        async with asyncio.timeout(_EFFECT_SECONDS):
            while True:
                answer = await self.request("POST", path, review)
                if answer["status"]["allowed"] == allowed:
                    return
                await asyncio.sleep(0.02)


def _pods(namespace: str | None) -> str:
    return "/api/v1/pods" if namespace is None else f"/api/v1/namespaces/{namespace}/pods"


def _rbac(namespace: str | None, kind: str) -> str:
    if namespace is None:
        return f"{_RBAC}/cluster{kind}s"
    return f"{_RBAC}/namespaces/{namespace}/{kind}s"


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()
