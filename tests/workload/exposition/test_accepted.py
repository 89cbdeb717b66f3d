# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the parser takes, spelling by spelling, and what it makes of it. `@0` are our labels."""

import pytest

from metrics_proxy.exposition import MetricType, PodLabels
from tests.workload.exposition.shorthand import answer, lines_of, merged, parse, samples, short

SAMPLES = {
    "a 1": "a{@0} 1",
    "a{} 1": "a{@0} 1",
    "a{ } 1": "a{@0} 1",
    "a { } 1": "a{@0} 1",
    "a{}1": "a{@0} 1",
    'a{b="1"} 1': 'a{b="1",@0} 1',
    'a{b="1"}1': 'a{b="1",@0} 1',
    'a{b="1",} 1': 'a{b="1",@0} 1',
    'a{b="1" , } 1': 'a{b="1",@0} 1',
    'a {b = "1" } 1': 'a{b="1",@0} 1',
    'a\t{\tb\t=\t"1"\t,\tc="2"}\t1\t5\t': 'a{b="1",c="2",@0} 1 5',
    'a{z="1",b="2",a="3"} 1': 'a{z="1",b="2",a="3",@0} 1',
    'a{b=""} 1': 'a{b="",@0} 1',
    "a\t1": "a{@0} 1",
    "a  1  5": "a{@0} 1 5",
    " a 1": "a{@0} 1",
    "\ta 1": "a{@0} 1",
    "a 1 ": "a{@0} 1",
    "a 1\t": "a{@0} 1",
    "a 1 5 \t": "a{@0} 1 5",
    "a+1": "a{@0} +1",
    "a.5": "a{@0} .5",
    ":a:b 1": ":a:b{@0} 1",
    "_ 1": "_{@0} 1",
    "A_9 1": "A_9{@0} 1",
    'a{_="1"} 1': 'a{_="1",@0} 1',
    "__name__ 1": "__name__{@0} 1",
    # Quoted names, anywhere in the braces; quoted in the answer only where they must be.
    '{"a.b"} 1': '{"a.b",@0} 1',
    '{"a.b",} 1': '{"a.b",@0} 1',
    '{ "a.b" , } 1': '{"a.b",@0} 1',
    '{"a.b","c.d"="1"} 1': '{"a.b","c.d"="1",@0} 1',
    '{a="1","m.x"} 1': '{"m.x",a="1",@0} 1',
    '{"a"} 1': "a{@0} 1",
    '{b="1","a"} 1': 'a{b="1",@0} 1',
    'a{"x"="1"} 1': 'a{x="1",@0} 1',
    'a{"a:b"="1"} 1': 'a{"a:b"="1",@0} 1',
    'a{"9"="1"} 1': 'a{"9"="1",@0} 1',
    'a{"ä"="1"} 1': 'a{"ä"="1",@0} 1',
    '{"π r²"} 1': '{"π r²",@0} 1',
    '{"9"} 1': '{"9",@0} 1',
    r'{"a\"b\\c\nd"} 1': r'{"a\"b\\c\nd",@0} 1',
    r'a{"b\"\\\n"="1"} 1': r'a{"b\"\\\n"="1",@0} 1',
    # All that can stand in a label value.
    'a{b="} 1"} 1': 'a{b="} 1",@0} 1',
    "a{b=\"{c='1'}\"} 1": "a{b=\"{c='1'}\",@0} 1",
    'a{b="# no comment"} 1': 'a{b="# no comment",@0} 1',
    'a{b="1,2",c="=="} 1': 'a{b="1,2",c="==",@0} 1',
    r'a{b="\""} 1': r'a{b="\"",@0} 1',
    r'a{b="\\"} 1': r'a{b="\\",@0} 1',
    r'a{b="\\\"",c="\n"} 1': r'a{b="\\\"",c="\n",@0} 1',
    'a{b=" x\ty "} 1': 'a{b=" x\ty ",@0} 1',
    'a{b="\r"} 1': 'a{b="\r",@0} 1',
    'a{b="\x0b\x0c\x1c\x85\u2028\u2029"} 1': 'a{b="\x0b\x0c\x1c\x85\u2028\u2029",@0} 1',
    'a{b="\ufeff\x7f😀"} 1': 'a{b="\ufeff\x7f😀",@0} 1',
    # Unknown escapes keep their backslash, as they do in the server; expfmt wants it escaped.
    r'a{b="\q"} 1': r'a{b="\\q",@0} 1',
    r'a{b="\\\q\x22\é"} 1': r'a{b="\\\\q\\x22\\é",@0} 1',
    r'a{"\q"="1"} 1': r'a{"\\q"="1",@0} 1',
    r'{"\q"} 1': r'{"\\q",@0} 1',
    # A pod's labels that are named like ours.
    'a{k8s_namespace="x"} 1': 'a{exported_k8s_namespace="x",@0} 1',
    'a{b="1",k8s_pod_name="x",c="2"} 1': 'a{b="1",exported_k8s_pod_name="x",c="2",@0} 1',
    'a{"k8s_pod_name"="x"} 1': 'a{exported_k8s_pod_name="x",@0} 1',
    'a{k8s_pod_name="x",exported_k8s_pod_name="y"} 1': (
        'a{exported_exported_k8s_pod_name="x",exported_k8s_pod_name="y",@0} 1'
    ),
    'a{"exported_k8s_pod_name"="y",k8s_pod_name="x"} 1': (
        'a{exported_k8s_pod_name="y",exported_exported_k8s_pod_name="x",@0} 1'
    ),
    'a{k8s_pod_name="x",k8s_namespace="y"} 1': (
        'a{exported_k8s_pod_name="x",exported_k8s_namespace="y",@0} 1'
    ),
    'a{exported_k8s_pod_name="x"} 1': 'a{exported_k8s_pod_name="x",@0} 1',
}

