# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What a gatherer remembers of pods, and for how long. The rounds themselves: tests/system."""

from __future__ import annotations

import gc
import weakref

from metrics_proxy.exposition import encode_text
from metrics_proxy.gather import Gatherer
from metrics_proxy.health import Health
from metrics_proxy.scrape import Deadline, Failed, Scraped, Scraper
from metrics_proxy.targets import Target
from metrics_proxy.telemetry import Telemetry

PODS = [Target(f"uid-{name}", "n", name, f"http://{name}") for name in ("p0", "p1")]


class Pods(Scraper):
    """Answers for all pods; ``body`` is what they say next."""

    def __init__(self) -> None:
        self.body = b""
        self.asked: list[tuple[Target, Deadline]] = []

    async def scrape(self, target: Target, deadline: Deadline) -> Scraped | Failed:
        self.asked.append((target, deadline))
        return Scraped(self.body, "")


async def answer(gatherer: Gatherer, pods: list[Target]) -> str:
    return b"".join(encode_text(await gatherer.gather(pods, seconds=1))).decode()


async def test_a_reader_serves_one_pod_as_long_as_it_is_there() -> None:
    pods = Pods()
    gatherer = Gatherer(pods, Telemetry(Health()))
    pods.body = b"a 1\n"
    await answer(gatherer, PODS)
    first = dict(gatherer._readers)
    pods.body = b"a 2\n"
    text = await answer(gatherer, PODS)
    assert text.count('a{k8s_namespace="n",k8s_pod_name="p') == 2
    assert gatherer._readers == first
    assert len(pods.asked) == 4
    await answer(gatherer, PODS[:1])
    assert gatherer._readers.keys() == {"uid-p0"}
    assert gatherer.state_of(PODS[1]) is None


async def test_what_gone_pods_said_is_forgotten() -> None:
    pods = Pods()
    gatherer = Gatherer(pods, Telemetry(Health()))
    pods.body = b"# TYPE a gauge\na 1\n"
    await answer(gatherer, PODS)
    (shape,) = map(weakref.ref, gatherer._shapes.by_first.values())
    await answer(gatherer, PODS[1:])
    assert shape() is not None
    await answer(gatherer, [])
    gc.collect()
    assert shape() is None


async def test_a_pod_that_takes_anothers_name_is_not_taken_for_it() -> None:
    pods = Pods()
    gatherer = Gatherer(pods, Telemetry(Health()))
    pods.body = b"a 1\n"
    await answer(gatherer, PODS)
    twin = Target("uid-new", "n", "p0", "http://p0")
    assert 'k8s_pod_name="p0"} 1' in await answer(gatherer, [twin])
    assert gatherer._readers.keys() == {"uid-new"}
