# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The scraper of the benchmark: answers of every framing, and what it refuses."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from benchmarks.client import Answer, Client, check, count_samples
from benchmarks.process import BenchError

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na 1\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'4\r\na 1\n\r\nA;x=y\r\nb{c="0"} 2\r\n1\r\n\n\r\n0\r\n\r\n'
)


@contextmanager
def answering(*pieces: bytes) -> Iterator[int]:
    """A server that answers one request, in pieces, and hangs up."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.recv(2**16)
            for piece in pieces:
                connection.sendall(piece)

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ThreadPoolExecutor(1) as pool,
    ):
        serving = pool.submit(serve)
        yield listener.getsockname()[1]
        serving.result()


def scrape(*pieces: bytes) -> Answer:
    with answering(*pieces) as port, Client(port) as client:
        return client.scrape()


def bytewise(raw: bytes) -> list[bytes]:
    return [raw[n : n + 1] for n in range(len(raw))]


@pytest.mark.parametrize("pieces", [[PLAIN], bytewise(PLAIN)])
def test_a_body_of_known_length(pieces: list[bytes]) -> None:
    answer = scrape(*pieces)
    assert (answer.status, answer.body) == (200, b"a 1\n")


@pytest.mark.parametrize("pieces", [[CHUNKED], bytewise(CHUNKED)])
def test_a_body_in_chunks(pieces: list[bytes]) -> None:
    assert scrape(*pieces).body == b'a 1\nb{c="0"} 2\n'


def test_a_body_greater_than_the_buffer() -> None:
    body = b"a 1\n" * 10**6
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert scrape(head + body).body == body


@pytest.mark.parametrize("raw", [b"", PLAIN[:-1], CHUNKED[:-1]])
def test_an_answer_cut_short_is_an_error(raw: bytes) -> None:
    with pytest.raises(EOFError):
        scrape(raw)


def test_comments_and_blank_lines_are_no_samples() -> None:
    body = b'# TYPE a gauge\na{b="# c"} 1\n\n# HELP up x\nup{k8s_pod_name="a"} 1\nupper 2\n'
    assert count_samples(body) == (2, 1)


def made(body: bytes, status: int = 200) -> Answer:
    return Answer(status, b"", body, 0.0)


def test_an_answer_with_all_samples_of_the_round_passes() -> None:
    body = b'bench_round{host="a"} 3\nbench_round{host="b",} 3\nup{} 1\nup{} 1\n'
    assert check(made(body), pods=2, series=1, number=3) == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (made(b"not ready\n", 503), "answered 503: not ready"),
        (made(b'bench_round{host="a"} 3\n'), "answered 1 samples and 0 up, not 2 samples"),
        (made(b'bench_round{host="a"} 3\nbench_round{host="b"} 2\n'), "round .*of 2 pods"),
        (made(b'bench_round{host="a"} 3\nother 3\n'), "round .*of 1 pods"),
    ],
)
def test_an_answer_that_is_not_the_whole_truth_is_refused(answer: Answer, reason: str) -> None:
    with pytest.raises(BenchError, match=reason):
        check(answer, pods=2, series=1, number=3)
