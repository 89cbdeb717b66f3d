# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The scraper: reads an answer with as little work as can be, so that it costs the proxy none."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.body import MARK
from benchmarks.process import BenchError

# Asks every variant for the one format that all of them have.
_REQUEST = (
    b"GET /metrics HTTP/1.1\r\n"
    b"Host: 127.0.0.1:%d\r\n"
    b"User-Agent: Prometheus/3.14.0\r\n"
    b"Accept: text/plain;version=0.0.4;q=1,*/*;q=0.1\r\n"
    b"X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"
)
_SECONDS = 30.0
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: the head without its last line, the body unpacked from its chunks."""

    status: int
    head: bytes
    body: bytes
    seconds: float


class Client:
    """Keeps one connection, as Prometheus does. Use it in a ``with`` block."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._buffer = bytearray(2**20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def scrape(self) -> Answer:
        """Scrape once. Raises OSError, or EOFError for an answer that ends too early."""
        connection = self._connected()
        try:
            began = time.perf_counter()
            connection.sendall(_REQUEST % self._port)
            size = self._receive(connection)
            seconds = time.perf_counter() - began
        except BaseException:
            self._close()
            raise
        answer = _parse(bytes(memoryview(self._buffer)[:size]), seconds)
        if b"\r\nconnection: close" in answer.head.lower():
            self._close()
        return answer

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), _SECONDS)
        return self._socket

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self, connection: socket.socket) -> int:
        """Fill the buffer with one answer; its size."""
        size, whole = 0, None
        while whole is None or size < whole:
            if size == len(self._buffer):
                self._buffer += bytes(size)
            with memoryview(self._buffer) as view:
                received = connection.recv_into(view[size:])
            if not received:
                raise EOFError("the connection was closed in the middle of an answer")
            size += received
            if whole is None:
                whole = self._whole(size)
        return size

    def _whole(self, size: int) -> int | None:
        """The answer's size once that is known: at its head, or at its last chunk."""
        head = self._buffer.find(b"\r\n\r\n", 0, min(size, 2**16))
        if head < 0:
            return None
        length = re.search(rb"\r\ncontent-length: *(\d+)", self._buffer[:head].lower())
        if length:
            return head + 4 + int(length[1])
        # In text no chunk but the last one can end so.
        ended = size > head + 4 and self._buffer[size - 5 : size] == _LAST_CHUNK
        return size if ended else None


def _parse(raw: bytes, seconds: float) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"\r\ntransfer-encoding: chunked" in head.lower():
        body = _unchunked(body)
    return Answer(int(head.split(b" ", 2)[1]), head, body, seconds)


def _unchunked(raw: bytes) -> bytes:
    pieces: list[bytes] = []
    at = 0
    while True:
        end = raw.index(b"\r\n", at)
        size = int(raw[at:end].split(b";")[0], 16)
        if not size:
            return b"".join(pieces)
        pieces.append(raw[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


def count_samples(body: bytes) -> tuple[int, int]:
    """How many sample lines there are but ``up``, and how many of ``up``."""
    text = b"\n" + body.rstrip(b"\n")
    lines = text.count(b"\n") - text.count(b"\n#") - text.count(b"\n\n")
    ups = text.count(b"\nup{") + text.count(b"\nup ")
    return lines - ups, ups


def check(answer: Answer, pods: int, series: int, number: int | None = None) -> int:
    """The count of samples, if it holds every pod's and, given a round, that round's values.

    Raises BenchError for any other answer.
    """
    if answer.status != 200:
        raise BenchError(f"answered {answer.status}: {answer.body[:300].decode(errors='replace')}")
    samples, ups = count_samples(answer.body)
    if samples != pods * series:
        raise BenchError(f"answered {samples} samples and {ups} up, not {pods * series} samples")
    if number is not None:
        marks = re.findall(MARK.encode() + rb"\{[^\n]*\} (\S+)", answer.body)
        if marks != [b"%d" % number] * pods:
            raise BenchError(f"answered round {sorted(set(marks))} of {len(marks)} pods")
    return samples + ups
