# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""One pod, over real sockets: what counts as an answer, and why not."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from metrics_proxy.scrape import Deadline, Failed, FailureKind, Scraped, Scraper, tls_context
from metrics_proxy.targets import Target
from tests.pods import TEXT, Answer, hang, pod_server

BODY = b"a 1\n"
LIMIT = 64 * 2**10


@pytest.fixture
async def scraper() -> AsyncIterator[Scraper]:
    scraper = Scraper(tls_context("", insecure=False), LIMIT)
    yield scraper
    await scraper.close()


async def scrape(scraper: Scraper, url: str, seconds: float = 10.0) -> Scraped | Failed:
    deadline = Deadline(asyncio.get_running_loop().time() + seconds, seconds)
    return await scraper.scrape(Target("uid", "shop", "web-0", url), deadline)


async def scrape_one(scraper: Scraper, answer: str | bytes | Answer) -> Scraped | Failed:
    async with pod_server(answer) as pod:
        return await scrape(scraper, f"{pod.url}/metrics")


def answering(body: bytes = BODY, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, status=status, headers={"Content-Type": TEXT} | named)

    return answer


async def test_a_good_answer(scraper: Scraper) -> None:
    assert await scrape_one(scraper, BODY) == Scraped(BODY, TEXT)


async def test_what_a_pod_is_asked(scraper: Scraper) -> None:
    async with pod_server(BODY) as pod:
        await scrape(scraper, f"{pod.url}/stats/prometheus?a=b%20c&match[]=x")
        (request,) = pod.requests
    assert request.raw_path == "/stats/prometheus?a=b%20c&match[]=x"
    assert request.headers["Accept"] == "text/plain;version=0.0.4,*/*;q=0.1"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["User-Agent"].startswith("metrics-proxy/")
    assert 9 < float(request.headers["X-Prometheus-Scrape-Timeout-Seconds"]) <= 10
    assert "Cookie" not in request.headers


async def test_connections_are_kept(scraper: Scraper) -> None:
    async with pod_server(BODY) as pod:
        for _ in range(3):
            await scrape(scraper, f"{pod.url}/metrics")
        assert len(pod.peers) == 3
        assert len(set(pod.peers)) == 1


async def test_a_cookie_is_not_carried_to_another_pod(scraper: Scraper) -> None:
    # By a name: the usual jar takes no cookies from an IP address, and would hide the fault.
    async with pod_server(answering(Set_Cookie="session=1")) as pod:
        for _ in range(2):
            await scrape(scraper, f"http://localhost:{pod.port}/metrics")
        assert len(pod.requests) == 2
        assert "Cookie" not in pod.requests[1].headers


async def test_a_connection_that_the_pod_has_closed_meanwhile(scraper: Scraper) -> None:
    async with pod_server(BODY) as pod:
        await scrape(scraper, f"{pod.url}/metrics")
    async with pod_server(b"b 2\n", port=pod.port):
        assert await scrape(scraper, f"{pod.url}/metrics") == Scraped(b"b 2\n", TEXT)


async def test_ipv6(scraper: Scraper) -> None:
    async with pod_server(BODY, ip="::1") as pod:
        assert await scrape(scraper, f"{pod.url}/metrics") == Scraped(BODY, TEXT)


@pytest.mark.parametrize(
    "packed", [gzip.compress(BODY), gzip.compress(b"a ") + gzip.compress(b"1\n")]
)
async def test_gzip_is_unpacked_though_not_asked_for(scraper: Scraper, packed: bytes) -> None:
    scraped = await scrape_one(scraper, answering(packed, Content_Encoding="gzip"))
    assert scraped == Scraped(BODY, TEXT)


async def test_a_large_gzip_body_is_unpacked_beside_the_loop(scraper: Scraper) -> None:
    body = random.Random(1).randbytes(48 * 2**10)
    packed = gzip.compress(body)
    assert len(packed) > 32 * 2**10
    scraped = await scrape_one(scraper, answering(packed, Content_Encoding="gzip"))
    assert scraped == Scraped(body, TEXT)


