# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Readers that know what their pod said before: what they need not read again, and what they must.

Whatever they know, they must read a body as a reader does that knows nothing.
"""

from __future__ import annotations

import gc
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from metrics_proxy.exposition import (
    Exposition,
    ExpositionError,
    PodReader,
    Shapes,
    layout,
    reader,
    text,
)
from metrics_proxy.exposition.series import read_series
from tests.workload.exposition.shorthand import outcome, parse, read, reader_of

BODY = """\
# HELP a text % of
# TYPE a gauge
a{b="1"} 1
a{b="2",c="100%"} 2
# a comment
c 3
# HELP h x
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum 5
h_count 2
# TYPE s summary
s{quantile="0.5"} 1
s_sum 2
s_count 3
c 4
up 1
# EOF
"""


@pytest.fixture
def strict_reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies that the strict parser had to read."""
    bodies: list[bytes] = []

    def counted(body: bytes, *rest: object) -> object:
        bodies.append(body)
        return text.read_text(body, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reader, "read_text", counted)
    return bodies


def taught(body: str = BODY) -> PodReader:
    known = reader_of()
    read(known, body)
    return known


def same_as_strict(known: PodReader, body: str | bytes) -> Exposition | str:
    """What the reader makes of the body, having made sure that it is what a new one does."""
    result = outcome(known, body)
    assert result == outcome(reader_of(), body)
    return result


ORDINARY = [
    "0", "1", "-1", "1.5", "-1.5", "1e3", "1E3", "1.5e-05", "1.5E+05", "NaN", "+Inf", "-Inf",
    "1 0", "1 1700000000000", "-1.5e-05 5", "9" * 200, "0." + "1" * 300,
]  # fmt: skip


@pytest.mark.parametrize("value", ORDINARY)
def test_new_values_alone_are_not_read_strictly(value: str, strict_reads: list[bytes]) -> None:
    known = taught()
    for body in (BODY.replace("c 3", f"c {value}"), BODY.replace("h_sum 5", f"h_sum {value}")):
        assert isinstance(same_as_strict(known, body), Exposition)
    assert len(strict_reads) == 3


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        "# only a comment\n",
        "a 1",
        "a 1\nb 2",
        " a 1\n",
        "a\t1\n",
        "a  1\n",
        'a{b="1"}1\n',
        'a{b="1"}  1 5\n',
        '{"a.b"} 1\n',
        'a{b="\\q"} 1\n',
        "a 1\n\n \nb 1\n",
        "a 1\nb 1\na 2\n",
        "a_count 1\na_sum 2\na 1\n# TYPE a histogram\n",
        '# TYPE a gauge\na{le="x"} 1\n',
        'a{quantile="p99"} 1\n',
        "# TYPE up histogram\nup_count 1\nup_sum 1\n",
        "# TYPE a gauge\n# HELP b x\n",
        "a 1\na 1\n",
        "a 1\n# c\na 1\n",
        "a 1\n\na 1\n\n",
        "ä 1\n".replace("ä", '{"ä"}'),
        'a{b="%s %b %%"} 1\n',
        "# a comment\r\na 1\n",
    ],
)
def test_all_sorts_of_bodies_are_known(body: str, strict_reads: list[bytes]) -> None:
    known = taught(body)
    for _ in range(2):
        assert isinstance(same_as_strict(known, body), Exposition)
    assert len(strict_reads) == 3


@pytest.mark.parametrize(
    "line", ["# new\n", "\n", "# TYPE new gauge\n", "c 5\n", "h_sum 5\n", "z 1\n"]
)
@pytest.mark.parametrize("at", range(BODY.count("\n") + 1))
def test_a_body_with_a_new_line_is_known_the_next_time(
    line: str, at: int, strict_reads: list[bytes]
) -> None:
    known = taught()
    lines = BODY.splitlines(keepends=True)
    body = "".join([*lines[:at], line, *lines[at:]])
    for _ in range(2):
        assert isinstance(same_as_strict(known, body), Exposition)
    assert len(strict_reads) == 4


