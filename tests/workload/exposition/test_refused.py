# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the parser refuses, each with the reason that an operator reads."""

import pytest

from metrics_proxy.exposition import ExpositionError
from tests.workload.exposition.shorthand import error_of, parse, read, reader_of

NUMBER = "it takes a decimal number, NaN, +Inf or -Inf"
TIMESTAMP = "it takes whole milliseconds, digits only"
BOUND = "it takes a number, +Inf or -Inf"
CARRIAGE_RETURN = "the line ends with a carriage return; lines end with a line feed alone"
TYPES = "counter, gauge, histogram, summary or untyped"

# The last line of each body is at fault.
REFUSED = [
    # Values.
    ("a", "the value is missing"),
    ("a{}", "the value is missing"),
    ('a{b="1"}', "the value is missing"),
    ("a ", "the value is missing"),
    ("a x", f'the value is "x"; {NUMBER}'),
    ("a 0x10", f'the value is "0x10"; {NUMBER}'),
    ("a 1_000", f'the value is "1_000"; {NUMBER}'),
    ("a 1e999", 'the value "1e999" is too large for a 64-bit float'),
    ("a -1e309", 'the value "-1e309" is too large for a 64-bit float'),
    ("a +nan", f'the value is "+nan"; {NUMBER}'),
    ("a -NaN", f'the value is "-NaN"; {NUMBER}'),
    ("a 1e", f'the value is "1e"; {NUMBER}'),
    ("a .", f'the value is "."; {NUMBER}'),
    ("a e1", f'the value is "e1"; {NUMBER}'),
    ("a 1,5", f'the value is "1,5"; {NUMBER}'),
    ("a ١", f'the value is "١"; {NUMBER}'),
    ("a 1f", f'the value is "1f"; {NUMBER}'),
    ("a infinit", f'the value is "infinit"; {NUMBER}'),
    ("a ınf", f'the value is "ınf"; {NUMBER}'),
    # Timestamps, and what follows them.
    ("a 1 1.5", f'the timestamp is "1.5"; {TIMESTAMP}'),
    ("a 1 -5", f'the timestamp is "-5"; {TIMESTAMP}'),
    ("a 1 +5", f'the timestamp is "+5"; {TIMESTAMP}'),
    ("a 1 x", f'the timestamp is "x"; {TIMESTAMP}'),
    (
        "a 1 9223372036854775808",
        'the timestamp "9223372036854775808" is too large for a 64-bit integer',
    ),
    (
        "a 1 111111111111111111111",
        'the timestamp "111111111111111111111" is too large for a 64-bit integer',
    ),
    ("a 1 ٣", f'the timestamp is "٣"; {TIMESTAMP}'),
    ("a 1 5 6", 'after the timestamp the line must end, but "6" follows'),
    ('a 1 # {b="1"} 1', "an exemplar follows the value; the text format has none"),
    ('a{b="1"} 1 # {c="}"} 1 5', "an exemplar follows the value; the text format has none"),
    ('a 1 5 # {b="1"} 1', 'after the timestamp the line must end, but "#" follows'),
    # What is no blank, and no end of a line.
    ("a 1;", f'the value is "1;"; {NUMBER}'),
    # Not a sample.
    (
        "<html><body>404 page not found</body></html>",
        "a line must be a comment or start with a metric name",
    ),
    ('{"status":"ok"}', 'after the name "status" must come ="..."'),
    ("not found", f'the value is "found"; {NUMBER}'),
    ("404 page", "a line must be a comment or start with a metric name"),
    ("9a 1", "a line must be a comment or start with a metric name"),
    ("-a 1", "a line must be a comment or start with a metric name"),
    ("é 1", "a line must be a comment or start with a metric name"),
    ("a-b 1", f'the value is "-b"; {NUMBER}'),
    ('"a" 1', 'a quoted metric name stands in the braces: {"name"} value'),
    ('"a.b"{c="1"} 1', 'a quoted metric name stands in the braces: {"name"} value'),
    # Labels.
    ("a{,} 1", 'a label name must stand in place of ","'),
    ('a{,b="1"} 1', 'a label name must stand in place of ","'),
    ('a{b="1",,c="2"} 1', 'a label name must stand in place of ","'),
    ('a{b="1",,} 1', 'a label name must stand in place of ","'),
    ('a{b="1"c="2"} 1', "after a label value must come a comma or the closing brace"),
    ('a{b="1" c="2"} 1', "after a label value must come a comma or the closing brace"),
    ('a{b="1";c="2"} 1', "after a label value must come a comma or the closing brace"),
    ("a{b} 1", 'after the name b must come ="..."'),
    ('a{b,c="1"} 1', 'after the name b must come ="..."'),
    ("a{b=} 1", "the label value is not in double quotes"),
    ("a{b=1} 1", "the label value is not in double quotes"),
    ("a{b='1'} 1", "the label value is not in double quotes"),
    ('a{b="1} 1', "the label value is not closed"),
    ('a{b="1\\"} 1', "the label value is not closed"),
    ('a{b="1" 1', "after a label value must come a comma or the closing brace"),
    ('a{b="1"', "the braces are not closed"),
    ('a{b="1",', "the braces are not closed"),
    ("a{", "the braces are not closed"),
    ("a{b", "the braces are not closed"),
    ("a{b 1", 'after the name b must come ="..."'),
    ("a{b=", "the label value is not in double quotes"),
    ('a{"b 1', "the quoted name is not closed"),
    ('a{9="1"} 1', 'a label name must stand in place of "9"'),
    ('a{b:c="1"} 1', 'after the name b must come ="..."'),
    ('a{b.c="1"} 1', 'after the name b must come ="..."'),
    ('a{é="1"} 1', 'a label name must stand in place of "é"'),
    ("a{{} 1", 'a label name must stand in place of "{"'),
    ("a}b 1", f'the value is "}}b"; {NUMBER}'),
    ('a{b="1"}} 1', f'the value is "}}"; {NUMBER}'),
    ('a{b="1"}{c="2"} 1', f'the value is "{{c="2"}}"; {NUMBER}'),
    ('a{b=="1"} 1', "the label value is not in double quotes"),
    # Names in the braces.
    ("{} 1", "the metric name is missing; it stands before the braces or quoted in them"),
    ('{a="1"} 1', "the metric name is missing; it stands before the braces or quoted in them"),
    ("{,} 1", 'a label name must stand in place of ","'),
    ('{"a",,} 1', 'a label name must stand in place of ","'),
    ('{"a","b"} 1', "there are two metric names, a and b; a sample has one"),
    ('a{"b"} 1', "there are two metric names, a and b; a sample has one"),
    ('{"a" b="1"} 1', 'after the name "a" must come ="..."'),
    ('{""} 1', "the metric name is empty"),
    ('a{""="1"} 1', "a label name is empty"),
    ("{a.b} 1", 'after the name a must come ="..."'),
    ("{a} 1", 'after the name a must come ="..."'),
    ('{"a"}', "the value is missing"),
    # Names of labels that can't be.
    ('{__name__="a"} 1', "the label __name__ is not allowed; the metric name stands for it"),
    ('a{__name__="b"} 1', "the label __name__ is not allowed; the metric name stands for it"),
    ('a{"__name__"="b"} 1', "the label __name__ is not allowed; the metric name stands for it"),
    ('a{b="1",b="2"} 1', "the label b is given twice"),
    ('a{b="1","b"="2"} 1', "the label b is given twice"),
    ('a{"\\\\"="1","\\q"="2","\\\\q"="3"} 1', "the label \\q is given twice"),
    ('a{"x\\y"="1","x\\\\y"="2"} 1', "the label x\\y is given twice"),
    ('a{k8s_pod_name="1",k8s_pod_name="2"} 1', "the label k8s_pod_name is given twice"),
    # Metadata.
    ("# TYPE a", f"the type is missing; it is {TYPES}"),
    ("# TYPE a ", f"the type is missing; it is {TYPES}"),
    ("# TYPE a info", f'the type is "info"; it takes {TYPES}'),
    ("# TYPE a unknown", f'the type is "unknown"; it takes {TYPES}'),
    ("# TYPE a COUNTER", f'the type is "COUNTER"; it takes {TYPES}'),
    ("# TYPE a counter ", "the line must end with the type, but blanks follow"),
    ("# TYPE a counter x", f'the type is "counter x"; it takes {TYPES}'),
    ("# TYPE a counter # x", f'the type is "counter # x"; it takes {TYPES}'),
    ("# TYPE a.b counter", "after the metric name a must come a blank"),
    ("# TYPE 9 counter", "a metric name must follow TYPE or HELP"),
    ("# TYPE {a} counter", "a metric name must follow TYPE or HELP"),
    ('# TYPE "a counter', "the quoted name is not closed"),
    ('# TYPE "" counter', "the metric name is empty"),
    ('# TYPE "a"counter', "after the metric name a must come a blank"),
    ("# HELP a{b} x", "after the metric name a must come a blank"),
    ("# HELP a: x\n# HELP a-b x", "after the metric name a must come a blank"),
    ('# HELP "a', "the quoted name is not closed"),
    ('# HELP "" x', "the metric name is empty"),
    ("# HELP 9", "a metric name must follow TYPE or HELP"),
    # What expfmt refuses in a histogram or a summary.
    ('# TYPE a histogram\na_bucket{le="x"} 1', f'the label le of histogram a is "x"; {BOUND}'),
    ('# TYPE a histogram\na_bucket{le=""} 1', f'the label le of histogram a is ""; {BOUND}'),
    (
        '# TYPE a histogram\na_bucket{"le"="1_0"} 1',
        f'the label le of histogram a is "1_0"; {BOUND}',
    ),
    (
        '# TYPE a histogram\na_bucket{le="1"} -1',
        "a count of histogram a is negative; it takes 0 or more",
    ),
    ("# TYPE a histogram\na_count -0.5", "a count of histogram a is negative; it takes 0 or more"),
    ("# TYPE a histogram\na_count -Inf", "a count of histogram a is negative; it takes 0 or more"),
    ('# TYPE a summary\na{quantile="x"} 1', f'the label quantile of summary a is "x"; {BOUND}'),
    (
        '# TYPE a summary\na_sum{quantile="1e999"} 1',
        f'the label quantile of summary a is "1e999"; {BOUND}',
    ),
    (
        '# TYPE "a.b" histogram\n{"a.b_count"} -1',
        "a count of histogram a.b is negative; it takes 0 or more",
    ),
    ("a 1\n\n# c\nb", "the value is missing"),
]