async def test_gzip_is_unpacked_in_linear_time(scraper: Scraper) -> None:
    """Members without end, each empty: a megabyte of them once took seconds, and no deadline."""
    bomb = gzip.compress(b"") * (LIMIT // 20 - 1)
    failed = await scrape_one(scraper, answering(bomb, Content_Encoding="gzip"))
    assert failed == Failed(FailureKind.ENCODING, "corrupt gzip: it has more than 1000 members")


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (answering(status=404), FailureKind.HTTP_STATUS, "HTTP status 404 Not Found"),
        (answering(status=503), FailureKind.HTTP_STATUS, "HTTP status 503 Service Unavailable"),
        (answering(b"", status=204), FailureKind.HTTP_STATUS, "HTTP status 204 No Content"),
        (answering(b"x" * (LIMIT + 1)), FailureKind.TOO_LARGE, "the body is larger than 64 KiB"),
        (
            answering(gzip.compress(b"x" * (LIMIT + 1)), Content_Encoding="gzip"),
            FailureKind.TOO_LARGE,
            "the body is larger than 64 KiB",
        ),
        (
            answering(gzip.compress(BODY)[:-1], Content_Encoding="gzip"),
            FailureKind.ENCODING,
            "corrupt gzip: it ends too early",
        ),
        (
            answering(gzip.compress(BODY)[:-8] + b"\0" * 8, Content_Encoding="gzip"),
            FailureKind.ENCODING,
            "corrupt gzip: ",
        ),
        (answering(BODY, Content_Encoding="gzip"), FailureKind.ENCODING, "corrupt gzip: "),
        (answering(Content_Encoding="br"), FailureKind.ENCODING, 'answered with Content-Encoding "br"'),
        (
            answering(status=302, Location="http://127.0.0.2:1/metrics"),
            FailureKind.REDIRECT,
            "redirects to another host, 127.0.0.2: not followed",
        ),
        (answering(status=302, Location="ftp://127.0.0.1/"), FailureKind.REDIRECT, "which is no URL"),
        (answering(status=302), FailureKind.REDIRECT, "which is no URL"),
        (answering(status=307, Location="/again"), FailureKind.REDIRECT, "more than 5 redirects"),
    ],
)  # fmt: skip
async def test_failures(scraper: Scraper, answer: Answer, kind: FailureKind, reason: str) -> None:
    failed = await scrape_one(scraper, answer)
    assert isinstance(failed, Failed)
    assert failed.kind is kind
    assert reason in failed.reason


async def test_a_body_too_large_in_chunks_is_cut_off(scraper: Scraper) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 4096)

    failed = await scrape_one(scraper, endless)
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.TOO_LARGE


async def test_a_redirect_on_the_same_host_is_followed(scraper: Scraper) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/metrics":
            raise web.HTTPMovedPermanently("/real?x=1")
        assert request.path_qs == "/real?x=1"
        return web.Response(body=BODY, headers={"Content-Type": TEXT})

    assert await scrape_one(scraper, answer) == Scraped(BODY, TEXT)


async def test_a_pod_that_hangs(scraper: Scraper) -> None:
    loop = asyncio.get_running_loop()
    async with pod_server(hang) as pod:
        began = loop.time()
        failed = await scrape(scraper, f"{pod.url}/metrics", seconds=0.05)
        assert 0.05 <= loop.time() - began < 2
    assert failed == Failed(FailureKind.TIMEOUT, "no complete answer within 0.05s")


async def test_a_pod_that_stops_in_mid_body(scraper: Scraper) -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(BODY)
        return await hang(request)

    async with pod_server(stall) as pod:
        failed = await scrape(scraper, f"{pod.url}/metrics", seconds=0.05)
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.TIMEOUT


async def test_nobody_there(scraper: Scraper) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        failed = await scrape(scraper, f"http://127.0.0.1:{unused.getsockname()[1]}/metrics")
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.CONNECT
    assert failed.reason == "cannot connect: Connection refused"


async def raw_server(answer: bytes) -> asyncio.Server:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(handle, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "the pod closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\na 1\n", "the body was cut short"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n",
            "the body was cut short",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP answer"),
    ],
)
async def test_what_is_no_http_answer(scraper: Scraper, raw: bytes, reason: str) -> None:
    server = await raw_server(raw)
    async with server:
        port = server.sockets[0].getsockname()[1]
        failed = await scrape(scraper, f"http://127.0.0.1:{port}/metrics")
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.BROKEN
    assert reason in failed.reason


async def test_a_fault_in_the_annotations(scraper: Scraper) -> None:
    target = Target("uid", "shop", "web-0", url="", fault="annotation is wrong")
    failed = await scraper.scrape(target, Deadline(0, 1))
    assert failed == Failed(FailureKind.MISCONFIGURED, "annotation is wrong")


@pytest.mark.parametrize(("trusted", "insecure"), [(True, False), (False, True), (False, False)])
async def test_https(tmp_path: Path, trusted: bool, insecure: bool) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    scraper = Scraper(
        tls_context(str(tmp_path / "ca.pem") if trusted else "", insecure=insecure), LIMIT
    )
    async with pod_server(BODY, tls=server) as pod:
        scraped = await scrape(scraper, f"https://127.0.0.1:{pod.port}/metrics")
    await scraper.close()
    if trusted or insecure:
        assert scraped == Scraped(BODY, TEXT)
    else:
        assert isinstance(scraped, Failed)
        assert scraped.kind is FailureKind.TLS
        assert scraped.reason == "TLS failed: unable to get local issuer certificate"
