# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The life of the process: bind, watch, serve, drain."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import httpx2
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from metrics_proxy.app import make_app
from metrics_proxy.config import Config
from metrics_proxy.gather import Gatherer
from metrics_proxy.health import Health
from metrics_proxy.kube import Discovery, Pace
from metrics_proxy.scrape import Scraper, tls_context
from metrics_proxy.sharding import Shard
from metrics_proxy.status import State
from metrics_proxy.targets import TargetTable
from metrics_proxy.telemetry import Telemetry

log = logging.getLogger(__name__)

# Beyond a scrape's own deadline: the time to merge and write its answer.
_DRAIN_MARGIN = 2.0


class StartError(Exception):
    """The server could not start; the message says why and what to do."""


class Server:
    """One proxy. ``run`` lives until ``stop`` or a signal; ``url`` is valid once ``started``.

    ``ready`` is set when the first list of every scope is complete, ``stopped`` when the end
    begins.
    """

    def __init__(
        self, config: Config, client: httpx2.AsyncClient, pace: Pace | None = None
    ) -> None:
        self._config = config
        self._client = client
        self._pace = pace
        self.stopped = asyncio.Event()
        self.started = asyncio.Event()
        self.ready = asyncio.Event()
        self.url = ""
        self.health = Health.of(config.namespaces)

    def stop(self) -> None:
        """Begin an orderly end: no new connections, running scrapes finish."""
        self.stopped.set()

    async def run(self, *, signals: bool = True) -> None:
        """Serve until stopped. Raises StartError where the address can't be had."""
        async with AsyncExitStack() as stack:
            if signals:
                # First in and last out: the drain too is to end in good order.
                stack.enter_context(_signals(self.stop))
            await stack.enter_async_context(self._client)
            state = self._make_state()
            stack.push_async_callback(state.gatherer.close)
            await stack.enter_async_context(self._watching(state))
            await stack.enter_async_context(self._serving(state))
            self.started.set()
            await self.stopped.wait()
            log.info("stopping, running scrapes may finish")
        log.info("stopped")

    def _make_state(self) -> State:
        config = self._config
        tls = tls_context(config.scrape_ca_file, insecure=config.scrape_insecure_skip_verify)
        telemetry = Telemetry(self.health)
        table = TargetTable(Shard(config.shard, config.total_shards))
        gatherer = Gatherer(Scraper(tls, config.max_body_size), telemetry)
        return State(config, self.health, table, gatherer, telemetry)

    @asynccontextmanager
    async def _watching(self, state: State) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self._watch(discovery, state.table))
            for discovery in self._discoveries(state)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _discoveries(self, state: State) -> Iterator[Discovery]:
        selector = self._config.pod_label_selector
        for scope in self.health.scopes:
            yield Discovery(self._client, selector, scope, state.telemetry, self._pace)

    async def _watch(self, discovery: Discovery, table: TargetTable) -> None:
        try:
            async for event in discovery.events():
                table.apply(event)
                if self.health.ready:
                    self.ready.set()
        finally:
            # It ends only when cancelled, or by a fault of ours: better no proxy than a blind one.
            self.stop()

    @asynccontextmanager
    async def _serving(self, state: State) -> AsyncIterator[None]:
        runner = web.AppRunner(
            make_app(state),
            access_log=None,
            handle_signals=False,
            # A scraper that has left needs no round.
            handler_cancellation=True,
            shutdown_timeout=self._config.scrape_timeout + _DRAIN_MARGIN,
        )
        await runner.setup()
        logging.getLogger("aiohttp.server").addFilter(_is_ours)
        try:
            listeners = listen(self._config.host, self._config.port)
            for listener in listeners:
                await web.SockSite(runner, listener).start()
            self.url = _url_of(listeners[0])
            log.info(
                "serving", extra={"url": self.url, "selector": self._config.pod_label_selector}
            )
            yield
        finally:
            await runner.cleanup()


def _is_ours(record: logging.LogRecord) -> bool:
    """Keep what a client did wrong, such as a port scan, out of the log."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def listen(host: str, port: int) -> list[socket.socket]:
    """Bind every address of a host; "" is all interfaces, IPv4 and IPv6. Raises StartError."""
    bound: list[socket.socket] = []
    try:
        if not host:
            return [_listen_everywhere(port)]
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((info[0], info[4]) for info in found):
            bound.append(socket.create_server(address[:2], family=family))
    except (OSError, UnicodeError) as error:
        for listener in bound:
            listener.close()
        raise StartError(_bind_failure(host, port, error)) from error
    return bound


def _listen_everywhere(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as error:
            # The kernel knows IPv6 but this host has it switched off.
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                raise
    return socket.create_server(("", port))


def _bind_failure(host: str, port: int, error: OSError | UnicodeError) -> str:
    where = f"{host or 'every interface'}, port {port}"
    number = getattr(error, "errno", None) or 0
    hint = "; stop what listens there, or set PORT" if number == errno.EADDRINUSE else ""
    reason = os.strerror(number) if number > 0 else str(error)
    return f"cannot listen on {where}: {reason}{hint}"


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in {"::", "0.0.0.0"}:  # noqa: S104
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
