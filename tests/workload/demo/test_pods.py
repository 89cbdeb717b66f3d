# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The sample pods: what they say, and that they come and go without a trace."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from metrics_proxy.demo import SamplePods, StandIn
from metrics_proxy.selector import parse_selector


class Clock:
    """Time that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def pods(standin: StandIn, clock: Clock) -> AsyncIterator[SamplePods]:
    async with SamplePods(standin, clock=clock) as pods:
        await standin.wait_for(lambda: url_of(standin, "mailer-1"))
        yield pods


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


def annotated(standin: StandIn) -> Iterator[tuple[str, str]]:
    for pod in standin.pods():
        notes = pod["metadata"].get("annotations", {})
        if notes.get("prometheus.io/scrape") == "true" and pod["status"]["phase"] == "Running":
            address = f"{pod['status']['podIP']}:{notes['prometheus.io/port']}"
            yield pod["metadata"]["name"], f"http://{address}{notes['prometheus.io/path']}"


def url_of(standin: StandIn, prefix: str) -> str:
    return next((url for name, url in annotated(standin) if name.startswith(prefix)), "")


async def body_of(session: aiohttp.ClientSession, url: str, accept: str = "") -> str:
    async with session.get(url, headers={"Accept": accept} if accept else {}) as response:
        assert response.status == 200
        return await response.text()


async def test_the_selector_selects_them_all(standin: StandIn, pods: SamplePods) -> None:
    selector = parse_selector(SamplePods.selector)
    found = standin.pods()
    assert all(selector.matches(pod["metadata"]["labels"]) for pod in found)
    assert {pod["metadata"]["namespace"] for pod in found} == {"shop", "istio-system"}
    assert {pod.name for pod in pods.pods} < {pod["metadata"]["name"] for pod in found}


async def test_one_is_not_annotated(standin: StandIn, pods: SamplePods) -> None:
    names = {pod["metadata"]["name"] for pod in standin.pods()}
    assert names - {name for name, _ in annotated(standin)} == {"admin-0"}


@pytest.mark.parametrize("name", ["checkout", "catalog", "ztunnel", "mailer"])
async def test_honest_ones_answer_in_both_formats(
    standin: StandIn, pods: SamplePods, session: aiohttp.ClientSession, clock: Clock, name: str
) -> None:
    clock.now = 100.0
    url = url_of(standin, name)
    assert list(text_string_to_metric_families(await body_of(session, url)))
    body = await body_of(session, url, "application/openmetrics-text; version=1.0.0")
    assert list(openmetrics.text_string_to_metric_families(body))  # type: ignore[no-untyped-call]


async def test_their_metrics_move_with_time(
    standin: StandIn, pods: SamplePods, session: aiohttp.ClientSession, clock: Clock
) -> None:
    url = url_of(standin, "checkout")
    clock.now = 10.0
    before = await body_of(session, url)
    assert await body_of(session, url) == before
    clock.now = 20.0
    assert await body_of(session, url) != before


async def test_label_values_hold_what_a_careless_merge_breaks_on(
    standin: StandIn, pods: SamplePods, session: aiohttp.ClientSession
) -> None:
    body = await body_of(session, url_of(standin, "checkout"))
    assert "{id}" in body
    assert r"\"tea, green\"" in body


async def test_one_answers_with_a_web_page(
    standin: StandIn, pods: SamplePods, session: aiohttp.ClientSession
) -> None:
    assert (await body_of(session, url_of(standin, "invoices"))).startswith("<!doctype html>")


async def test_one_hangs_up_in_mid_answer(
    standin: StandIn, pods: SamplePods, session: aiohttp.ClientSession
) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await body_of(session, url_of(standin, "search"))


async def test_one_is_slow_and_does_not_hold_up_the_end(
    standin: StandIn, session: aiohttp.ClientSession
) -> None:
    async with SamplePods(standin, slow=3600):
        url = url_of(standin, "reports")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await body_of(session, url)
        asking = asyncio.create_task(body_of(session, url))
        await body_of(session, url_of(standin, "checkout"))
    with pytest.raises(aiohttp.ClientError):
        await asking


async def test_the_slow_one_does_answer(standin: StandIn, session: aiohttp.ClientSession) -> None:
    async with SamplePods(standin, slow=0.01):
        assert "worker_jobs_total" in await body_of(session, url_of(standin, "reports"))


async def test_one_comes_and_goes(standin: StandIn) -> None:
    async with SamplePods(standin, period=0.01):
        await standin.wait_for(lambda: url_of(standin, "mailer-1"))
        await standin.wait_for(lambda: not url_of(standin, "mailer-"))
        await standin.wait_for(lambda: url_of(standin, "mailer-2"))


async def test_they_leave_nothing_behind(standin: StandIn, session: aiohttp.ClientSession) -> None:
    async with SamplePods(standin):
        url = url_of(standin, "catalog")
        await body_of(session, url)
        standin.delete_pod("shop", "catalog-0")
    assert standin.pods() == []
    with pytest.raises(aiohttp.ClientConnectorError):
        await body_of(session, url)
    gc.collect()
