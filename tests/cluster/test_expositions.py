# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What Prometheus' own parsers, the server's and expfmt, make of what the merge writes.

Random bodies, many of them wrong. Whatever mixture is taken, both parsers must take the merged
answer, and understand in it the very series that they understand in the bodies, each with the
pod's two labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest

from metrics_proxy.exposition import (
    ExpositionError,
    Merged,
    PodLabels,
    PodReader,
    Shapes,
    encode_text,
    merge,
    up_exposition,
)
from tests.cluster.controlplane import Expocheck
from tests.cluster.controlplane.expocheck import Series

PODS = [PodLabels(namespace="n", name=f"p{number}") for number in range(4)]
NAMES = [
    "a",
    "a_count",
    "a_sum",
    "a_bucket",
    "b",
    "up",
    "up_count",
    "exported_up",
    "a.b",
    "é",
    "le",
]
LABELS = ["b", "le", "quantile", "k8s_pod_name", "exported_k8s_pod_name", "l.x", 'q"']
TYPES = ["counter", "gauge", "histogram", "histogram", "summary", "untyped"]
VALUES = ["1", "0", "-1", "1.5", "NaN", "+Inf", "1e3", "1e309", "0x10", *"23456789"]
LABEL_VALUES = ["1", "+Inf", "x", "a,b", "}", "{", "#", " blank ", '\\"', "\\\\", "\\n", "\\q", "é"]
TIMESTAMPS = ["", "", "", "", " 123", "  0005", " 1.5", " -5"]
NOISE = b' \t\n\r"\\{},=#a1-+.e_'

_BARE_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_BARE_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_UP = re.compile(r"(?:exported_)*(up(?:_bucket|_sum|_count)?)")
_OURS = ("k8s_namespace", "k8s_pod_name")

SeriesKey = tuple[tuple[tuple[str, str], ...], str, int | None]


def quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Writer:
    """Writes bodies in all the spellings that the format allows, and some that it does not."""

    random: Random

    def bodies(self) -> list[bytes]:
        """Of a few pods, with the same few names, so that they clash."""
        names = self.random.sample(NAMES, 3)
        return [self._body(names) for _ in range(self.random.randint(1, len(PODS)))]

    def _body(self, names: list[str]) -> bytes:
        lines = [self._line(self.random.choice(names)) for _ in range(self.random.randint(1, 9))]
        text = ("\n".join(lines) + self.random.choice(["\n", "\n", ""])).encode()
        return self._damaged(text) if self.random.random() < 0.25 else text

    def _line(self, name: str) -> str:
        kind = self.random.random()
        if kind < 0.25:
            return f"# TYPE {self._metric(name)} {self.random.choice(TYPES)}"
        if kind < 0.35:
            text = self.random.choice([" text", "", " \\q", " a } 1", " end\\"])
            return f"# HELP {self._metric(name)}{text}"
        if kind < 0.4:
            return self.random.choice(["# comment", "", "#", "# EOF", "#TYPE a gauge"])
        return self._sample(name + self.random.choice(["", "", "_bucket", "_sum", "_count"]))

    def _sample(self, name: str) -> str:
        labels = [
            self._label(label)
            for label in self.random.sample(LABELS, self.random.choice([0, 1, 2]))
        ]
        end: str = self.random.choice(VALUES) + self.random.choice(TIMESTAMPS)
        if not _BARE_METRIC.fullmatch(name) or self.random.random() < 0.1:
            return "{" + ",".join([quoted(name), *labels]) + "}" + self._blanks() + end
        braces: str = (
            "{" + ",".join(labels) + self.random.choice(["", ""] + [","] * bool(labels)) + "}"
        )
        return name + (self._blanks() + braces if labels else "") + " " + end

    def _label(self, name: str) -> str:
        bare = _BARE_LABEL.fullmatch(name) and self.random.random() < 0.9
        value = self.random.choice(
            ["1", "0.5", "+Inf"] if name in {"le", "quantile"} else LABEL_VALUES
        )
        return f'{self._blanks()}{name if bare else quoted(name)}{self._blanks()}="{value}"'

    def _metric(self, name: str) -> str:
        return name if _BARE_METRIC.fullmatch(name) else quoted(name)

    def _blanks(self) -> str:
        return self.random.choice(["", "", "", " ", "\t"])

    def _damaged(self, body: bytes) -> bytes:
        place = self.random.randrange(len(body))
        noise = bytes([self.random.choice(NOISE)])
        return body[:place] + noise + body[place + self.random.randint(0, 1) :]


