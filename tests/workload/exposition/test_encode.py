# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The answer as bytes, in batches."""

import pytest

from metrics_proxy.exposition import CONTENT_TYPE_TEXT, encode_text, merge
from tests.workload.exposition.shorthand import merged, parse

KIB = 1024


def test_the_content_type_has_a_version() -> None:
    assert CONTENT_TYPE_TEXT == "text/plain; version=0.0.4; charset=utf-8"


def test_nothing_is_no_batch() -> None:
    assert list(encode_text(merge([]))) == []


def test_metadata_comes_first_and_every_line_ends() -> None:
    body = '# TYPE "ä b" gauge\n# HELP "ä b" ü\n{"ä b"} 1'
    (batch,) = encode_text(merged(body))
    assert batch.decode() == (
        '# HELP "ä b" ü\n# TYPE "ä b" gauge\n{"ä b",k8s_namespace="n",k8s_pod_name="p0"} 1\n'
    )


def batches_of(bodies: list[str]) -> list[bytes]:
    batches = list(encode_text(merge([parse(body) for body in bodies])))
    assert all(batch.endswith(b"\n") and b"\n\n" not in batch for batch in batches)
    return batches


def test_many_families_are_cut_in_batches() -> None:
    lines = [f"name_{i:05} {i}" for i in range(20_000)]
    batches = batches_of(["\n".join(lines)])
    assert len(batches) > 4
    assert all(256 * KIB <= len(batch) < 512 * KIB for batch in batches[:-1])
    assert b"".join(batches).count(b"\n") == 40_000


@pytest.mark.parametrize("pods", [1, 3, 400])
def test_one_big_family_is_cut_as_well(pods: int) -> None:
    lines = [f'a{{number="{i:05}"}} {i}' for i in range(24_000)]
    size = len(lines) // pods
    batches = batches_of(["\n".join(lines[i * size : (i + 1) * size]) for i in range(pods)])
    assert len(batches) > 2
    assert all(256 * KIB <= len(batch) <= 512 * KIB for batch in batches[:-1])
    text = b"".join(batches).decode()
    assert [line.partition(",")[0] for line in text.splitlines()[1:]] == [
        line.partition("}")[0] for line in lines
    ]


def test_a_line_is_never_cut() -> None:
    line = f'a{{number="{"1" * 700 * KIB}"}} 1'
    assert [len(batch) // KIB for batch in batches_of([f"{line}\n{line}\n"])] == [700, 700]