# Values that are legal here but have to be looked at: they cost more, that is all.
@pytest.mark.parametrize(
    "tail", ["007e+100", "1e-400", "nan", "inf", "1.", ".5", "+1", "1 ", "1  5", " 1", "9" * 300]
)
def test_unusual_values_are_read_strictly(tail: str) -> None:
    known = taught()
    assert isinstance(same_as_strict(known, BODY.replace("c 3", f"c {tail}")), Exposition)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c 3", "c 1e999"),
        ("c 3", "c " + "9" * 309),
        ("c 3", "c " + "9" * 200 + "e200"),
        ("c 3", "c " + "9" * 250 + "e99"),
        ("c 3", "c 3 99999999999999999999"),
        ("c 3", "c 3 9999999999999999999"),
        ("c 3", "c 3 -5"),
        ("c 3", "c 3 5 6"),
        ("c 3", "c x"),
        ("c 3", "c "),
        ("c 3", "c"),
        ("c 3", "c --3"),
        ("c 3", "c 3e"),
        ("c 3", "c 3\r"),
        ("c 3", "c ٣"),
        ("c 3", "c 3\x85"),
        ("c 3", "c 3 # {} 1"),
        ("c 3", 'c {b="1"'),
        ('h_bucket{le="1"} 1', 'h_bucket{le="1"} -1'),
        ("h_count 2", "h_count -Inf"),
        ("h_count 2", "h_count -2.5 7"),
        ("# TYPE a gauge", "# TYPE a gauge "),
        ("# EOF\n", "# EOF\n12 34\n"),
    ],
)
def test_faults_are_found_in_a_body_that_is_known(old: str, new: str) -> None:
    known = taught()
    assert isinstance(same_as_strict(known, BODY.replace(old, new)), str)
    assert isinstance(same_as_strict(known, BODY), Exposition)


@pytest.mark.parametrize("comment", ["", "# c\n"])
def test_a_line_that_is_all_value_takes_no_ones_place(comment: str) -> None:
    """A line that is too many can make up for the length of a prefix that another one lost."""
    body = comment + "ab 1\ncd 2\n"
    known = taught(body)
    for extra in ("1 \n", "1", "12", "\n", "# x", "# xy", "", "new 1\n"):
        for lines in ("ab 1\n10 20\n", "10 20\ncd 1\n", "10 20\n"):
            assert isinstance(same_as_strict(known, comment + lines + extra), str)


def test_a_histogram_may_be_named_like_a_sum() -> None:
    body = '# TYPE a_sum histogram\na_sum{le="1"} 1\na_sum_sum 1\n'
    known = taught(body)
    assert isinstance(same_as_strict(known, body.replace('"} 1', '"} -1')), str)
    assert isinstance(same_as_strict(known, body.replace("sum 1", "sum -1")), Exposition)


@pytest.mark.parametrize("body", ["a+1\nb 1\n", "b 1\na+1\n", "# HELP a x\na+1\nb 1\n"])
def test_a_name_that_runs_into_its_value_proves_nothing(body: str) -> None:
    known = taught(body)
    for new in ("a1 5", "a+2", "a2", "a_b 2", "a 2"):
        for more in ("", "c 1\n"):
            same_as_strict(known, body.replace("a+1", new) + more)
        same_as_strict(known, body)


@pytest.mark.parametrize("at", range(len(BODY)))
def test_one_character_is_not_overlooked(at: int) -> None:
    known = taught()
    for body in (
        BODY[:at],
        BODY[:at] + BODY[at + 1 :],
        BODY[:at] + "\n" + BODY[at:],
        BODY[:at] + "1" + BODY[at + 1 :],
        BODY[:at] + "z" + BODY[at + 1 :],
        BODY[:at] + "_" + BODY[at:],
    ):
        same_as_strict(known, body)
    assert isinstance(same_as_strict(known, BODY), Exposition)


