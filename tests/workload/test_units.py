# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
import pytest

from metrics_proxy.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("9s", 9),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("5.s", 5),
        ("+2s", 2),
        ("100us", 1e-4),
        ("1h1m1s1ms", 3661.001),
    ],
)
def test_go_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "9", "s", "9 s", "9sec", "-1s", "1s2", ".s", "1e3s", "٣s"])
def test_what_go_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0ms"])
def test_no_time_at_all(text: str) -> None:
    with pytest.raises(ValueError, match="must be more than zero"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("10B", 10), ("2KB", 2000), ("2KiB", 2048), ("1GiB", 2**30)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1.5MiB", "MiB", "1 MiB", "-1", "1T", "0"])
def test_sizes_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a size|more than zero"):
        parse_size(text)


def test_for_people() -> None:
    assert format_duration(9.0) == "9s"
    assert format_duration(1.25) == "1.25s"
    assert format_size(64 * 2**20) == "64 MiB"
    assert format_size(1000) == "1000 bytes"
