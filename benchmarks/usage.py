# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the kernel has counted of a process and its children (Linux)."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time, to the nanosecond, of a process and all that came of it.

    What is gone, or was never there, counts as nothing.
    """
    total = 0.0
    for member in _family(pid):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            total += _own_seconds(member) + _reaped_seconds(member)
    return total


def peak_bytes(pid: int) -> int:
    """The most memory it ever held (VmHWM), with that of the children it has now."""
    return sum(_peak(member) for member in _family(pid))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # the thread has ended meanwhile
            continue
        for child in children:
            yield from _family(int(child))


def _own_seconds(pid: int) -> float:
    # The clock of another process has a number of its own: clock_getcpuclockid(3), which Python
    # does not offer.
    return time.clock_gettime((~pid << 3) | 2)


def _reaped_seconds(pid: int) -> float:
    """The time of children that have ended, as proc_pid_stat(5) counts it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / _TICKS


def _peak(pid: int) -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
