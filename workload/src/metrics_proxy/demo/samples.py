# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the sample pods say: metrics that are functions of elapsed time, and three bad answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

Families = Callable[[float], Iterable[Metric]]

_ROUTES = (
    ("GET", "/orders/{id}", "200", 1.0),
    ("GET", '/search?q="tea, green"', "200", 0.6),
    ("POST", "/orders", "201", 0.3),
    ("POST", "/orders", "500", 0.01),
)
# The share of requests that took no longer than this many seconds.
_LATENCIES = (("0.005", 0.2), ("0.05", 0.7), ("0.5", 0.95), ("5.0", 0.999), ("+Inf", 1.0))
_LOGIN_PAGE = "<!doctype html><title>Sign in</title><h1>Sign in to see this page</h1>\n"


def shop(rate: float) -> Families:
    """A web shop's metrics, with ``rate`` requests a second on the busiest route."""

    def families(elapsed: float) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "shop_http_requests", "Requests answered.", labels=("method", "path", "code")
        )
        for method, path, code, share in _ROUTES:
            requests.add_metric((method, path, code), math.floor(rate * share * elapsed))
        yield requests
        yield _latency(math.floor(rate * elapsed))
        baskets = round(20 + 15 * math.sin(elapsed / 15 + rate))
        yield GaugeMetricFamily("shop_open_baskets", "Baskets not paid yet.", value=baskets)

    return families


def ztunnel(rate: float) -> Families:
    """A node proxy's metrics: connections between workloads, ``rate`` a second."""

    def families(elapsed: float) -> Iterator[Metric]:
        labels = ("source_workload", "destination_workload", "connection_security_policy")
        route = ("checkout", "catalog", "mutual_tls")
        opened = math.floor(rate * elapsed)
        still_open = min(opened, round(6 + 4 * math.sin(elapsed / 8 + rate)))
        for name, text, value in (
            ("istio_tcp_connections_opened", "Connections opened.", opened),
            ("istio_tcp_connections_closed", "Connections closed.", opened - still_open),
            ("istio_tcp_sent_bytes", "Bytes sent.", 1500 * opened),
        ):
            family = CounterMetricFamily(name, text, labels=labels)
            family.add_metric(route, value)
            yield family
        yield GaugeMetricFamily("workload_manager_active_proxy_count", "Proxies.", value=3)

    return families


def worker(rate: float) -> Families:
    """A background worker's metrics: ``rate`` jobs a second."""

    def families(elapsed: float) -> Iterator[Metric]:
        yield CounterMetricFamily("worker_jobs", "Jobs done.", value=math.floor(rate * elapsed))
        yield GaugeMetricFamily("worker_uptime_seconds", "Age of this worker.", value=elapsed)

    return families


def honest(families: Families, clock: Callable[[], float]) -> Handler:
    """Answer with metrics, in the format that is asked for; their time begins now."""
    registry = CollectorRegistry()
    registry.register(_Moving(families, clock))

    async def answer(request: web.Request) -> web.StreamResponse:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return answer


def slow(handler: Handler, seconds: float) -> Handler:
    """Answer as another does, but late."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await handler(request)

    return answer


async def login_page(_: web.Request) -> web.StreamResponse:
    """Answer 200 with a web page, as a pod behind a login does."""
    return web.Response(text=_LOGIN_PAGE, content_type="text/html")


async def cut_off(request: web.Request) -> web.StreamResponse:
    """Promise a whole exposition, send part of it, and hang up."""
    body = b"# TYPE search_queries_total counter\nsearch_queries_total 17\n"
    response = web.StreamResponse(headers={"Content-Type": "text/plain; version=0.0.4"})
    response.content_length = 2 * len(body)
    await response.prepare(request)
    await response.write(body)
    if request.transport is not None:
        request.transport.close()
    return response


class _Moving(Collector):
    def __init__(self, families: Families, clock: Callable[[], float]) -> None:
        self._families = families
        self._clock = clock
        self._begun = clock()

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        return self._families(self._clock() - self._begun)


def _latency(count: int) -> Metric:
    buckets = [(bound, math.floor(count * share)) for bound, share in _LATENCIES]
    latency = HistogramMetricFamily("shop_http_request_seconds", "How long requests took.")
    latency.add_metric((), buckets=buckets, sum_value=0.08 * count)
    return latency
