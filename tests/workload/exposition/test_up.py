# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The family `up`: ours, and a pod's own that makes way for it."""

import pytest

from metrics_proxy.exposition import merge, up_exposition
from tests.workload.exposition.shorthand import PODS, parse, short, text_of

UP_HELP = "# HELP up 1 if the pod answered with a valid exposition in time, else 0.\n"


def test_up_says_which_pods_could_be_scraped() -> None:
    exposition = up_exposition([(PODS[0], True), (PODS[1], False)])
    assert short(text_of(merge([exposition]))) == (
        UP_HELP + "# TYPE up gauge\nup{@0} 1\nup{@1} 0\n"
    )


def test_up_without_pods_is_metadata_alone() -> None:
    assert text_of(merge([up_exposition([])])) == UP_HELP + "# TYPE up gauge\n"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("up 1", "# TYPE exported_up untyped\nexported_up{@0} 1\n"),
        ('{"up",b="1"} 1', '# TYPE exported_up untyped\nexported_up{b="1",@0} 1\n'),
        (
            "# HELP up x\n# TYPE up counter\nup 1 5\nup 2",
            "# HELP up x\n# TYPE up counter\nup{@0} 1 5\nup{@0} 2\n".replace("up", "exported_up"),
        ),
        ("# TYPE up gauge", "# TYPE exported_up gauge\n"),
        (
            "# TYPE up histogram\nup_bucket 1\nup_sum 2\nup_count 3",
            "# TYPE exported_up histogram\n"
            "exported_up_bucket{@0} 1\nexported_up_sum{@0} 2\nexported_up_count{@0} 3\n",
        ),
        (
            "up_count 1\nupper 1",
            "# TYPE up_count untyped\nup_count{@0} 1\n# TYPE upper untyped\nupper{@0} 1\n",
        ),
        (
            "# TYPE exported_up gauge\nup 1",
            "# TYPE exported_exported_up untyped\nexported_exported_up{@0} 1\n"
            "# TYPE exported_up gauge\n",
        ),
        (
            "up 1\nexported_up 2\nexported_exported_up 3",
            "# TYPE exported_exported_exported_up untyped\nexported_exported_exported_up{@0} 1\n"
            "# TYPE exported_exported_up untyped\nexported_exported_up{@0} 3\n"
            "# TYPE exported_up untyped\nexported_up{@0} 2\n",
        ),
        (
            "# TYPE up summary\nup_sum 1\nexported_up_count 2",
            "# TYPE exported_exported_up summary\nexported_exported_up_sum{@0} 1\n"
            "# TYPE exported_up_count untyped\nexported_up_count{@0} 2\n",
        ),
        (
            "# TYPE up gauge\nup 1\nexported_up_count 2",
            "# TYPE exported_up gauge\nexported_up{@0} 1\n"
            "# TYPE exported_up_count untyped\nexported_up_count{@0} 2\n",
        ),
    ],
)
def test_a_pods_own_up_makes_way(body: str, text: str) -> None:
    merged = merge([up_exposition([]), parse(body)])
    assert short(text_of(merged)).replace(UP_HELP + "# TYPE up gauge\n", "") == text
    assert merged.conflicts == ()
