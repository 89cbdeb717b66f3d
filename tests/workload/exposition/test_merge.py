# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of pods that agree, and of pods that don't. `@0`, `@1`... are the pods' labels."""

import pytest

from metrics_proxy.exposition import MetricType, TypeConflict, merge
from tests.workload.exposition.shorthand import answer, merged, parse, samples, short, text_of

COUNTER, GAUGE, HISTOGRAM, SUMMARY, UNTYPED = MetricType

BUCKET = 'a_bucket{le="1"} 1\n'
PARTS = BUCKET + "a_sum 2\na_count 3\n"
A_HISTOGRAM = "# TYPE a histogram\n" + PARTS


def conflict(
    family: str,
    kept: MetricType,
    *refused: MetricType,
    moved: int = 0,
    dropped: int = 0,
) -> TypeConflict:
    return TypeConflict(family, kept, refused, moved, dropped)


def test_no_pods_give_no_text() -> None:
    assert answer() == ""


def test_samples_of_a_family_are_together_in_the_pods_order() -> None:
    assert short(answer("b 1\na 1\n", "a 2\nb 2", "c 3")) == (
        "# TYPE a untyped\na{@0} 1\na{@1} 2\n"
        "# TYPE b untyped\nb{@0} 1\nb{@1} 2\n"
        "# TYPE c untyped\nc{@2} 3\n"
    )


def test_the_first_help_and_the_first_type_win() -> None:
    bodies = (
        "a 0",
        "# HELP a one\n# TYPE a gauge\na 1",
        "# HELP a two\n# TYPE a gauge\na 2",
    )
    assert short(answer(*bodies)) == ("# HELP a one\n# TYPE a gauge\na{@0} 0\na{@1} 1\na{@2} 2\n")
    assert merged(*bodies).conflicts == ()


def test_metadata_without_samples_is_kept() -> None:
    assert answer("# HELP b x\n# TYPE a counter", "# HELP a y") == (
        "# HELP a y\n# TYPE a counter\n# HELP b x\n# TYPE b untyped\n"
    )


def test_spellings_of_one_family_meet() -> None:
    assert short(answer('# TYPE "a" gauge\n{"a"} 1', "# TYPE a gauge\na 2")) == (
        "# TYPE a gauge\na{@0} 1\na{@1} 2\n"
    )


def test_pods_with_equal_labels_stay_apart() -> None:
    assert samples('a{b="1"} 1', 'a{b="1"} 1') == ['a{b="1",@0} 1', 'a{b="1",@1} 1']


def test_duplicate_series_of_a_pod_are_left_to_the_server() -> None:
    assert samples("a 1\na 2") == ["a{@0} 1", "a{@0} 2"]


def test_timestamps_and_values_are_not_touched() -> None:
    assert samples("a 1.50e+0 1700000000000", "a NaN") == [
        "a{@0} 1.50e+0 1700000000000",
        "a{@1} NaN",
    ]


def test_le_is_not_rewritten_and_stays_under_its_own_type() -> None:
    """The server reads `le` by the last TYPE line, so an untyped family needs one as well."""
    assert short(answer('# TYPE a histogram\na_bucket{le="1"} 1\nb{le="1"} 1')) == (
        '# TYPE a histogram\na_bucket{le="1",@0} 1\n# TYPE b untyped\nb{le="1",@0} 1\n'
    )


