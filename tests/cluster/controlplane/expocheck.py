# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Ask Prometheus' own parsers what they make of an exposition."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from .build import expocheck_binary

Format = Literal["text", "openmetrics"]


class Series(NamedTuple):
    """One sample, as the server would store it."""

    labels: dict[str, str]  # with __name__; `le` and `quantile` normalised as the server does
    value: str  # as Go prints it: "1", "+Inf", "NaN"
    timestamp: int | None  # milliseconds, in both formats
    type: str  # of the last TYPE line, if the sample belongs to it; else "unknown"


class Exemplar(NamedTuple):
    """One exemplar; `series` is the index of its sample."""

    series: int
    labels: dict[str, str]
    value: str
    timestamp: int | None


class Family(NamedTuple):
    """What the metadata lines said of a family; the last of each kind wins."""

    type: str
    help: str
    unit: str


@dataclass(frozen=True)
class Verdict:
    """What the two parsers made of one body.

    After an error `series` holds what came before it, which a scrape would
    throw away. `expfmt_error` is always None for OpenMetrics.
    """

    server_error: str | None
    expfmt_error: str | None
    series: list[Series]
    families: dict[str, Family]
    exemplars: list[Exemplar]

    @property
    def ok(self) -> bool:
        """Whether neither parser objects."""
        return self.server_error is None and self.expfmt_error is None


class Expocheck:
    """A running checker, fast enough for thousands of generated bodies.

    A round trip of a small body takes a tenth of a millisecond.
    """

    def __init__(self, binary: Path | None = None) -> None:
        """Start it, building it first (half a minute) when it was never built."""
        command = [str(binary or expocheck_binary()), "-batch"]
        # It needs no care to die with us: it ends at the end of its stdin.
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End the program."""
        self._child.communicate(timeout=10)

    def check(
        self, body: str | bytes, syntax: Format = "text", content_type: str | None = None
    ) -> Verdict:
        """Return the verdict on one body; blocks, not for two threads at once.

        The server's parser is chosen by `content_type` as a scrape chooses it
        (3.x refuses a missing or unknown one); None takes a good one of `syntax`.
        """
        raw = body.encode() if isinstance(body, str) else body
        asked = {"base64": base64.b64encode(raw).decode(), "format": syntax}
        if content_type is not None:
            asked["content_type"] = content_type
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(asked) + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        if not answer:
            raise RuntimeError(f"expocheck ended with {self._child.wait()}")
        return _verdict(json.loads(answer))


def _verdict(answer: dict[str, Any]) -> Verdict:
    return Verdict(
        server_error=answer["server_error"],
        expfmt_error=answer["expfmt_error"],
        series=[Series(*one) for one in answer["series"]],
        families={name: Family(**said) for name, said in answer["families"].items()},
        exemplars=[Exemplar(*one) for one in answer["exemplars"]],
    )
