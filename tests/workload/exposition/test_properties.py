# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for all bodies, tried on many that nobody thought of."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from metrics_proxy.exposition import Exposition, Merged, MetricType, Shapes, merge
from tests.workload.exposition import reference
from tests.workload.exposition.models import PARTS, Body, bodies, edited, mutated, nearly
from tests.workload.exposition.shorthand import lines_of, outcome, parse, reader_of, text_of

many = settings(max_examples=200, deadline=None)

texts = st.one_of(nearly, mutated())
any_bytes = st.one_of(st.binary(max_size=60), texts.map(str.encode))


def expected(body: Body, pod: int) -> Counter[reference.Sample]:
    """The samples of a body as they must come out, by the rules and not by the code."""
    found: Counter[reference.Sample] = Counter()
    for sample in body.samples:
        labels = dict(sample.labels)
        for ours in ("k8s_namespace", "k8s_pod_name"):
            if ours in labels:
                name = str(ours)
                while name in labels:
                    name = f"exported_{name}"
                labels[name] = labels.pop(ours)
        labels |= {"k8s_namespace": "n", "k8s_pod_name": f"p{pod}"}
        tail = f" {sample.value} {sample.timestamp}".rstrip()
        found[sample.name, frozenset(labels.items()), tail] += 1
    return found


def without_prefix(name: str) -> str:
    """The name that a pod gave, if it is `up` or a part of it."""
    given_name = name
    while given_name.startswith("exported_"):
        given_name = given_name.removeprefix("exported_")
    return given_name if given_name in {"up", "up_bucket", "up_sum", "up_count"} else name


def check_shape(groups: list[reference.Group]) -> None:
    """Each family is once, its samples are its own, and no name comes after its owner."""
    names = [group.name for group in groups]
    assert len(set(names)) == len(names)
    seen: set[str] = set()
    for group in groups:
        parts = [group.name + part for part in PARTS.get(MetricType(group.type), [])]
        assert {name for name, _, _ in group.samples} <= {group.name, *parts}
        assert group.name not in seen
        seen.update(parts)


def merged(pods: list[Body]) -> Merged:
    return merge([parse(body.text, pod) for pod, body in enumerate(pods)])


@many
@given(st.lists(bodies(), max_size=3))
def test_no_sample_is_lost_or_changed(pods: list[Body]) -> None:
    groups = reference.read(text_of(merged(pods)))
    check_shape(groups)
    found: Counter[reference.Sample] = Counter()
    for group in groups:
        found.update((without_prefix(name), *rest) for name, *rest in group.samples)  # type: ignore[misc]
    wanted = sum((expected(body, pod) for pod, body in enumerate(pods)), Counter())
    assert found == wanted


@many
@given(texts, texts)
def test_what_is_taken_can_be_read_back(first: str, second: str) -> None:
    shapes = Shapes()
    parsed = [outcome(reader_of(pod, shapes), body) for pod, body in enumerate((first, second))]
    text = text_of(merge([one for one in parsed if isinstance(one, Exposition)]))
    check_shape(reference.read(text))
    again = parse(text, 2)
    assert sum(len(lines) for _, lines in lines_of(again)) == sum(
        line[:1] not in {"#", ""} for line in text.split("\n")
    )


@many
@given(any_bytes)
def test_nothing_but_an_exposition_error_is_raised(body: bytes) -> None:
    result = outcome(reader_of(), body)
    if isinstance(result, str):
        assert result.isprintable()
        assert len(result) < 300


@many
@given(bodies(), st.data())
def test_what_was_read_before_changes_nothing(body: Body, data: st.DataObject) -> None:
    """A reader that knows a body, its own or another pod's, reads the next as a new one does."""
    shapes = Shapes()
    readers = [reader_of(0, shapes), reader_of(1, shapes)]
    text = body.text
    for _ in range(4):
        pod = data.draw(st.integers(0, 1))
        assert outcome(readers[pod], text) == outcome(reader_of(pod), text)
        text = data.draw(edited(text))


@many
@given(texts, texts)
def test_what_was_refused_before_changes_nothing(first: str, second: str) -> None:
    shapes = Shapes()
    reader = reader_of(0, shapes)
    for text in (first, second, first, second):
        assert outcome(reader, text) == outcome(reader_of(), text)
        assert outcome(reader_of(1, shapes), text) == outcome(reader_of(1), text)
