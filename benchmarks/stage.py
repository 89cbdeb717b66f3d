# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""One run's processes: the world and the variants that scrape it, up to the point of measuring."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import usage, world
from benchmarks.client import Answer, Client, check
from benchmarks.figures import FLOOR, PROXY, RIVAL, Shape
from benchmarks.process import ROOT, BenchError, Process, free_port

_START_SECONDS = 30.0
_RENEW_SECONDS = 60.0
# What a process does after its answer, such as freeing memory, belongs to the scrape.
_SETTLE_SECONDS = 0.03
# Would change what is measured, or lead a variant to another cluster.
_FOREIGN = (
    "PYTHONDONTWRITEBYTECODE", "KUBERNETES_SERVICE_HOST", "NAMESPACES", "MAX_BODY_SIZE",
    "SCRAPE_CA_FILE", "SCRAPE_INSECURE_SKIP_VERIFY", "LOG_LEVEL", "LOG_FORMAT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """One scrape: what it cost, and how many samples its answer held."""

    cpu_seconds: float
    wall_seconds: float
    answer_bytes: int
    samples: int


def environment(folder: Path, port: int = 0) -> dict[str, str]:
    """The environment of every process: ours, so that malloc can be tuned, less what disturbs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _FOREIGN and not name.lower().endswith("_proxy")
    }
    return kept | {
        "KUBECONFIG": str(folder / world.KUBECONFIG),
        "POD_LABEL_SELECTOR": world.SELECTOR,
        "SCRAPE_TIMEOUT": "9s",
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }


def commands(names: Sequence[str], rival: Path | None, folder: Path) -> dict[str, list[str]]:
    """The command of each variant, in the order of the table."""
    targets = str(folder / world.TARGETS)
    known = {
        PROXY: [sys.executable, "-m", "metrics_proxy"],
        FLOOR: [sys.executable, "-m", "benchmarks.floor", "--targets", targets],
    }
    chosen = {name: known[name] for name in names}
    return chosen | ({RIVAL: [str(rival.resolve())]} if rival else {})


def compile_all(folder: Path) -> None:
    """Leave no module to be compiled in a measured process: that costs it megabytes for good."""
    for package in (ROOT / "benchmarks", ROOT / "workload" / "src" / "metrics_proxy"):
        compileall.compile_dir(package, quiet=2)
    modules = "import benchmarks.floor, benchmarks.world, metrics_proxy.cli"
    subprocess.run(
        [sys.executable, "-c", modules], cwd=ROOT, env=environment(folder), check=False, timeout=60
    )


class Stage:
    """The world and the variants of one run. Use it in a ``with`` block, which stops them all."""

    def __init__(self, shape: Shape, variants: Mapping[str, list[str]], folder: Path) -> None:
        self._shape = shape
        self._variants = variants
        self._folder = folder
        self._stack = ExitStack()
        self._world = self._make_world()
        self._members: dict[str, tuple[Process, Client]] = {}
        self._round = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._world)
            self._world.line(_START_SECONDS)
            for name, command in self._variants.items():
                self._members[name] = self._start(name, command, stack)
            for name in self._members:
                self._await_ready(name)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def renew(self) -> None:
        """Begin a round: new values for every series of every pod."""
        self._world.tell("")
        self._round = int(self._world.line(_RENEW_SECONDS))

    def read(self, name: str) -> Reading:
        """Scrape through one variant. BenchError if the answer isn't the whole, fresh truth."""
        process = self._members[name][0]
        before = usage.cpu_seconds(process.pid)
        answer = self._scrape(name)
        time.sleep(_SETTLE_SECONDS)
        process.check()
        cpu = usage.cpu_seconds(process.pid) - before
        samples = self._checked(name, answer, self._round)
        return Reading(cpu, answer.seconds, len(answer.body), samples)

    def peak_bytes(self, name: str) -> int:
        """The variant's peak memory since it was started."""
        return usage.peak_bytes(self._members[name][0].pid)

    def _make_world(self) -> Process:
        pods, series = str(self._shape.pods), str(self._shape.series)
        command = [sys.executable, "-m", "benchmarks.world", "--folder", str(self._folder)]
        return Process(
            "world",
            [*command, "--pods", pods, "--series", series],
            environment(self._folder),
            self._folder / "world.log",
            talks=True,
        )

    def _start(self, name: str, command: list[str], stack: ExitStack) -> tuple[Process, Client]:
        port = free_port()
        log = self._folder / f"{name}.log"
        process = Process(name, command, environment(self._folder, port), log)
        return stack.enter_context(process), stack.enter_context(Client(port))

    def _await_ready(self, name: str) -> None:
        """Wait until the variant has found all pods."""
        process, client = self._members[name]
        deadline = time.monotonic() + _START_SECONDS
        while True:
            process.check()
            try:
                check(client.scrape(), self._shape.pods, self._shape.series)
            except (OSError, EOFError, BenchError) as error:
                if time.monotonic() > deadline:
                    raise self._failed(name, f"not ready: {error}") from error
                time.sleep(0.1)
            else:
                return

    def _scrape(self, name: str) -> Answer:
        try:
            return self._members[name][1].scrape()
        except (OSError, EOFError) as error:
            raise self._failed(name, f"the scrape failed: {error}") from error

    def _checked(self, name: str, answer: Answer, number: int) -> int:
        try:
            return check(answer, self._shape.pods, self._shape.series, number)
        except BenchError as error:
            raise self._failed(name, str(error)) from error

    def _failed(self, name: str, reason: str) -> BenchError:
        return BenchError(f"{name}, {self._shape}: {reason}\n{self._members[name][0].tail()}")