VALUES = [
    "0",
    "1",
    "-1",
    "+1",
    "007",
    "1.",
    ".5",
    "-.5",
    "1.50",
    "1e3",
    "1E3",
    "1e+3",
    "1e-3",
    "1.e3",
    ".5e3",
    "1e308",
    "1.7976931348623157e308",
    "1e-400",
    "0e999999",
    "1e-999999",
    "nan",
    "NaN",
    "NAN",
    "nAn",
    "inf",
    "+inf",
    "-inf",
    "Inf",
    "+INF",
    "infinity",
    "-Infinity",
    "+iNfInItY",
    "-0",
    "18446744073709551615",
    "0.1000000000000000055511151231257827021181583404541015625",
]

TIMESTAMPS = ["0", "1700000000000", "007", "9223372036854775807", "0" * 30 + "9223372036854775807"]


@pytest.mark.parametrize("body", SAMPLES)
def test_a_sample_is_taken_and_labelled(body: str) -> None:
    assert samples(body) == [SAMPLES[body]]


@pytest.mark.parametrize("value", [*VALUES, "9" * 308, "1" + "0" * 400 + "e-300"])
def test_a_value_is_copied_as_it_stands(value: str) -> None:
    assert samples(f"a {value}") == [f"a{{@0}} {value}"]


@pytest.mark.parametrize("timestamp", TIMESTAMPS)
def test_a_timestamp_is_copied_as_it_stands(timestamp: str) -> None:
    assert samples(f"a 1 {timestamp}") == [f"a{{@0}} 1 {timestamp}"]


METADATA = {
    "# TYPE a counter": "# TYPE a counter\n",
    "# TYPE a gauge\na 1\n": "# TYPE a gauge\na{@0} 1\n",
    "# TYPE a untyped": "# TYPE a untyped\n",
    "#\tTYPE \t a\t \tcounter": "# TYPE a counter\n",
    " # TYPE a counter": "# TYPE a counter\n",
    '# TYPE "a.b" counter': '# TYPE "a.b" counter\n',
    '# TYPE "a" counter': "# TYPE a counter\n",
    r'# TYPE "a\"\\" counter': '# TYPE "a\\"\\\\" counter\n',
    "# HELP a text": "# HELP a text\n# TYPE a untyped\n",
    "# HELP a  \t two words  ": "# HELP a two words  \n# TYPE a untyped\n",
    '# HELP "a.b" x': '# HELP "a.b" x\n# TYPE "a.b" untyped\n',
    r'# HELP a \\ \n "q" \"': '# HELP a \\\\ \\n "q" \\"\n# TYPE a untyped\n',
    r"# HELP a \q and \ ": "# HELP a \\\\q and \\\\ \n# TYPE a untyped\n",
    "# HELP a end\\": "# HELP a end\\\\\n# TYPE a untyped\n",
    "# HELP a x\r\n": "# HELP a x\r\n# TYPE a untyped\n",
    "# HELP a": "",
    "# HELP a ": "",
    # The first of two counts; a TYPE counts wherever it stands.
    "# TYPE a counter\n# TYPE a gauge": "# TYPE a counter\n",
    "# HELP a x\n# HELP a y": "# HELP a x\n# TYPE a untyped\n",
    "a 1\n# TYPE a gauge": "# TYPE a gauge\na{@0} 1\n",
    # Comments.
    "": "",
    "\n\n \t\n": "",
    "#": "",
    "# TYPE": "",
    "# TYPE ": "",
    "# HELP\t": "",
    "#TYPE a nonsense": "",
    "#HELP a b": "",
    "# type a nonsense": "",
    "# TYPES a nonsense": "",
    "# EOF": "",
    "# UNIT a seconds": "",
    "# a comment } 1\r\n": "",
    "a 1\n# EOF\nb 2": "# TYPE a untyped\na{@0} 1\n# TYPE b untyped\nb{@0} 2\n",
}


