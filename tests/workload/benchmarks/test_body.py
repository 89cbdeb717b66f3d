# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The sample pods' bodies: as long as asked, valid, and new at each round."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.body import MARK, BodyMaker
from benchmarks.client import count_samples


@pytest.mark.parametrize("series", [1, 2, 10, 57, 100, 999, 1000, 2500])
def test_a_body_has_exactly_the_series_asked_for(series: int) -> None:
    assert count_samples(BodyMaker(series).body("a", 1)) == (series, 0)


def test_a_body_is_a_valid_exposition_without_duplicates() -> None:
    families = list(text_string_to_metric_families(BodyMaker(2500).body("a", 7).decode()))
    samples = [sample for family in families for sample in family.samples]
    keys = {(sample.name, *sorted(sample.labels.items())) for sample in samples}
    assert len(keys) == len(samples)
    assert len({family.name for family in families}) == len(families)
    marks = [sample for sample in samples if sample.name == MARK]
    assert [(mark.labels["host"], mark.value) for mark in marks] == [("a", 7)]


def test_every_value_is_new_in_the_next_round() -> None:
    maker = BodyMaker(1000)
    first, second = (
        [line.rpartition(b" ") for line in maker.body("a", number).splitlines()]
        for number in (1, 2)
    )
    for (head, _, value), (next_head, _, next_value) in zip(first, second, strict=True):
        assert head == next_head
        assert head.startswith(b"#") or value != next_value


def test_label_values_hold_what_breaks_careless_merges() -> None:
    body = BodyMaker(100).body("a", 1)
    for awkward in (rb"\"", rb"\\", rb"\n", b"{", b"}", b"# ", b", ", b"%"):
        assert any(awkward in line for line in body.splitlines() if b"mountpoint=" in line)
