# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The floor: a proxy that reads nothing of what passes through, and so has the least to do.

It has the client and the server library of the proxy, with the same settings, and answers all
bodies one after the other. What a proxy of this make can save is what it costs above this.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from benchmarks.loop import run

_ACCEPT = "text/plain;version=0.0.4,*/*;q=0.1"
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BATCH = 256 * 2**10
_SECONDS = 9.0


class _Floor:
    """Asks every pod at once. Make it in a running loop; close it at the end."""

    def __init__(self, targets: list[str]) -> None:
        self._targets = [URL(target, encoded=True) for target in targets]
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=150),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            auto_decompress=False,
            headers={"User-Agent": "metrics-proxy-floor", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        await self._session.close()

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        async with asyncio.timeout(_SECONDS), asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._body(target)) for target in self._targets]
        response = web.StreamResponse(headers={"Content-Type": _CONTENT_TYPE})
        await response.prepare(request)
        for batch in _batches([task.result() for task in tasks]):
            await response.write(batch)
        await response.write_eof()
        return response

    async def _body(self, target: URL) -> bytes:
        headers = {"Accept": _ACCEPT, "X-Prometheus-Scrape-Timeout-Seconds": f"{_SECONDS:.3f}"}
        async with self._session.get(target, headers=headers, allow_redirects=False) as response:
            return await response.read()


def _batches(bodies: list[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for body in bodies:
        waiting.append(body)
        size += len(body)
        if size >= _BATCH:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


async def _serve(targets: list[str], port: int) -> None:
    floor = _Floor(targets)
    app = web.Application()
    app.add_routes([web.get("/metrics", floor.metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
        await floor.close()


def main() -> None:
    """Read the command line and PORT, and serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=__doc__)
    parser.add_argument("--targets", type=Path, required=True, help="a JSON list of URLs")
    args = parser.parse_args()
    run(_serve(json.loads(args.targets.read_text()), int(os.environ["PORT"])))


if __name__ == "__main__":
    main()
