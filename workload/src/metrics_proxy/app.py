# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The routes, and how long a scrape may take."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable

from aiohttp import HttpVersion11, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from metrics_proxy import status
from metrics_proxy.exposition import CONTENT_TYPE_TEXT, encode_text
from metrics_proxy.health import Health
from metrics_proxy.pages import index_page
from metrics_proxy.status import State

TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
# What Prometheus' timeout keeps for the way back, in seconds (blackbox_exporter's rule).
_OFFSET = 0.5
# A reader that takes no more than this has given up.
_WRITE_SECONDS = 10.0


def make_app(state: State) -> web.Application:
    """Make the web application over a state."""
    routes = _Routes(state)
    app = web.Application()
    app.add_routes(
        [
            web.get("/", routes.index),
            web.get("/metrics", routes.metrics, allow_head=False),
            web.get("/metrics/self", routes.own_metrics),
            web.get("/livez", routes.live),
            web.get("/readyz", routes.ready),
            web.get("/api/status", routes.status),
            web.get("/api/targets", routes.targets),
        ]
    )
    return app


def round_seconds(cap: float, header: str | None) -> float:
    """How long a round may last: ``cap``, or less where the scraper's own timeout is shorter.

    The header's seconds less an offset of 0.5, but never less than half of them. A header that is
    no positive number counts as absent.
    """
    try:
        offered = float(header or "")
    except ValueError:
        return cap
    if not math.isfinite(offered) or offered <= 0:
        return cap
    return min(cap, max(offered - _OFFSET, offered / 2))


class _Routes:
    def __init__(self, state: State) -> None:
        self._state = state

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        state = self._state
        if not state.health.ready:
            return _not_ready(state.health)
        seconds = round_seconds(state.config.scrape_timeout, request.headers.get(TIMEOUT_HEADER))
        merged = await state.gatherer.gather(state.table.snapshot(), seconds)
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE_TEXT})
        if request.version < HttpVersion11:
            # It knows no chunks: the end of the connection is the end of the answer.
            response.force_close()
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await _write(request, response, encode_text(merged))
        except (ConnectionError, TimeoutError):
            # It has left, or stopped reading: let go of the answer.
            if request.transport is not None:
                request.transport.abort()
        return response

    async def own_metrics(self, request: web.Request) -> web.Response:
        state = self._state
        state.telemetry.pods_counted(len(state.table.targets()), state.skip_counts())
        encode, content_type = _encoder(request.headers.get("Accept", ""))
        body = encode(state.telemetry.registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def live(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(self, _: web.Request) -> web.Response:
        health = self._state.health
        return web.Response(text="ok\n") if health.ready else _not_ready(health)

    async def status(self, _: web.Request) -> web.Response:
        return web.json_response(status.status(self._state))

    async def targets(self, _: web.Request) -> web.Response:
        return web.json_response(status.targets(self._state))

    async def index(self, _: web.Request) -> web.Response:
        state = self._state
        page = index_page(
            selector=state.config.pod_label_selector.text,
            namespaces=", ".join(state.config.namespaces) or "all namespaces",
            targets=len(state.table.targets()),
            reasons=state.health.reasons(),
        )
        return web.Response(text=page, content_type="text/html")


async def _write(
    request: web.Request, response: web.StreamResponse, batches: Iterable[bytes]
) -> None:
    await response.prepare(request)
    for batch in batches:
        await response.write(batch)
    await response.write_eof()


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        # A version that is no number; Prometheus' library does not expect it.
        return choose_encoder("")


def _not_ready(health: Health) -> web.Response:
    lines = ["not ready", *health.reasons()]
    return web.Response(status=503, text="\n".join(lines) + "\n")
