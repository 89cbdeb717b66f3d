# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive the tests, and ports for them."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.05


class StartError(Exception):
    """A process ended, or was not ready in time; carries the end of its log."""


class Process:
    """One program: started again and again with the same command and log.

    Nothing here belongs to an event loop, so an object made in one test's
    loop (or in none) can be used in another's.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """Remember how to start it; `log` is appended to by every start."""
        self.command = [*_dying_with_us(), *command]
        self.log = log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended; true while frozen, too."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The program's own pid. RuntimeError when it is not running."""
        if self._child is None or self._child.poll() is not None:
            raise RuntimeError(f"{self.log.stem} is not running")
        return self._child.pid

    def start(self) -> None:
        """Start it unless it runs.

        Call it from a thread that lives on: the kernel kills the child when
        the thread that started it ends, not only when the process does.
        """
        if self.running:
            return
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the running program."""
        if not self.running:
            raise RuntimeError(f"{self.log.stem} is not running")
        assert self._child is not None
        self._child.send_signal(number)

    def kill(self) -> None:
        """SIGKILL and reap; nothing when it is not running."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def terminate(self, grace: float) -> None:
        """SIGTERM, `grace` seconds to leave, then SIGKILL; blocks that long."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    async def wait_ready(self, ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Poll until `ready()` is true.

        StartError after that many seconds, or at once when the program ends.
        """
        deadline = time.monotonic() + seconds
        while not await ready():
            if not self.running:
                raise StartError(f"{self.log.stem} ended at its start:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise StartError(f"{self.log.stem} not ready in {seconds:g} s:\n{self.tail()}")
            await asyncio.sleep(_POLL_SECONDS)

    def tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that nothing listens on, outside the ephemeral range.

    Inside it a client that dials a port whose server is down could be given
    that very port as its own, and so connect to itself.
    """
    candidates = _outside_ephemeral_range()
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            port = random.choice(candidates)
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            ports.append(port)
        return ports


def _outside_ephemeral_range() -> list[int]:
    setting = Path("/proc/sys/net/ipv4/ip_local_port_range")
    low, high = (int(n) for n in setting.read_text().split())
    below = list(range(10_000, low))
    return below or list(range(high + 1, 65_536))


def _dying_with_us() -> list[str]:
    """A prefix that has the kernel kill the child when its parent is gone.

    setpriv replaces itself by the program, so the pid stays the program's.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
