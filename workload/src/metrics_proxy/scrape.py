# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Asks one pod for its metrics: the only HTTP client that talks to pods."""

from __future__ import annotations

import asyncio
import os
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from metrics_proxy import __version__
from metrics_proxy.targets import Target
from metrics_proxy.units import format_duration, format_size

ACCEPT = "text/plain;version=0.0.4,*/*;q=0.1"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_CHUNK = 64 * 2**10
# Each costs a chunk's copy, whatever it holds; honest bodies have one, or a few joined.
_MOST_MEMBERS = 1000
# Below this, unpacking costs less than handing it to a thread.
_UNPACK_IN_LOOP = 32 * 2**10


class FailureKind(StrEnum):
    """Why a pod is ``up 0``: label values of the pod scrapes counter."""

    MISCONFIGURED = "misconfigured"
    TIMEOUT = "timeout"
    CONNECT = "connect"
    TLS = "tls"
    HTTP_STATUS = "http_status"
    REDIRECT = "redirect"
    TOO_LARGE = "too_large"
    ENCODING = "encoding"
    BROKEN = "broken"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Scraped:
    """A pod's answer: a 200 with its whole body, unpacked."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A pod gave no usable answer; ``reason`` is a sentence for its operator."""

    kind: FailureKind
    reason: str


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a round ends: ``at`` on the loop's clock, ``seconds`` after it began."""

    at: float
    seconds: float

    def timeout(self) -> Failed:
        """What a pod that has not answered by now is told to have done."""
        return Failed(
            FailureKind.TIMEOUT, f"no complete answer within {format_duration(self.seconds)}"
        )


class _ScrapeError(Exception):
    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(reason)
        self.failed = Failed(kind, reason)


