# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The command, run as a user would run it: a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

COMMAND = (sys.executable, "-m", "metrics_proxy")
_UP = re.compile(r'^up\{k8s_namespace="([^"]*)",k8s_pod_name="([^"]*)"\} ([01])$', re.MULTILINE)


@dataclass(slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    content_type: str
    text: str

    @property
    def ups(self) -> dict[str, int]:
        """``up`` by pod name."""
        return {name: int(up) for _, name, up in _UP.findall(self.text)}


@dataclass(slots=True)
class Proxy:
    """A proxy that serves. ``lines`` are its log lines so far, decoded."""

    process: Process
    url: str
    session: aiohttp.ClientSession
    lines: list[dict[str, str]] = field(default_factory=list)

    async def get(self, path: str = "/metrics", **headers: str) -> Answer:
        async with self.session.get(self.url + path, headers=headers) as response:
            text = await response.text()
            return Answer(response.status, response.headers.get("Content-Type", ""), text)

    async def until_ups(self, **wanted: int) -> Answer:
        """Scrape until ``up`` is as wanted, for just these pods (``_`` for ``-``)."""
        ups = {name.replace("_", "-"): up for name, up in wanted.items()}
        deadline = asyncio.get_running_loop().time() + 30
        while (answer := await self.get()).ups != ups:
            assert asyncio.get_running_loop().time() < deadline, (answer.status, answer.ups, ups)
            await asyncio.sleep(0.02)
        return answer

    async def until_ready(self) -> None:
        deadline = asyncio.get_running_loop().time() + 30
        while (answer := await self.get("/readyz")).status != 200:
            assert asyncio.get_running_loop().time() < deadline, answer
            await asyncio.sleep(0.02)

    async def until_watching(self) -> None:
        """Ready comes with the first list, the watch a moment later."""
        deadline = asyncio.get_running_loop().time() + 30
        while '"mode": "watching"' not in (await self.get("/api/status")).text:
            assert asyncio.get_running_loop().time() < deadline, self.lines
            await asyncio.sleep(0.02)

    def messages(self) -> list[str]:
        return [line["msg"] for line in self.lines]


@asynccontextmanager
async def running_proxy(kubeconfig: Path, selector: str, **settings: str) -> AsyncIterator[Proxy]:
    """Start ``metrics-proxy`` on loopback; end it by SIGTERM, and see it exit 0."""
    environ = environment(
        KUBECONFIG=str(kubeconfig),
        POD_LABEL_SELECTOR=selector,
        **{"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json"} | settings,
    )
    process = await asyncio.create_subprocess_exec(*COMMAND, stderr=PIPE, env=environ)
    async with aiohttp.ClientSession() as session:
        proxy = Proxy(process, "", session)
        try:
            async with asyncio.timeout(60):
                proxy.url = await _serving_url(proxy)
            reader = asyncio.create_task(_read_on(proxy))
            try:
                yield proxy
            finally:
                if process.returncode is None:
                    process.send_signal(signal.SIGTERM)
                await process.wait()
                await reader
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, proxy.lines


def environment(**variables: str) -> dict[str, str]:
    """This environment less what would configure a proxy, and with these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    return kept | variables


async def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run ``metrics-proxy ARGUMENTS`` to its end: exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdout=PIPE, stderr=PIPE, env=environment(**variables)
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def _serving_url(proxy: Proxy) -> str:
    while line := await _next_line(proxy):
        if line["msg"] == "serving":
            return line["url"]
    raise AssertionError(f"the proxy ended: {proxy.lines}")


async def _read_on(proxy: Proxy) -> None:
    while await _next_line(proxy):
        pass


async def _next_line(proxy: Proxy) -> dict[str, str] | None:
    assert proxy.process.stderr is not None
    text = await proxy.process.stderr.readline()
    if not text:
        return None
    line: dict[str, str] = json.loads(text)
    proxy.lines.append(line)
    return line