def understood(series: list[Series], pod: PodLabels | None = None) -> Counter[SeriesKey]:
    """Series as a multiset; with ``pod``, as they must be once the pod's labels are on them."""
    return Counter((_labels(one, pod), one.value, one.timestamp) for one in series)


def _labels(one: Series, pod: PodLabels | None) -> tuple[tuple[str, str], ...]:
    # The server takes a blank before a name for a part of it, expfmt and the format do not.
    labels = one.labels | {"__name__": one.labels["__name__"].lstrip(" \t")}
    if pod is not None:
        for name in _OURS:
            if name in labels:
                labels[_free(name, labels)] = labels.pop(name)
        labels |= {"k8s_namespace": pod.namespace, "k8s_pod_name": pod.name}
    # How often `exported_` stands before `up` depends on what else the pod has.
    if up := _UP.fullmatch(labels["__name__"]):
        labels["__name__"] = up[1]
    for bound in {"le", "quantile"} & labels.keys():
        labels[bound] = _number(labels[bound])
    return tuple(sorted(labels.items()))


def _number(text: str) -> str:
    """A bound as the server writes it where it takes the family for a histogram or summary."""
    try:
        return repr(float(text))
    except ValueError:
        return text


def _free(name: str, labels: dict[str, str]) -> str:
    free = f"exported_{name}"
    while free in labels:
        free = f"exported_{free}"
    return free


def merged(
    bodies: list[bytes], readers: list[PodReader]
) -> tuple[Merged, list[tuple[bytes, PodLabels]]]:
    """The answer, and the bodies that were taken. All are read twice, as pods repeat themselves."""
    expositions, taken = [], []
    for body, pod, reader in zip(bodies, PODS, readers, strict=False):
        try:
            reader.read(body)
            expositions.append(reader.read(body))
        except ExpositionError:
            continue
        taken.append((body, pod))
    return merge([up_exposition((pod, True) for pod in PODS), *expositions]), taken


@pytest.fixture(scope="module")
def expocheck() -> Iterator[Expocheck]:
    with Expocheck() as checker:
        yield checker


@pytest.mark.parametrize("seed", range(20))
def test_both_parsers_understand_in_the_answer_what_they_understand_in_the_bodies(
    expocheck: Expocheck, seed: int
) -> None:
    writer, shapes, seen = Writer(Random(seed)), Shapes(), Counter[str]()
    readers = [PodReader(pod, shapes) for pod in PODS]
    for _ in range(150):
        bodies = writer.bodies()
        answer, taken = merged(bodies, readers)
        check_answer(expocheck, answer, taken)
        seen.update(bodies=len(bodies), taken=len(taken), conflicts=len(answer.conflicts))
    # Else the test would prove nothing.
    assert seen["taken"] > 60
    assert seen["bodies"] - seen["taken"] > 60
    assert seen["conflicts"] > 3


def check_answer(
    expocheck: Expocheck, answer: Merged, taken: list[tuple[bytes, PodLabels]]
) -> None:
    text = b"".join(encode_text(answer))
    verdict = expocheck.check(text, content_type="text/plain; version=0.0.4; charset=utf-8")
    assert verdict.ok, (verdict.server_error, verdict.expfmt_error, text, taken)
    wanted, known = Counter[SeriesKey](), True
    for body, pod in taken:
        said = expocheck.check(body)
        wanted += understood(said.series, pod)
        # The server minds some blanks that the format allows; then it does not say what follows.
        known = known and said.server_error is None
    ups = Counter[SeriesKey]((_up_labels(pod), "1", None) for pod in PODS)
    dropped = sum(conflict.dropped for conflict in answer.conflicts)
    missing = wanted + ups - understood(verdict.series)
    assert missing.total() <= dropped, (missing, text, taken)
    if known:
        assert missing.total() == dropped, (missing, text, taken)
        assert not understood(verdict.series) - wanted - ups, (text, taken)


def _up_labels(pod: PodLabels) -> tuple[tuple[str, str], ...]:
    labels = {"__name__": "up", "k8s_namespace": pod.namespace, "k8s_pod_name": pod.name}
    return tuple(sorted(labels.items()))


@pytest.mark.parametrize("content_type", ["text/plain", "", "text/html"])
def test_prometheus_3_minds_the_content_type(expocheck: Expocheck, content_type: str) -> None:
    """The reason why ours is always versioned; expocheck notices when it is not known at all."""
    verdict = expocheck.check("a 1\n", content_type=content_type)
    assert (verdict.server_error is None) == (content_type == "text/plain")
