# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Label selectors: the whole Kubernetes grammar, checked before anything is asked of a cluster.

The grammar is that of the API's ``labelSelector`` parameter: ``a=b``, ``a==b``, ``a!=b``,
``a in (x,y)``, ``a notin (x)``, ``a``, ``!a``, ``a>1``, ``a<1``, joined by commas that mean "and".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"==|!=|[=!<>(),]|[^ \t\r\n=!<>(),]+")
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,63}")
_OPERATORS = frozenset({"=", "==", "!=", "in", "notin", ">", "<"})
_END = ""


class SelectorError(ValueError):
    """The text is no label selector; the message says where and what would be right."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition. ``operator``: in, notin, exists, !, > or < (``=`` is in, ``!=`` is notin)."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether a pod's labels meet the condition; ``notin`` is met by an absent key."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value in self.values
            case "notin":
                return value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        if value is None or not _is_int64(value):
            return False
        bound = int(next(iter(self.values)))
        return int(value) > bound if self.operator == ">" else int(value) < bound


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed selector. ``text`` is as it was written, which is what the API is asked with."""

    text: str
    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels meet every requirement."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return self.text


def parse_selector(text: str) -> Selector:
    """Parse a label selector; an empty one selects everything. Raises SelectorError."""
    tokens = _Tokens(text)
    requirements: list[Requirement] = []
    if tokens.peek() != _END:
        requirements.append(_requirement(tokens))
        while tokens.accept(","):
            requirements.append(_requirement(tokens))
        tokens.expect(_END, '"," or the end')
    return Selector(text.strip(), tuple(requirements))


class _Tokens:
    """The words and symbols of a selector, one ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = [match.group() for match in _TOKEN.finditer(text)]
        self._next = 0

    def peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else _END

    def take(self) -> str:
        token = self.peek()
        self._next += 1
        return token

    def accept(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self.take()
        return True

    def expect(self, token: str, wanted: str) -> None:
        if not self.accept(token):
            raise self.error(wanted)

    def word(self, wanted: str) -> str:
        if not _is_word(self.peek()):
            raise self.error(wanted)
        return self.take()

    def error(self, wanted: str) -> SelectorError:
        found = f'"{self.peek()}"' if self.peek() else "the end"
        before = " ".join(self._tokens[: self._next])
        where = f' after "{before}"' if before else " at the start"
        return SelectorError(f"found {found}{where}, expected {wanted}")


def _is_word(token: str) -> bool:
    return token != _END and token not in {"=", "==", "!=", "!", "<", ">", "(", ")", ","}


def _requirement(tokens: _Tokens) -> Requirement:
    if tokens.accept("!"):
        return Requirement(_key(tokens), "!")
    key = _key(tokens)
    if tokens.peek() in {_END, ","}:
        return Requirement(key, "exists")
    if tokens.peek() not in _OPERATORS:
        raise tokens.error('"=", "!=", "in", "notin", "," or the end')
    return _with_values(key, tokens.take(), tokens)


def _with_values(key: str, operator: str, tokens: _Tokens) -> Requirement:
    if operator in {"in", "notin"}:
        return Requirement(key, operator, _value_set(tokens))
    value = _exact_value(tokens)
    if operator in {">", "<"} and not _is_int64(value):
        raise SelectorError(f'"{key} {operator}" compares with a whole number, not "{value}"')
    names = {"=": "in", "==": "in", "!=": "notin"}
    return Requirement(key, names.get(operator, operator), frozenset({value}))


def _is_int64(text: str) -> bool:
    return bool(_INTEGER.fullmatch(text)) and -(2**63) <= int(text) < 2**63


def _value_set(tokens: _Tokens) -> frozenset[str]:
    tokens.expect("(", '"(" and values, as in (x,y)')
    values = {_listed_value(tokens)}
    while tokens.accept(","):
        values.add(_listed_value(tokens))
    tokens.expect(")", '"," or ")"')
    return frozenset(values)


def _listed_value(tokens: _Tokens) -> str:
    return "" if tokens.peek() in {",", ")"} else _checked_value(tokens.word('a value, "," or ")"'))


def _exact_value(tokens: _Tokens) -> str:
    return "" if tokens.peek() in {_END, ","} else _checked_value(tokens.word("a value"))


def _key(tokens: _Tokens) -> str:
    key = tokens.word("a label key")
    prefix, slash, name = key.rpartition("/")
    if slash and not (len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix)):
        raise SelectorError(
            f'the prefix of label key "{key}" must be a DNS name in lower case of at most '
            "253 characters, as in example.com/name"
        )
    if len(name) > 63 or not _NAME.fullmatch(name):
        raise SelectorError(f'label key "{key}" {_RULE}')
    return key


def _checked_value(value: str) -> str:
    if len(value) > 63 or not _NAME.fullmatch(value):
        raise SelectorError(f'label value "{value}" {_RULE}')
    return value


_RULE = (
    'must be at most 63 letters, digits, "-", "_" or ".", beginning and ending with a letter or '
    "digit"
)
