# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The world around the proxies, a process of its own: the sample pods and the Kubernetes API.

It prints one JSON line once it serves. From then on each line on its standard input makes new
values for all pods, and is answered with the round's number. It ends when its input does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from benchmarks.body import BodyMaker
from benchmarks.loop import run
from metrics_proxy.demo import StandIn

NAMESPACE = "monitoring"
SELECTOR = "app=bench"
KUBECONFIG = "kubeconfig"
TARGETS = "targets.json"

_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n"
)
# Room for a whole body, so that one system call sends it.
_SEND_BUFFER = 2**20


@dataclass
class _Pod:
    """``answer`` is the whole response, head and body, that every request gets."""

    name: str
    address: str
    answer: bytes = b""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/metrics"


class _Serving(asyncio.Protocol):
    """A connection to a pod: whatever is asked, kept alive."""

    def __init__(self, pod: _Pod) -> None:
        self._pod = pod
        self._tail = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    def data_received(self, data: bytes) -> None:
        received = self._tail + data
        if received.endswith(b"\r\n\r\n") and self._transport is not None:
            received = b""
            self._transport.write(self._pod.answer)
        self._tail = received


def make_pods(count: int) -> list[_Pod]:
    """Pods with an address each: a proxy may take those that share one for the same."""
    return [_Pod(f"node-exporter-{n:05d}", f"127.1.{n // 250}.{n % 250 + 1}") for n in range(count)]


def renew(pods: list[_Pod], maker: BodyMaker, number: int) -> None:
    """Give every pod the values of a round."""
    for pod in pods:
        body = maker.body(pod.name, number)
        pod.answer = _HEAD % len(body) + body


async def _listen(pod: _Pod, stack: AsyncExitStack) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Serving(pod), pod.address, 0)
    stack.callback(server.close)
    pod.port = server.sockets[0].getsockname()[1]


def _announce(api: StandIn, pods: list[_Pod], folder: Path) -> None:
    for pod in pods:
        api.create_pod(
            NAMESPACE,
            pod.name,
            labels={"app": "bench"},
            annotations={"prometheus.io/scrape": "true", "prometheus.io/port": str(pod.port)},
            ip=pod.address,
            phase="Running",
        )
    api.kubeconfig(folder / KUBECONFIG)
    (folder / TARGETS).write_text(json.dumps([pod.url for pod in pods]))


async def _orders(stack: ExitStack) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    stack.callback(transport.close)
    return reader


async def serve(pods: list[_Pod], maker: BodyMaker, folder: Path) -> None:
    """Serve the pods and the API until the standard input ends."""
    async with AsyncExitStack() as stack:
        renew(pods, maker, 0)
        for pod in pods:
            await _listen(pod, stack)
        api = await stack.enter_async_context(StandIn())
        _announce(api, pods, folder)
        orders = await _orders(stack.enter_context(ExitStack()))
        print(json.dumps({"api": api.url, "pods": len(pods)}), flush=True)
        number = 0
        while await orders.readline():
            number += 1
            renew(pods, maker, number)
            print(number, flush=True)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.world", description=__doc__)
    parser.add_argument("--pods", type=int, required=True)
    parser.add_argument("--series", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args()
    run(serve(make_pods(args.pods), BodyMaker(args.series), args.folder))


if __name__ == "__main__":
    main()
