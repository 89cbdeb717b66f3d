# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The statistics, the table, the JSON and the picture."""

from xml.etree import ElementTree as ET

import pytest

from benchmarks.figures import FLOOR, PROXY, RIVAL, Figures, Shape, percentile, summarize
from benchmarks.picture import picture
from benchmarks.report import as_json, table

SHAPE = Shape(10, 1000)


def figures(*cpu_ms: float) -> Figures:
    return Figures(list(cpu_ms), [2 * value for value in cpu_ms], [40.0, 44.0], 1_500_000, 10_010)


def test_a_shape_is_read_and_shown_as_pods_x_series() -> None:
    assert Shape.parse("10x1000") == SHAPE
    assert str(SHAPE) == "10x1000"


@pytest.mark.parametrize("text", ["", "x", "10", "10x", "0x10", "10x0", "-1x5", "1x2x3"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not PODSxSERIES"):
        Shape.parse(text)


def test_a_percentile_is_a_measured_value() -> None:
    values = [float(n) for n in range(200, 0, -1)]
    assert percentile(values, 99) == 198
    assert percentile(values[:33], 99) == 200
    assert percentile([5.0], 99) == 5


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    variants = {PROXY: figures(1, 4, 30), FLOOR: figures(1, 2, 10)}
    summary = summarize(variants, PROXY)
    assert (summary.cpu_ms, summary.least_cpu_ms, summary.peak_mb) == (4, 1, 42)
    assert summary.to_floor == 2
    assert summary.to_rival is None


def test_the_table_has_a_line_for_each_variant() -> None:
    measured = {SHAPE: {PROXY: figures(10, 20, 30), RIVAL: figures(20, 40, 60)}}
    lines = [" ".join(line.split()) for line in table(measured).splitlines()]
    assert lines[1] == "10x1000 metrics-proxy 20.0 (10.0) 0.50 - 40.0 60.0 42 1.50 10010"
    assert lines[2].startswith("10x1000 rival 40.0 (20.0) 1.00")


def test_the_json_holds_every_round() -> None:
    shown = as_json({SHAPE: {PROXY: figures(1, 2)}})
    assert shown["shapes"]["10x1000"][PROXY]["cpu_ms"] == [1, 2]
    assert shown["shapes"]["10x1000"][PROXY]["summary"]["cpu_ms"] == 1.5
    assert shown["machine"]["python"]


def test_the_picture_has_a_bar_for_each_variant() -> None:
    measured = {SHAPE: {PROXY: figures(10), FLOOR: figures(5), RIVAL: figures(40)}}
    root = ET.fromstring(picture(measured))
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert texts[0] == "CPU per scrape, rival = 1 (pods x series)"
    assert "0.25  (10.0 ms)" in texts
    assert len([element for element in root.iter() if element.tag.endswith("rect")]) == 1 + 3