# The line quoted is not the whole last line as it stands.
WHOLE_MESSAGES: list[tuple[str | bytes, str]] = [
    ("a 1\xa0", f'line 1: the value is "1\\xa0"; {NUMBER}: a 1\\xa0'),
    ("\xa0a 1", "line 1: a line must be a comment or start with a metric name: \\xa0a 1"),
    ("a\x0b1", f'line 1: the value is "\\x0b1"; {NUMBER}: a\\x0b1'),
    ("a\r", f"line 1: {CARRIAGE_RETURN}: a\\r"),
    ("a 1\r", f"line 1: {CARRIAGE_RETURN}: a 1\\r"),
    ('a{b="1"} 1\r\nb 1', f'line 1: {CARRIAGE_RETURN}: a{{b="1"}} 1\\r'),
    ("\r\n", f"line 1: {CARRIAGE_RETURN}: \\r"),
    ("# TYPE a gauge\r", f"line 1: {CARRIAGE_RETURN}: # TYPE a gauge\\r"),
    ("a 1\r5", f'line 1: the value is "1\\r5"; {NUMBER}: a 1\\r5'),
    ("\ufeffa 1", "line 1: the line starts with a byte order mark; a body has none: \\ufeffa 1"),
    (
        "\ufeff# TYPE a gauge",
        "line 1: the line starts with a byte order mark; a body has none: \\ufeff# TYPE a gauge",
    ),
    ("a 1\n\x00", "line 2: there is a NUL byte; text has none: \\x00"),
    ('a{b="\x00"} 1', 'line 1: there is a NUL byte; text has none: a{b="\\x00"} 1'),
    ("# c\x00", "line 1: there is a NUL byte; text has none: # c\\x00"),
    (b'a 1\nb{c="\xff"} 1\nd 1', 'line 2: the byte 0xff is not UTF-8: b{c="\\xff"} 1'),
    (b"# HELP a \xc3\n", "line 1: the byte 0xc3 is not UTF-8: # HELP a \\xc3"),
    (b"\xed\xa0\x80 1", "line 1: the byte 0xed is not UTF-8: \\xed\\xa0\\x80 1"),
    ('a{b="x\ny"} 1', 'line 1: the label value is not closed: a{b="x'),
    (
        "# TYPE a counter\t",
        "line 1: the line must end with the type, but blanks follow: # TYPE a counter\\t",
    ),
    ("# TYPE \x0b", "line 1: a metric name must follow TYPE or HELP: # TYPE \\x0b"),
    (
        'a_count{le="x"} 1\n# TYPE a histogram',
        f'line 1: the label le of histogram a is "x"; {BOUND}: a_count{{le="x"}} 1',
    ),
    (
        f"a 1{'0' * 309}",
        f'line 1: the value "1{"0" * 36}..." is too large for a 64-bit float: a 1{"0" * 74}...',
    ),
    (
        f"# HELP {'x' * 100}-",
        f"line 1: after the metric name {'x' * 37}... must come a blank: # HELP {'x' * 70}...",
    ),
]

