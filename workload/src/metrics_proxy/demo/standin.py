# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The stand-in as its users hold it: its life, its pods, its tokens and its troubles."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from metrics_proxy.demo import status
from metrics_proxy.demo.api import PodsApi
from metrics_proxy.demo.loopback import HOST, LoopbackServer
from metrics_proxy.demo.recorder import Request
from metrics_proxy.demo.status import JsonObject
from metrics_proxy.demo.watch import Pace


class StandIn:
    """A Kubernetes API for pods, on loopback and in memory. Use it with ``async with``.

    It answers list, watch and the writes as a kube-apiserver 1.36 does, for any namespace: none
    has to be created. Until the first ``grant`` everybody may do everything, with no token.
    ``pace`` says when watches send bookmarks and end of their own accord.
    """

    def __init__(self, port: int = 0, *, pace: Pace | None = None) -> None:
        self._api = PodsApi(pace or Pace())
        self._server = LoopbackServer(self._api.application, port)
        self.url = f"http://{HOST}:{self._server.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Serve; again after a ``stop``, on the same port and with the same pods and history.

        A kube-apiserver that was restarted has an empty history: ``compact`` for that.
        """
        await self._server.start()

    async def stop(self) -> None:
        """Go away as if killed: connections are cut, new ones refused. The port stays taken."""
        await self._server.stop()

    async def close(self) -> None:
        """Stop for good."""
        await self._server.close()

    def kubeconfig(self, path: Path, token: str | None = None) -> Path:
        """Write a kubeconfig that leads here, and return its path."""
        cluster = {"name": "stand-in", "cluster": {"server": self.url}}
        user = {"name": "demo", "user": {} if token is None else {"token": token}}
        context = {"cluster": "stand-in", "user": "demo", "namespace": "default"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [cluster],
            "users": [user],
            "contexts": [{"name": "demo", "context": context}],
            "current-context": "demo",
        }
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        return path

    # The pods. Each method is a write as it would come over HTTP, and raises the same ApiError.

    def create_pod(  # noqa: PLR0913 - keywords, all with a default
        self,
        namespace: str,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        ip: str = "",
        phase: str = "Pending",
        node: str = "",
    ) -> JsonObject:
        """Create a pod. With an IP or a phase that is a second write, as a kubelet's would be.

        Without a ``node`` a delete removes it at once; with one it stays Terminating.
        """
        metadata = {"name": name, "labels": dict(labels or {})}
        metadata["annotations"] = dict(annotations or {})
        spec = {"containers": [{"name": "main", "image": "sample"}]}
        pod = {"metadata": metadata, "spec": {**spec, **({"nodeName": node} if node else {})}}
        created = self._api.store.create(namespace, pod)
        if not ip and phase == "Pending":
            return copy.deepcopy(created)
        return self.set_status(namespace, name, {"phase": phase, **({"podIP": ip} if ip else {})})

    def patch_pod(self, namespace: str, name: str, patch: JsonObject) -> JsonObject:
        """Merge a patch into a pod; None removes. Its spec and status can't be changed so."""
        return copy.deepcopy(self._api.store.patch(namespace, name, patch))

    def set_status(self, namespace: str, name: str, values: JsonObject) -> JsonObject:
        """Merge values, such as ``phase`` and ``podIP``, into a pod's status."""
        store = self._api.store
        return copy.deepcopy(store.patch(namespace, name, {"status": values}, "status"))

    def delete_pod(self, namespace: str, name: str, grace_period: int | None = None) -> None:
        """Delete a pod. One with a node goes on Terminating until a delete with 0 seconds."""
        self._api.store.delete(namespace, name, grace_period)

    def pods(self) -> list[JsonObject]:
        """All pods there are now."""
        return copy.deepcopy(self._api.store.pods_at(self._api.store.version))

    @property
    def resource_version(self) -> int:
        """The newest version."""
        return self._api.store.version

    # The tokens.

    def grant(self, token: str, *verbs: str, namespace: str = "", user: str = "demo") -> None:
        """Let a token's user do this in a namespace, or ("") everywhere.

        The first grant closes the API: who has no token is 403 from then on, a wrong one is 401.
        """
        self._api.access.grant(token, verbs, namespace, user)

    def revoke(self, token: str, *verbs: str) -> None:
        """Take rights from a token (403), or with no verbs the token itself (401).

        A watch that is open goes on, as it does on a real cluster.
        """
        self._api.access.revoke(token, verbs)

    # Trouble on demand.

    def compact(self) -> None:
        """Forget the history: watches and lists from any version seen so far are 410 now.

        Watches that are open go on.
        """
        self._api.store.compact()

    def expire_watches(self) -> None:
        """Compact, and end the open watches with an ERROR event that says 410 Expired."""
        self.compact()
        for watch in self._api.watches:
            watch.fail(status.expired("The resourceVersion for the provided watch is too old."))

    def send_error(self, code: int) -> None:
        """End the open watches with an ERROR event of that code."""
        for watch in self._api.watches:
            watch.fail(status.of_code(code))

    def end_watches(self) -> None:
        """End the open watches cleanly, as a server does whose patience is over."""
        for watch in self._api.watches:
            watch.end()

    def drop_connections(self, *, torn: bool = False) -> None:
        """Cut the connections of the open watches; ``torn``: in the middle of an event."""
        if not torn:
            self._api.watches.abort()
            return
        for watch in self._api.watches:
            watch.tear()

    def refuse(self, *codes: int) -> None:
        """Answer the next requests with these HTTP statuses, one each, whatever they ask."""
        self._api.refusals.extend(status.of_code(code) for code in codes)

    def freeze(self) -> None:
        """Take connections and answer nothing; what is open falls silent."""
        self._api.answering.clear()

    def thaw(self) -> None:
        """Answer again, first what came in meanwhile."""
        self._api.answering.set()

    # What it has seen.

    @property
    def requests(self) -> Sequence[Request]:
        """Every request so far, the oldest first, also the refused and the never answered."""
        return tuple(self._api.recorder.requests)

    @property
    def lists(self) -> Sequence[Request]:
        """The lists among the requests. Each page is one."""
        return tuple(request for request in self.requests if request.verb == "list")

    @property
    def watches(self) -> Sequence[Request]:
        """The watches among the requests, open or not."""
        return tuple(request for request in self.requests if request.verb == "watch")

    @property
    def open_watches(self) -> int:
        """How many watches are open now."""
        return len(self._api.watches)

    async def wait_for(self, condition: Callable[[], object], within: float = 10.0) -> None:
        """Return once the condition holds. Raises TimeoutError.

        It is looked at anew at each request, write to the store, line sent and watch opened or
        closed: a condition on anything else may be seen late or never.
        """
        await self._api.recorder.wait_for(condition, within)
