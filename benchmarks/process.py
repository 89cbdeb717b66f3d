# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that end with the benchmark."""

from __future__ import annotations

import contextlib
import os
import random
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
"""Where ``benchmarks`` can be imported."""

_PATIENCE = 5.0


class BenchError(Exception):
    """The benchmark can't go on; the message says why."""


class Process:
    """A process that lives as long as its ``with`` block. What it says goes to a log file.

    One that ``talks`` keeps its standard output for ``line``.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        log: Path,
        *,
        talks: bool = False,
    ) -> None:
        self.name = name
        self._command = [*_dying_with_us(), *command]
        self._environ = environ
        self._log = log
        self._talks = talks
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            try:
                self._child = subprocess.Popen(
                    self._command,
                    env=self._environ,
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE if self._talks else log,
                    stderr=log,
                    bufsize=0,
                    # A Ctrl-C is for the benchmark, which then stops them one by one.
                    start_new_session=True,
                )
            except OSError as error:
                raise BenchError(f"{self.name} cannot be started: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        child = self._running()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if child.poll() is None:
                # Its session is its own, and it may have started others in it.
                os.killpg(child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=_PATIENCE)
                return

    @property
    def pid(self) -> int:
        """The program's own pid."""
        return self._running().pid

    def check(self) -> None:
        """Raise BenchError, with the end of the log, if it has ended."""
        code = self._running().poll()
        if code is not None:
            raise BenchError(f"{self.name} ended with exit code {code}:\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        child = self._running()
        assert child.stdin is not None
        try:
            child.stdin.write(f"{line}\n".encode())
        except BrokenPipeError:
            raise BenchError(f"{self.name} is gone:\n{self.tail()}") from None

    def line(self, seconds: float) -> str:
        """The next line of one that talks. BenchError if none comes in time."""
        child = self._running()
        assert child.stdout is not None
        if not select.select([child.stdout], [], [], seconds)[0]:
            raise BenchError(f"{self.name} said nothing for {seconds:g} s:\n{self.tail()}")
        line = child.stdout.readline()
        if not line:
            child.wait(_PATIENCE)
            self.check()
        return line.decode().strip()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise BenchError(f"{self.name} was not started")
        return self._child


def free_port() -> int:
    """A port that nobody listens on, below those that outgoing connections are given."""
    for _ in range(1000):
        port = random.randrange(16_000, 32_768)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise BenchError("no free port found")


def _dying_with_us() -> list[str]:
    """A prefix by which the kernel kills it when we are killed; it becomes the program itself."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
