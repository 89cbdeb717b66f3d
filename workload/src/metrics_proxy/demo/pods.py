# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Sample pods for a stand-in: little servers on one loopback address, told apart by their port."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler

from metrics_proxy.demo import samples
from metrics_proxy.demo.loopback import HOST, LoopbackServer
from metrics_proxy.demo.standin import StandIn
from metrics_proxy.demo.status import ApiError
from metrics_proxy.targets import PATH, PORT, SCRAPE

_LABEL, _VALUE = "app.kubernetes.io/part-of", "demo"


@dataclass(frozen=True, slots=True)
class SamplePod:
    """One pod. ``note`` says in a few words what there is to see in it."""

    namespace: str
    name: str
    note: str
    answer: Handler
    path: str = "/metrics"
    annotated: bool = True


class SamplePods:
    """Pods in ``shop`` and ``istio-system``: honest, slow, broken, unannotated, come and gone.

    An async context manager: inside it they run and are pods of the stand-in. ``slow``: seconds
    that the slow one takes to answer. ``period``: seconds from one coming of the pod that comes
    and goes to the next. ``clock``: what the metrics are functions of.
    """

    selector = f"{_LABEL}={_VALUE}"

    def __init__(
        self,
        standin: StandIn,
        *,
        slow: float = 30.0,
        period: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._standin = standin
        self._slow = slow
        self._period = period
        self._clock = clock
        self._stack = AsyncExitStack()
        self.pods: tuple[SamplePod, ...] = tuple(self._cast())

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for pod in self.pods:
                await stack.enter_async_context(self._running(pod))
            await stack.enter_async_context(self._visitors())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def _cast(self) -> Iterator[SamplePod]:
        def honest(families: samples.Families) -> Handler:
            return samples.honest(families, self._clock)

        late = samples.slow(honest(samples.worker(1)), self._slow)
        for namespace, name, note, answer in (
            ("shop", "checkout-6d4b9c7f5-x2x9q", "a replica", honest(samples.shop(4))),
            ("shop", "checkout-6d4b9c7f5-8kq4w", "its twin", honest(samples.shop(7))),
            ("shop", "reports-7f9c6d5b84-lm2sd", f"answers after {self._slow:g} s", late),
            ("shop", "invoices-5c8d7b6f9-qq7rn", "answers with a web page", samples.login_page),
            ("shop", "search-84f5c9d7b6-tz5vc", "hangs up in mid-answer", samples.cut_off),
            ("istio-system", "ztunnel-7hq2p", "a node's proxy", honest(samples.ztunnel(2))),
            ("istio-system", "ztunnel-mz4kd", "another node's", honest(samples.ztunnel(5))),
        ):
            yield SamplePod(namespace, name, note, answer)
        catalog = honest(samples.shop(2))
        yield SamplePod("shop", "catalog-0", "has a path of its own", catalog, path="/stats?a=b")
        mute = honest(samples.worker(1))
        yield SamplePod("shop", "admin-0", "selected, not annotated", mute, annotated=False)

    @asynccontextmanager
    async def _running(self, pod: SamplePod) -> AsyncIterator[None]:
        server = LoopbackServer(lambda: _application(pod))
        try:
            await server.start()
            self._register(pod, server.port)
            try:
                yield
            finally:
                # Somebody may have deleted it already: it is there to be played with.
                with suppress(ApiError):
                    self._standin.delete_pod(pod.namespace, pod.name)
        finally:
            await server.close()

    def _register(self, pod: SamplePod, port: int) -> None:
        annotations = {SCRAPE: "true", PORT: str(port), PATH: pod.path} if pod.annotated else {}
        self._standin.create_pod(
            pod.namespace,
            pod.name,
            labels={_LABEL: _VALUE, "app": pod.name.partition("-")[0]},
            annotations=annotations,
            ip=HOST,
            phase="Running",
        )

    @asynccontextmanager
    async def _visitors(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._come_and_go())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()

    async def _come_and_go(self) -> None:
        for number in itertools.count(1):
            answer = samples.honest(samples.worker(number), self._clock)
            async with self._running(SamplePod("shop", f"mailer-{number}", "a visitor", answer)):
                await asyncio.sleep(self._period / 2)
            await asyncio.sleep(self._period / 2)


def _application(pod: SamplePod) -> web.Application:
    app = web.Application()
    app.router.add_get(pod.path.partition("?")[0], pod.answer)
    return app