KNOWN = """
a 1
a{b="1"} 1
a{} 1
# TYPE a gauge
# HELP a x
a_bucket{le="1"} 1
b 1
"""


@pytest.mark.parametrize(("body", "reason"), REFUSED)
def test_it_is_refused_with_a_reason(body: str, reason: str) -> None:
    with pytest.raises(ExpositionError) as caught:
        parse(body)
    lines = body.split("\n")
    assert caught.value.reason == reason
    assert caught.value.line == len(lines)
    assert str(caught.value) == f"line {len(lines)}: {reason}: {lines[-1]}"


@pytest.mark.parametrize(("body", "message"), WHOLE_MESSAGES)
def test_the_message_quotes_the_line(body: str | bytes, message: str) -> None:
    assert error_of(body) == message


@pytest.mark.parametrize("body", [body for body, _ in [*REFUSED, *WHOLE_MESSAGES]])
def test_it_is_refused_too_when_its_beginnings_are_known(body: str | bytes) -> None:
    reader = reader_of()
    read(reader, KNOWN)
    assert error_of(body, reader) == error_of(body)


@pytest.mark.parametrize(
    "body",
    [
        "a " + "x" * 10**6,
        "a 1" + "0" * 10**6,
        "a 1 " + "9" * 10**6,
        "a 1 2 " + "x" * 10**6,
        "# TYPE a " + "x" * 10**6,
        "# TYPE " + "x" * 10**6 + "- x",
        'a{b="' + "x" * 10**6,
        "a{" + "b" * 10**6,
        "a{" + " " * 10**6,
        "a" + " " * 10**6 + "{",
        "a{b" + " " * 10**6 + "x",
        "a{" + 'b="1",' * 10**5 + "}",
        "a{" + 'b="1",' * 10**5 + ",}",
        'a{b="' + "\\\\" * 10**6,
        "{" + '"' + "b" * 10**6 + '",' * 2 + "}",
        "a 1" + " " * 10**6 + "x",
    ],
    ids=range(16),
)
@pytest.mark.timeout(5)  # a quadratic grammar would need hours
def test_a_long_line_is_refused_fast_and_quoted_short(body: str) -> None:
    assert len(error_of(body) or "") in range(10, 300)