def tls_context(ca_file: str, *, insecure: bool) -> ssl.SSLContext:
    """The context for https pods: a CA file, "" for the system's, or no verification at all."""
    context = ssl.create_default_context(cafile=ca_file or None)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Scraper:
    """Scrapes pods over kept-alive connections. Make it in a running loop; close it at the end.

    ``max_body_size`` is in bytes, for the body as sent and for the body unpacked.
    """

    def __init__(self, tls: ssl.SSLContext, max_body_size: int) -> None:
        self._max = max_body_size
        self._session = aiohttp.ClientSession(
            # All pods at once, each its own connection, kept longer than a scrape interval.
            connector=aiohttp.TCPConnector(limit=0, ssl=tls, keepalive_timeout=150),
            # Pods share addresses; a cookie of one must never reach another.
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            auto_decompress=False,
            headers={"User-Agent": f"metrics-proxy/{__version__}", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def scrape(self, target: Target, deadline: Deadline) -> Scraped | Failed:
        """Scrape one target. Raises only when cancelled."""
        if target.fault is not None:
            return Failed(FailureKind.MISCONFIGURED, target.fault)
        try:
            async with asyncio.timeout_at(deadline.at):
                return await self._follow(target.url, deadline)
        except TimeoutError:
            return deadline.timeout()
        except _ScrapeError as error:
            return error.failed
        except aiohttp.ClientError as error:
            return _client_failure(error)
        except (OSError, ValueError) as error:
            return Failed(FailureKind.BROKEN, f"the request failed: {error}")

    async def _follow(self, url: str, deadline: Deadline) -> Scraped:
        for _ in range(_MOST_REDIRECTS + 1):
            async with self._session.get(
                URL(url, encoded=True), headers=_headers(deadline), allow_redirects=False
            ) as response:
                if response.status not in _REDIRECTS:
                    return await self._take(response)
                url = _redirected(url, response)
        raise _ScrapeError(FailureKind.REDIRECT, f"more than {_MOST_REDIRECTS} redirects")

    async def _take(self, response: aiohttp.ClientResponse) -> Scraped:
        if response.status != 200:
            reason = f"HTTP status {response.status} {response.reason or ''}".rstrip()
            raise _ScrapeError(FailureKind.HTTP_STATUS, reason)
        body = await self._read(response)
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding != "identity":
            body = await self._unpacked(body, encoding)
        return Scraped(body, response.headers.get("Content-Type", ""))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if (response.content_length or 0) > self._max:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._max:
                raise self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    async def _unpacked(self, body: bytes, encoding: str) -> bytes:
        if encoding not in {"gzip", "x-gzip"}:
            raise _ScrapeError(
                FailureKind.ENCODING, f'answered with Content-Encoding "{encoding}", unasked'
            )
        try:
            if len(body) < _UNPACK_IN_LOOP:
                return _gunzip(body, self._max)
            return await asyncio.to_thread(_gunzip, body, self._max)
        except OverflowError:
            raise self._too_large() from None
        except (zlib.error, EOFError) as error:
            raise _ScrapeError(FailureKind.ENCODING, f"corrupt gzip: {error}") from error

    def _too_large(self) -> _ScrapeError:
        return _ScrapeError(
            FailureKind.TOO_LARGE, f"the body is larger than {format_size(self._max)}"
        )


def _headers(deadline: Deadline) -> Mapping[str, str]:
    left = max(deadline.at - asyncio.get_running_loop().time(), 0.001)
    return {"Accept": ACCEPT, "X-Prometheus-Scrape-Timeout-Seconds": f"{left:.3f}"}


def _redirected(url: str, response: aiohttp.ClientResponse) -> str:
    location = response.headers.get("Location", "")
    there = URL(urljoin(url, location))
    if not location or there.scheme not in {"http", "https"}:
        raise _ScrapeError(FailureKind.REDIRECT, f'redirects to "{location}", which is no URL')
    if there.host != URL(url).host:
        raise _ScrapeError(
            FailureKind.REDIRECT, f"redirects to another host, {there.host}: not followed"
        )
    return str(there)


def _gunzip(body: bytes, limit: int) -> bytes:
    """Unpack all members (RFC 1952); OverflowError past ``limit`` bytes, EOFError when cut off."""
    out, offset = bytearray(), 0
    for _ in range(_MOST_MEMBERS):
        if offset == len(body):
            return bytes(out)
        offset = _gunzip_member(body, offset, out, limit)
    raise zlib.error(f"it has more than {_MOST_MEMBERS} members")


def _gunzip_member(body: bytes, offset: int, out: bytearray, limit: int) -> int:
    """Append what the member at ``offset`` holds to ``out``; return where the next one starts."""
    member = zlib.decompressobj(wbits=31)
    while not member.eof:
        piece = body[offset : offset + _CHUNK]
        if not piece:
            raise EOFError("it ends too early")
        out += member.decompress(piece, limit - len(out) + 1)
        if len(out) > limit:
            raise OverflowError
        offset += len(piece) - len(member.unused_data)
    return offset


def _client_failure(error: aiohttp.ClientError) -> Failed:
    match error:
        case aiohttp.ClientSSLError():
            return Failed(FailureKind.TLS, f"TLS failed: {_os_reason(error)}")
        case aiohttp.ClientConnectorError():
            return Failed(FailureKind.CONNECT, f"cannot connect: {_os_reason(error)}")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return Failed(FailureKind.BROKEN, "the pod closed the connection without an answer")
        case aiohttp.ClientPayloadError():
            return Failed(FailureKind.BROKEN, "the body was cut short")
        case _:
            return Failed(FailureKind.BROKEN, f"no HTTP answer: {error}")


def _os_reason(error: aiohttp.ClientConnectorError | aiohttp.ClientSSLError) -> str:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if isinstance(cause, ssl.SSLError):
        return getattr(cause, "verify_message", "") or str(cause)
    # asyncio's own text names the address again, which the log line has already.
    number = getattr(cause, "errno", None)
    return os.strerror(number) if number else str(cause)
