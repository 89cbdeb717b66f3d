# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A reader of the text format written from its documentation alone, slow and simple.

It shares no code with the package, so that both would have to be wrong in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ESCAPES = {"\\": "\\", '"': '"', "n": "\n"}

Sample = tuple[str, frozenset[tuple[str, str]], str]
"""Name, labels, and what follows them as it stands."""


@dataclass
class Group:
    """What follows one TYPE line up to the next metadata."""

    name: str
    type: str
    help: str | None = None
    samples: list[Sample] = field(default_factory=list)


def read(text: str) -> list[Group]:
    """Read an answer of ours, in which every family has a TYPE line."""
    groups: list[Group] = []
    help_text: tuple[str, str] | None = None
    assert not text or text.endswith("\n")
    for line in text.split("\n")[:-1]:
        if line.startswith("# HELP "):
            name, rest = metric_name(line[7:])
            help_text = (name, rest[1:])
        elif line.startswith("# TYPE "):
            name, rest = metric_name(line[7:])
            assert help_text is None or help_text[0] == name
            groups.append(Group(name, rest[1:], help_text[1] if help_text else None))
            help_text = None
        else:
            groups[-1].samples.append(sample(line))
    assert help_text is None
    return groups


def metric_name(text: str) -> tuple[str, str]:
    if text[0] == '"':
        return quoted(text)
    name, blank, rest = text.partition(" ")
    return name, blank + rest


def quoted(text: str) -> tuple[str, str]:
    """Read the quoted text that `text` starts with; return it and the rest."""
    out, at = "", 1
    while text[at] != '"':
        if text[at] == "\\":
            at += 1
            out += ESCAPES[text[at]]
        else:
            out += text[at]
        at += 1
    return out, text[at + 1 :]


def sample(line: str) -> Sample:
    name, brace, rest = line.partition("{")
    assert brace
    labels: list[tuple[str, str]] = []
    while rest[0] != "}":
        label, rest = quoted(rest) if rest[0] == '"' else bare(rest)
        if rest[0] == "=":
            value, rest = quoted(rest[1:])
            labels.append((label, value))
        else:
            assert not name
            name = label
        rest = rest.removeprefix(",")
    assert name
    assert len({label for label, _ in labels}) == len(labels)
    return name, frozenset(labels), rest[1:]


def bare(text: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    return name, equals + rest
