# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes one target on loopback."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from .build import cache_root, locked, say
from .process import LOOPBACK, Process, free_ports

_READY_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.1


class PrometheusMissingError(Exception):
    """There is no Prometheus and none can be had; says why, for a person."""


@dataclass(frozen=True)
class PrometheusBinaries:
    """Where the server and its tool are."""

    prometheus: Path
    promtool: Path


def prometheus_binaries() -> PrometheusBinaries:
    """Those on PATH, else Debian's package unpacked into the cache.

    Nothing is installed and no service is started. Raises PrometheusMissingError.
    """
    server, tool = shutil.which("prometheus"), shutil.which("promtool")
    if server and tool:
        return PrometheusBinaries(Path(server), Path(tool))
    folder = cache_root() / "debian-prometheus"
    if not folder.is_dir():
        with locked():
            if not folder.is_dir():
                _unpack_debian_package(folder)
    return PrometheusBinaries(folder / "usr/bin/prometheus", folder / "usr/bin/promtool")


def _unpack_debian_package(folder: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise PrometheusMissingError(
            "There is no `prometheus` with `promtool` on PATH, and no apt-get to fetch Debian's"
            " package with: install Prometheus, or leave these tests out."
        )
    say("fetching Debian's prometheus package")
    with tempfile.TemporaryDirectory(dir=cache_root(), prefix=".prometheus-") as scratch:
        _run(["apt-get", "download", "prometheus"], Path(scratch))
        unpacked = Path(scratch) / "unpacked"
        for package in Path(scratch).glob("*.deb"):
            _run(["dpkg", "-x", str(package), str(unpacked)], Path(scratch))
        _run([str(unpacked / "usr/bin/prometheus"), "--version"], Path(scratch))
        unpacked.rename(folder)


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise PrometheusMissingError(
            f"There is no `prometheus` on PATH, and taking Debian's package failed at"
            f" `{' '.join(command)}` (has `apt-get update` been run?):\n{error.stderr.strip()}"
        ) from error
    except OSError as error:
        raise PrometheusMissingError(
            f"Debian's prometheus package does not run: {error}"
        ) from error


class Prometheus:
    """One server with one static target, job `test`.

    Like ControlPlane it belongs to no event loop. Its log and its data are in
    `directory`.
    """

    def __init__(
        self,
        target: str,
        directory: Path,
        *,
        interval: str = "1s",
        timeout: str = "1s",
        job: Mapping[str, object] | None = None,
    ) -> None:
        """Scrape `target`, a URL such as http://127.0.0.1:15090/metrics.

        `job` holds further settings of the scrape job by their names in the
        configuration (honor_labels, params, scheme, ...).
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = free_ports(1)[0]
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._config = _config(target, interval, timeout, job or {})
        self._process: Process | None = None

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
        """Start it and wait until it is ready: a tenth of a second.

        Its first scrape comes 5 s later, the pace of its own discovery.
        Raises PrometheusMissingError, StartError.
        """
        if self._process is None:
            self._process = Process(self._command(), self.directory / "prometheus.log")
        self._process.start()
        try:
            await self._process.wait_ready(self._ready, _READY_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if it is not gone in ten seconds."""
        if self._process is not None:
            self._process.terminate(_STOP_SECONDS)

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The `result` of an instant query: [{"metric": {...}, "value": [time, text]}, ...].

        ValueError with Prometheus' own words when it refuses the expression.
        """
        data = await self._api("query", {"query": expression})
        found: list[dict[str, Any]] = data["result"]
        return found

    async def until(self, expression: str, *, seconds: float = 15.0) -> list[dict[str, Any]]:
        """Query until the result is not empty; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while True:
                if found := await self.query(expression):
                    return found
                await asyncio.sleep(_POLL_SECONDS)

    async def targets(self) -> list[dict[str, Any]]:
        """The active targets: `health` (up, down, unknown), `lastError`, `lastScrape`, ..."""
        data = await self._api("targets", {"state": "active"})
        found: list[dict[str, Any]] = data["activeTargets"]
        return found

    async def metadata(self) -> dict[str, list[dict[str, str]]]:
        """By family: [{"type", "help", "unit"}, ...], what it keeps of the last scrapes."""
        found: dict[str, list[dict[str, str]]] = await self._api("metadata", {})
        return found

    async def _api(self, path: str, params: dict[str, str]) -> Any:
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(f"{self.url}/api/v1/{path}", params=params) as response,
        ):
            answer = await response.json()
        if answer["status"] != "success":
            raise ValueError(f"{answer.get('errorType')}: {answer.get('error')}")
        return answer["data"]

    async def _ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession(trust_env=False) as session,
                session.get(f"{self.url}/-/ready") as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def _command(self) -> list[str]:
        config = self.directory / "prometheus.yml"
        config.write_text(self._config)
        return [
            str(prometheus_binaries().prometheus),
            f"--config.file={config}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            "--storage.tsdb.retention.time=1h",
        ]


def _config(target: str, interval: str, timeout: str, job: Mapping[str, object]) -> str:
    url = urlsplit(target)
    scrape = {
        "job_name": "test",
        "scheme": url.scheme,
        "metrics_path": url.path or "/metrics",
        "scrape_interval": interval,
        "scrape_timeout": timeout,
        "static_configs": [{"targets": [url.netloc]}],
        **job,
    }
    # JSON is YAML, and needs no library.
    return json.dumps({"scrape_configs": [scrape]}, indent=2)
