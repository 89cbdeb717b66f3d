# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The cache of series: what enters, what is forgotten, and that pods can share it."""

import pytest

from metrics_proxy.exposition import SeriesCache
from tests.workload.exposition.shorthand import PODS, error_of, parse

BODY = '# TYPE a gauge\n# HELP a text\na{b="1"} 1\nc 2\n'


def known(cache: SeriesCache) -> set[str]:
    return {*cache.series.current, *cache.metadata.current}


def test_what_was_parsed_is_known() -> None:
    cache = SeriesCache()
    parse(BODY, cache=cache)
    assert known(cache) == {"# TYPE a gauge", "# HELP a text", 'a{b="1"}', "c"}


def test_pods_share_it_and_keep_their_own_labels() -> None:
    cache = SeriesCache()
    parse(BODY, 0, cache)
    before = known(cache)
    assert parse(BODY, 1, cache) == parse(BODY, 1)
    assert known(cache) == before
    assert PODS[0].text not in repr([cache.series.current, cache.metadata.current])


def test_what_a_round_used_is_known_in_the_next() -> None:
    cache = SeriesCache()
    parse(BODY, cache=cache)
    for _ in range(3):
        cache.rotate()
        assert not known(cache)
        assert parse(BODY, cache=cache) == parse(BODY)
        assert known(cache) == {"# TYPE a gauge", "# HELP a text", 'a{b="1"}', "c"}


def test_what_a_whole_round_did_not_use_is_forgotten() -> None:
    cache = SeriesCache()
    parse(BODY, cache=cache)
    cache.rotate()
    parse("c 3", cache=cache)
    cache.rotate()
    assert cache.series.get("c") is not None
    assert cache.series.get('a{b="1"}') is None
    assert cache.metadata.get("# TYPE a gauge") is None


@pytest.mark.parametrize(
    "line", ["a", 'a{b="1"', 'a{b="1",b="2"} 1', "# TYPE a info", "# HELP a-b x", "{} 1"]
)
def test_what_was_refused_does_not_enter(line: str) -> None:
    cache = SeriesCache()
    assert error_of(line, cache) is not None
    assert not known(cache) - {"a"}


def test_values_are_checked_each_time() -> None:
    cache = SeriesCache()
    parse("a 1", cache=cache)
    assert error_of("a x", cache) == error_of("a x")
    assert error_of("a1", cache) == "line 1: the value is missing: a1"


def test_bounds_are_checked_each_time() -> None:
    """Whether `le="x"` is a fault depends on the type, which each body can give anew."""
    cache = SeriesCache()
    line = 'a_bucket{le="x"} 1'
    parse(line, cache=cache)
    assert error_of(f"# TYPE a histogram\n{line}", cache) is not None


def test_a_known_name_can_be_followed_by_a_blank_and_labels() -> None:
    cache = SeriesCache()
    parse("a 1", cache=cache)
    assert parse('a {b="1"} 1', cache=cache) == parse('a {b="1"} 1')
    assert error_of('a {b="1"', cache) == 'line 1: the braces are not closed: a {b="1"'