LINES = BODY.splitlines(keepends=True)


@pytest.mark.parametrize("at", range(len(LINES)))
def test_no_line_is_overlooked(at: int) -> None:
    shapes = Shapes()
    known = reader_of(0, shapes)
    for other in range(len(LINES)):
        head, line, tail = LINES[:at], LINES[at], LINES[at + 1 :]
        read(known, BODY)
        for lines in (
            [*head, *tail],
            [*head, line, line, *tail],
            [*head, LINES[other], line, *tail],
            [*head, LINES[other], *tail],
        ):
            same_as_strict(known, "".join(lines))
            body = "".join(lines)
            assert outcome(reader_of(1, shapes), body) == outcome(reader_of(1), body)


# What a body says of types decides what its lines are; each pair has the same lines for samples.
TYPINGS = [
    "{}",
    "# TYPE a gauge\n{}",
    "# TYPE a histogram\n{}",
    "# TYPE a summary\n{}",
    "{}# TYPE a histogram\n",
    "# HELP a x\n{}",
    "# HELP a x\n# TYPE a histogram\n{}",
    "# HELP a x\n{}# TYPE a histogram\n",
    "# HELP a x\n{}# TYPE a gauge\n# TYPE a_count counter\n",
    "# TYPE a_count counter\n# HELP a x\n# TYPE a histogram\n{}",
    "# HELP a x\n# TYPE a histogram\n{}# TYPE a_count counter\n",
    "# HELP a x\n{}# HELP a y\n# TYPE a histogram\n# TYPE a gauge\n",
]
SAMPLES = [
    'a_bucket{le="1"} 1\na_sum 1\na_count 1\n',
    'a_bucket{le="x"} 1\na_count 1\n',
    "a_count -1\n",
    "a_sum -1\na_count 1\na_count 2\n",
    "a 1\na_count 1\n# c\na_count 2\n",
    "a 1\nup 1\na_count 1\nup_count 1\n",
]


@pytest.mark.parametrize("first", range(len(TYPINGS)))
def test_types_are_those_of_the_body(first: int) -> None:
    for samples in SAMPLES:
        for second in TYPINGS:
            shapes = Shapes()
            known, other = reader_of(0, shapes), reader_of(0, shapes)
            outcome(known, TYPINGS[first].format(samples))
            same_as_strict(other, second.format(samples))
            for extra in ("", "a_count 5\n", "# TYPE b gauge\nb 1\n"):
                same_as_strict(known, second.format(samples + extra))
            same_as_strict(known, TYPINGS[first].format(samples))


def test_replicas_share_what_they_know(strict_reads: list[bytes]) -> None:
    shapes = Shapes()
    first, second = reader_of(0, shapes), reader_of(1, shapes)
    read(first, BODY)
    assert read(second, BODY) == parse(BODY, 1)
    assert first._layout is second._layout
    read(second, BODY + 'pod{name="second"} 1\n')
    assert first._layout is not None
    assert second._layout is not None
    shared = set(first._layout._shapes) & set(second._layout._shapes)
    assert len(shared) == len(first._layout._shapes)


def test_replicas_may_differ_in_their_last_comments(strict_reads: list[bytes]) -> None:
    shapes = Shapes()
    readers = [reader_of(pod, shapes) for pod in range(2)]
    for _ in range(3):
        for pod, known in enumerate(readers):
            read(known, f"{BODY}# {pod}\n")
    assert len(strict_reads) == 2


def test_nothing_shared_names_a_pod() -> None:
    shapes = Shapes()
    known = reader_of(0, shapes)
    read(known, BODY)
    held = [known._layout]
    seen: set[int] = set()
    while held:
        thing = held.pop()
        if id(thing) not in seen and not isinstance(thing, type):
            seen.add(id(thing))
            assert "k8s_" not in repr(thing)
            held += gc.get_referents(thing)


