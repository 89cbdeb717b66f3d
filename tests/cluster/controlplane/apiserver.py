# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A real kube-apiserver over a real etcd, on loopback; no kubelet, no controllers."""

from __future__ import annotations

import base64
import json
import secrets
import signal
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from .build import Binaries, binaries
from .client import KubeClient
from .process import LOOPBACK, Process, free_ports

_READY_SECONDS = 60.0


class ControlPlane:
    """One API server whose URL, certificate and data outlive its restarts.

    It belongs to no event loop: a fixture may start it in one and tests use it
    in others. Clients do belong to one: make them where they are used. Logs,
    keys and data are in `directory`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        flags: Sequence[str] = (),
        built: Binaries | None = None,
    ) -> None:
        """Choose ports and a token; nothing is started yet.

        `flags` are added to the API server's own and win over them:
        --min-request-timeout=2 ends each watch cleanly after 2 to 4 s,
        --watch-cache=false makes a compaction enough for a 410.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.admin_token = secrets.token_hex(16)
        self._port, self._etcd_port, self._peer_port = free_ports(3)
        self._built = built
        self._flags = list(flags)
        self._etcd: Process | None = None
        self._apiserver: Process | None = None

    @property
    def url(self) -> str:
        """The API server's; the same after every restart."""
        return f"https://{LOOPBACK}:{self._port}"

    @property
    def ca(self) -> Path:
        """What signs the server's certificate; there since the first start."""
        return self.directory / "certs" / "apiserver.crt"

    @property
    def pid(self) -> int:
        """Of the running API server; RuntimeError when it is down."""
        return self._server.pid

    @property
    def _server(self) -> Process:
        if self._apiserver is None:
            raise RuntimeError("the control plane was never started")
        return self._apiserver

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    async def start(self) -> None:
        """Start what is not running and wait: 3 s, or 2 s after a kill.

        The first call may build, for minutes, in which the loop stands still.
        Raises BuildError, StartError.
        """
        etcd, apiserver = self._prepare()
        try:
            etcd.start()
            await etcd.wait_ready(self._etcd_ready, _READY_SECONDS)
            apiserver.start()
            await apiserver.wait_ready(self._apiserver_ready, _READY_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End both by SIGKILL: on SIGTERM an open watch holds the server 60 s."""
        for process in (self._apiserver, self._etcd):
            if process is not None:
                process.kill()

    def kill(self) -> None:
        """SIGKILL the API server only; `start()` brings it back at the same URL."""
        self._server.kill()

    def freeze(self) -> None:
        """SIGSTOP the API server: connections stay, and nothing answers."""
        self._server.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT the API server."""
        self._server.signal(signal.SIGCONT)

    async def compact(self) -> int:
        """Forget the history before now; the answer is the present revision.

        A watch that is open already survives it, and so does, through the
        server's watch cache, a new one: see force_410.
        """
        answer = await self._etcd_call("kv/range", {"key": _encoded("none")})
        revision = int(answer["header"]["revision"])
        await self._etcd_call("kv/compaction", {"revision": revision, "physical": True})
        return revision

    async def force_410(self, *, restart: bool = True) -> int:
        """Make every resourceVersion handed out so far too old to watch from.

        Kills the API server and starts it again, as its watch cache would serve
        the old versions; with --watch-cache=false `restart` is not needed.
        """
        if restart:
            self.kill()
        # A watch from N reads from N+1 on, so that one has to be compacted too.
        for value in ("one", "two"):
            pair = {"key": _encoded("metrics-proxy-test"), "value": _encoded(value)}
            await self._etcd_call("kv/put", pair)
        revision = await self.compact()
        if restart:
            await self.start()
        return revision

    def client(self, token: str | None = None) -> KubeClient:
        """A client, the administrator's without a token; for `async with`."""
        return KubeClient(self.url, self.tls(), token or self.admin_token)

    def anonymous(self) -> KubeClient:
        """A client with no credentials at all; for `async with`."""
        return KubeClient(self.url, self.tls(), None)

    def tls(self) -> ssl.SSLContext:
        """A context that trusts this server only."""
        return ssl.create_default_context(cafile=self.ca)

    def kubeconfig(
        self,
        path: Path,
        *,
        token: str | None = None,
        namespace: str = "default",
        server: str | None = None,
    ) -> Path:
        """Write a kubeconfig (the administrator's without a token) and return `path`.

        `server` is for a proxy in between; it must be reached as 127.0.0.1 for
        the certificate to fit.
        """
        cluster = {"server": server or self.url, "certificate-authority": str(self.ca)}
        context = {"cluster": "test", "user": "test", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token or self.admin_token}}],
            "contexts": [{"name": "test", "context": context}],
        }
        # JSON is YAML, and needs no library.
        path.write_text(json.dumps(config, indent=2))
        return path

    def _prepare(self) -> tuple[Process, Process]:
        if self._etcd is None or self._apiserver is None:
            built = self._built or binaries()
            tokens = self.directory / "tokens.csv"
            tokens.touch(mode=0o600)
            tokens.write_text(f"{self.admin_token},admin,admin,system:masters\n")
            self._etcd = Process(self._etcd_command(built), self.directory / "etcd.log")
            self._apiserver = Process(
                self._apiserver_command(built, tokens), self.directory / "kube-apiserver.log"
            )
        return self._etcd, self._apiserver

    def _etcd_command(self, built: Binaries) -> list[str]:
        client = f"http://{LOOPBACK}:{self._etcd_port}"
        peer = f"http://{LOOPBACK}:{self._peer_port}"
        return [
            str(built.etcd),
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _apiserver_command(self, built: Binaries, tokens: Path) -> list[str]:
        # The server writes this RSA key beside its certificate before it reads
        # the account keys, so one key does for all and we need not make any.
        key = self.ca.with_suffix(".key")
        return [
            str(built.kube_apiserver),
            f"--etcd-servers=http://{LOOPBACK}:{self._etcd_port}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self._port}",
            f"--advertise-address={LOOPBACK}",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={self.ca.parent}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={tokens}",
            # Otherwise history goes every five minutes, behind the test's back.
            "--etcd-compaction-interval=0",
            *self._flags,
        ]

    async def _etcd_call(self, path: str, payload: Mapping[str, object]) -> dict[str, Any]:
        url = f"http://{LOOPBACK}:{self._etcd_port}/v3/{path}"
        async with (
            aiohttp.ClientSession(raise_for_status=True, trust_env=False) as session,
            session.post(url, json=payload) as response,
        ):
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer

    async def _etcd_ready(self) -> bool:
        return await _healthy(f"http://{LOOPBACK}:{self._etcd_port}/readyz", None, {})

    async def _apiserver_ready(self) -> bool:
        try:
            tls = self.tls()
        except OSError:
            return False  # Not written, or only half, at the first start.
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        return await _healthy(f"{self.url}/readyz", tls, headers)


async def _healthy(url: str, tls: ssl.SSLContext | None, headers: Mapping[str, str]) -> bool:
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(url, ssl=tls or True, headers=headers) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
