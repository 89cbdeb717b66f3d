# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The selector grammar, case by case; tests/cluster asks a real API server about the same cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_proxy.selector import SelectorError, parse_selector
from tests.selector_cases import INVALID, VALID

PODS = {
    "web": {"app": "web", "tier": "front", "v": "10"},
    "db": {"app": "db", "example.com/team": "a"},
    "bare": {},
}


@pytest.mark.parametrize("text", VALID)
def test_the_grammar_takes(text: str) -> None:
    assert parse_selector(text).text == text.strip()


@pytest.mark.parametrize(("text", "message"), INVALID.items())
def test_the_grammar_refuses(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse_selector(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("", {"web", "db", "bare"}),
        ("app=web", {"web"}),
        ("app==web", {"web"}),
        ("app!=web", {"db", "bare"}),
        ("app in (web,db)", {"web", "db"}),
        ("app notin (web)", {"db", "bare"}),
        ("app", {"web", "db"}),
        ("!app", {"bare"}),
        ("app,tier=front", {"web"}),
        ("example.com/team=a", {"db"}),
        ("v>9", {"web"}),
        ("v<10", set()),
        ("app>1", set()),
        ("tier=", set()),
        ("tier in (,front)", {"web"}),
    ],
)
def test_matching(text: str, matched: set[str]) -> None:
    selector = parse_selector(text)
    assert {name for name, labels in PODS.items() if selector.matches(labels)} == matched


@given(st.text(alphabet="ab/=!<>(), in\tnot-._1", max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parsed = parse_selector(text)
    except SelectorError:
        return
    assert parsed.text == text.strip()