@pytest.mark.parametrize("body", METADATA)
def test_metadata_is_taken(body: str) -> None:
    assert short(answer(body)) == METADATA[body]


def test_blank_lines_and_the_last_newline_do_not_matter() -> None:
    assert samples("\na 1\n\n  \nb 2") == ["a{@0} 1", "b{@0} 2"]


def families(body: str) -> dict[str, tuple[MetricType | None, list[str]]]:
    """Family by family: the type and the names of its samples."""
    found: dict[str, tuple[MetricType | None, list[str]]] = {}
    for family, lines in lines_of(parse(body)):
        _, names = found.setdefault(family.name, (family.type, []))
        names += [line.partition("{")[0] for line in lines]
    return found


HISTOGRAM = 'a_bucket{le="1"} 1\na_sum 2\na_count 3\n'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a 1\nb 1", {"a": (None, ["a"]), "b": (None, ["b"])}),
        ("b 1\na 1\n# TYPE c gauge", {"b": (None, ["b"]), "a": (None, ["a"]), "c": ("gauge", [])}),
        (
            "# TYPE a histogram\n" + HISTOGRAM,
            {"a": ("histogram", ["a_bucket", "a_sum", "a_count"])},
        ),
        (HISTOGRAM + "# TYPE a histogram", {"a": ("histogram", ["a_bucket", "a_sum", "a_count"])}),
        (
            "# TYPE a summary\n" + HISTOGRAM + 'a{quantile="1"} 1',
            {"a_bucket": (None, ["a_bucket"]), "a": ("summary", ["a_sum", "a_count", "a"])},
        ),
        (
            "# TYPE a counter\na_total 1\n" + HISTOGRAM,
            {
                "a_total": (None, ["a_total"]),
                "a_bucket": (None, ["a_bucket"]),
                "a_sum": (None, ["a_sum"]),
                "a_count": (None, ["a_count"]),
                "a": ("counter", []),
            },
        ),
        (
            "# TYPE a histogram\n# TYPE a_count gauge\n" + HISTOGRAM,
            {"a": ("histogram", ["a_bucket", "a_sum"]), "a_count": ("gauge", ["a_count"])},
        ),
        ("# TYPE a histogram\n# HELP a_count x\na_count 1", {"a": ("histogram", ["a_count"])}),
        ("a 1\nb 1\na 2", {"a": (None, ["a", "a"]), "b": (None, ["b"])}),
    ],
)
def test_a_sample_finds_its_family(body: str, expected: dict[str, object]) -> None:
    found = families(body)
    assert found == expected
    assert list(found) == list(expected)


def test_two_histograms_of_one_family_are_not_torn_apart() -> None:
    lines = [
        'a_bucket{x="1",le="1"} 1',
        'a_bucket{x="1",le="+Inf"} 2',
        'a_sum{x="1"} 3',
        'a_count{x="1"} 2',
        'a_bucket{x="2",le="1"} 0',
        'a_bucket{x="2",le="+Inf"} 0',
        'a_sum{x="2"} 0',
        'a_count{x="2"} 0',
    ]
    body = "\n".join(["# TYPE a histogram", *lines])
    assert samples(body) == [line.replace("}", ",@0}") for line in lines]


@pytest.mark.parametrize(
    "body",
    [
        '# TYPE a histogram\na_bucket{le="NaN"} 1\na_count NaN\na_sum -1\na_count -0\na -1',
        '# TYPE a histogram\na_sum{le="1"} -1\na_bucket -1',
        '# TYPE a summary\na{quantile="0.5"} -1\na{le="x"} 1\na_count -1',
        'a_bucket{le="x"} -1\na{quantile="x"} 1',
        '# TYPE a gauge\na{le="x"} -1',
    ],
)
def test_odd_histograms_that_both_parsers_take_are_taken(body: str) -> None:
    assert len(samples(body)) == body.count("\n") + (body[0] != "#")


def test_pod_labels_are_escaped() -> None:
    labels = PodLabels(namespace='n"', name="p\\\n")
    assert labels.text == r'k8s_namespace="n\"",k8s_pod_name="p\\\n"'


def test_an_empty_body_has_no_families() -> None:
    assert parse(b"").families == ()
    assert merged("", "") == merged()