# Bodies of pods p0, p1...; the answer; the conflicts.
DISAGREEMENTS = [
    pytest.param(
        ["# TYPE a gauge\na 1", "# TYPE a counter\na 2"],
        "# TYPE a gauge\na{@0} 1\na{@1} 2\n",
        [conflict("a", GAUGE, COUNTER)],
        id="one name, two types",
    ),
    pytest.param(
        ["# TYPE a untyped\na 1", "# TYPE a gauge", "# TYPE a counter", "# TYPE a gauge"],
        "# TYPE a untyped\na{@0} 1\n",
        [conflict("a", UNTYPED, GAUGE, COUNTER)],
        id="each refused type is named once",
    ),
    pytest.param(
        ["# TYPE b gauge\n# TYPE a gauge", "# TYPE b counter\n# TYPE a counter"],
        "# TYPE a gauge\n# TYPE b gauge\n",
        [conflict("a", GAUGE, COUNTER), conflict("b", GAUGE, COUNTER)],
        id="conflicts are sorted by family",
    ),
    pytest.param(
        ["# TYPE a gauge\na 1", A_HISTOGRAM],
        "# TYPE a gauge\na{@0} 1\n"
        '# TYPE a_bucket untyped\na_bucket{le="1",@1} 1\n'
        "# TYPE a_count untyped\na_count{@1} 3\n"
        "# TYPE a_sum untyped\na_sum{@1} 2\n",
        [conflict("a", GAUGE, HISTOGRAM, moved=3)],
        id="suffixed samples of a histogram where a gauge won",
    ),
    pytest.param(
        [A_HISTOGRAM, "# TYPE a gauge\na -1"],
        '# TYPE a histogram\na_bucket{le="1",@0} 1\na_sum{@0} 2\na_count{@0} 3\na{@1} -1\n',
        [conflict("a", HISTOGRAM, GAUGE)],
        id="a gauge where a histogram won",
    ),
    pytest.param(
        [
            '# TYPE a summary\na{quantile="0.5"} 1\na_sum 1\na_count 1',
            "# TYPE a histogram\n" + BUCKET + PARTS,
        ],
        '# TYPE a summary\na{quantile="0.5",@0} 1\na_sum{@0} 1\na_count{@0} 1\n'
        "a_sum{@1} 2\na_count{@1} 3\n"
        '# TYPE a_bucket untyped\na_bucket{le="1",@1} 1\na_bucket{le="1",@1} 1\n',
        [conflict("a", SUMMARY, HISTOGRAM, moved=2)],
        id="a histogram where a summary won",
    ),
    pytest.param(
        ["# TYPE a gauge\n# TYPE a_sum counter\na_sum 1", A_HISTOGRAM, "a_bucket 5"],
        "# TYPE a gauge\n"
        '# TYPE a_bucket untyped\na_bucket{le="1",@1} 1\na_bucket{@2} 5\n'
        "# TYPE a_count untyped\na_count{@1} 3\n"
        "# TYPE a_sum counter\na_sum{@0} 1\na_sum{@1} 2\n",
        [conflict("a", GAUGE, HISTOGRAM, moved=3)],
        id="what must leave joins the family of its name",
    ),
    pytest.param(
        [A_HISTOGRAM, PARTS],
        '# TYPE a histogram\na_bucket{le="1",@0} 1\na_sum{@0} 2\na_count{@0} 3\n'
        'a_bucket{le="1",@1} 1\na_sum{@1} 2\na_count{@1} 3\n',
        [],
        id="parts without a TYPE join another pod's histogram",
    ),
    pytest.param(
        [PARTS, A_HISTOGRAM],
        '# TYPE a histogram\na_bucket{le="1",@0} 1\na_sum{@0} 2\na_count{@0} 3\n'
        'a_bucket{le="1",@1} 1\na_sum{@1} 2\na_count{@1} 3\n',
        [],
        id="and do so too in the first pod",
    ),
    pytest.param(
        ["# HELP a_count x\na_count 1", "# TYPE a summary"],
        "# TYPE a summary\na_count{@0} 1\n",
        [],
        id="a HELP without a family of its own goes",
    ),
    # After the TYPE of a histogram `a`, expfmt takes `# TYPE a_count` for one more TYPE of `a`.
    pytest.param(
        [A_HISTOGRAM, "# TYPE a_count counter\na_count 5", "a_count 7"],
        "# TYPE a_count counter\na_count{@1} 5\na_count{@2} 7\n"
        '# TYPE a histogram\na_bucket{le="1",@0} 1\na_sum{@0} 2\na_count{@0} 3\n',
        [],
        id="a family named like a part of a histogram precedes it",
    ),
    pytest.param(
        [
            "# TYPE a summary\n# TYPE a_sum histogram\n# TYPE a_sum_count gauge\n# TYPE a_bucket gauge"
        ],
        "# TYPE a_sum_count gauge\n# TYPE a_sum histogram\n# TYPE a summary\n# TYPE a_bucket gauge\n",
        [],
        id="and so on, as far as names go",
    ),
    # What expfmt does not take in a histogram or a summary stands before it, as long as it can.
    pytest.param(
        ["# TYPE a histogram", 'a_bucket{le="x"} 1\na_bucket{le="2"} 1\na_count -1\na_count 0'],
        '# TYPE a_bucket untyped\na_bucket{le="x",@1} 1\n'
        "# TYPE a_count untyped\na_count{@1} -1\n"
        '# TYPE a histogram\na_bucket{le="2",@1} 1\na_count{@1} 0\n',
        [],
        id="parts that do not fit",
    ),
    pytest.param(
        ["# TYPE a histogram", '# TYPE a gauge\na{le="x"} 1\na{le="1"} -1\na{le="1"} 1'],
        '# TYPE a histogram\na{le="1",@1} 1\n',
        [conflict("a", HISTOGRAM, GAUGE, dropped=2)],
        id="no place at all",
    ),
    pytest.param(
        ["# TYPE a summary", 'a{quantile="x"} 1'],
        "# TYPE a summary\n",
        [conflict("a", SUMMARY, dropped=1)],
        id="no place for a sample without TYPE",
    ),
    pytest.param(
        ['# TYPE a summary\na_count{le="x"} 1\na_count 2', "# TYPE a_count histogram"],
        "# TYPE a_count histogram\n# TYPE a summary\na_count{@0} 2\n",
        [conflict("a_count", HISTOGRAM, dropped=1)],
        id="expfmt takes a summary's count for a histogram of that name",
    ),
]


@pytest.mark.parametrize(("bodies", "text", "conflicts"), DISAGREEMENTS)
def test_pods_that_disagree(bodies: list[str], text: str, conflicts: list[TypeConflict]) -> None:
    result = merged(*bodies)
    assert short(text_of(result)) == text
    assert list(result.conflicts) == conflicts


def test_merging_does_not_change_what_it_merges() -> None:
    expositions = [parse(A_HISTOGRAM, 0), parse("# TYPE a gauge\na 1", 1), parse(PARTS, 2)]
    first = text_of(merge(expositions))
    merge(expositions[::-1])
    assert text_of(merge(expositions)) == first