def test_what_no_reader_needs_is_forgotten() -> None:
    shapes = Shapes()
    known = reader_of(0, shapes)
    read(known, BODY)
    assert known._layout is not None
    before = [weakref.ref(shape) for shape in known._layout._shapes]
    read(known, "a 1\n")
    assert not any(ref() for ref in before)
    assert len(shapes.by_first) == 1
    del known
    assert not shapes.by_first


def test_a_bad_body_does_not_cost_what_is_known(strict_reads: list[bytes]) -> None:
    known = taught()
    with pytest.raises(ExpositionError):
        read(known, "nonsense")
    read(known, BODY)
    assert len(strict_reads) == 2


@pytest.fixture
def series_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that were read by the whole grammar."""
    lines: list[str] = []

    def noted(line: str) -> object:
        lines.append(line)
        return read_series(line)

    monkeypatch.setattr(text, "read_series", noted)
    return lines


def test_lines_that_a_replica_said_are_not_read_again(series_read: list[str]) -> None:
    shapes = Shapes()
    first, second = reader_of(0, shapes), reader_of(1, shapes)
    read(first, BODY)
    series_read.clear()
    read(second, BODY.replace("c 3", "c 3\nd 4"))
    assert series_read == ["d 4", "up 1"]


def test_each_pod_remembers_its_own(series_read: list[str]) -> None:
    """Where replicas differ, both begin alike and one of them is what a third would look at."""
    shapes = Shapes()
    readers = [reader_of(pod, shapes) for pod in range(2)]
    bodies = [f'# TYPE a gauge\na{{pod="{pod}"}} 1\n' for pod in range(2)]
    for known, body in zip(readers, bodies, strict=True):
        read(known, body)
    series_read.clear()
    for known, body in zip(readers, bodies, strict=True):
        read(known, f"{body}b 1\n")
    assert series_read == ["b 1"]


def test_lines_that_are_known_are_not_read_again(series_read: list[str]) -> None:
    """A new series costs one look at it, and not one at all the others."""
    known = taught()
    series_read.clear()
    body = BODY.replace("h_sum 5", 'h_bucket{le="new"} 1\nh_sum 5'.replace("new", "5"))
    body = body.replace("c 3", "c 3\nd 4").replace('a{b="1"} 1', 'a{b="0"} 1\na{b="1"} 1')
    assert read(known, body) is not None
    assert series_read == ['a{b="0"} 1', "d 4", 'h_bucket{le="5"} 1', "up 1"]


def test_one_comment_many_times_is_no_more_work_than_many_lines() -> None:
    """Each could be the beginning of the whole body known before."""
    first = "# TYPE a gauge\n"
    known = taught(first + "".join(f'a{{b="{i}"}} 1\n' for i in range(20_000)))
    same_as_strict(known, first * 20_000)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_layout_proves_the_number_of_lines(count: int) -> None:
    body = "a 1\n" * count
    known = taught(body)
    assert known._layout is not None
    for other in range(7):
        tails = known._layout.tails_of(b"a 1\n" * other)
        assert (tails is None) == (other != count)
    assert isinstance(known._layout, layout.Layout)


def test_threads_may_read_at_once() -> None:
    """A slow reading in a thread may still go on when the next round reads the same pod."""
    shapes = Shapes()
    bodies = [BODY, BODY.replace("c 3", "c 3\nd 4"), "# TYPE a gauge\na 1\n" * 50, "a 1\n"]
    wanted = [parse(body) for body in bodies]
    known = reader_of(0, shapes)

    def check(start: int) -> None:
        for number in range(start, start + 200):
            at = number * 7 % len(bodies)
            assert read(known, bodies[at]) == wanted[at]

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(check, range(4)))
    finally:
        sys.setswitchinterval(switch)
