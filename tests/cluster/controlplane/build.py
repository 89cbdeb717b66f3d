# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Build kube-apiserver, etcd and expocheck from the Go modules beside this file.

Each binary is kept in a cache folder named after what it was made from, so a
second run costs nothing. From cold the first takes about five minutes on two
cores, and wants 4 GB of Go caches.

    python tests/cluster/controlplane/build.py
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MODULES = Path(__file__).resolve().parent / "go"
_SOURCES = ("go.mod", "go.sum", "main.go")


class BuildError(Exception):
    """A binary cannot be had; the message says why, for a person to read."""


@dataclass(frozen=True)
class Binaries:
    """Where the built programs are."""

    kube_apiserver: Path
    etcd: Path
    expocheck: Path


def binaries() -> Binaries:
    """The three programs, built first when they are not in the cache.

    Blocks for minutes when they are not. Raises BuildError.
    """
    return Binaries(
        kube_apiserver=_binary("kube-apiserver"),
        etcd=_binary("etcd"),
        expocheck=_binary("expocheck"),
    )


def expocheck_binary() -> Path:
    """Only expocheck, which is built in half a minute. Raises BuildError."""
    return _binary("expocheck")


def cache_root() -> Path:
    """The folder that survives between runs; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "metrics-proxy-k8s" / "controlplane"


@contextmanager
def locked() -> Iterator[None]:
    """Hold the cache's lock against other processes (and other threads)."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(message: str) -> None:
    """Tell whoever waits; stderr, so that a caller's output stays its own."""
    print(f"controlplane: {message}", file=sys.stderr, flush=True)


def _binary(name: str) -> Path:
    folder = cache_root() / _fingerprint(_MODULES / name)
    wanted = folder / name
    if wanted.is_file():
        return wanted
    with locked():
        if not wanted.is_file():
            _build(_MODULES / name, folder)
    return wanted


def _fingerprint(module: Path) -> str:
    """16 hex digits over everything that decides what the binary will be."""
    digest = hashlib.sha256(_go_version(module).encode())
    for source in _SOURCES:
        digest.update((module / source).read_bytes())
    return digest.hexdigest()[:16]


def _go_version(module: Path) -> str:
    # Asked inside the module, since its go line can select another toolchain.
    return _run([_go(), "version"], module)


def _go() -> str:
    found = shutil.which("go")
    if found is None:
        raise BuildError(
            "The cluster tests build kube-apiserver and etcd with Go, and there is no `go` on"
            " PATH: install Go 1.26.7 or newer, or leave these tests out."
        )
    return found


def _build(module: Path, folder: Path) -> None:
    say(f"building {module.name} (minutes when Go's own caches are cold)")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=cache_root(), prefix=".build-") as scratch:
        made = Path(scratch) / module.name
        command = [_go(), "build", "-trimpath", "-ldflags", "-s -w", "-o", str(made), "."]
        _run(command, module, {"CGO_ENABLED": "0"})
        folder.mkdir(exist_ok=True)
        # A rename, so that nobody can meet half a binary.
        made.rename(folder / module.name)
    megabytes = (folder / module.name).stat().st_size / 1e6
    say(f"built {module.name}: {megabytes:.0f} MB in {time.monotonic() - started:.0f} s")


def _run(command: list[str], folder: Path, extra: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(extra or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-20:])
        raise BuildError(f"`{' '.join(command)}` failed in {folder}:\n{last}")
    return done.stdout


def main() -> int:
    """Build what is missing and print where everything is."""
    started = time.monotonic()
    try:
        built = binaries()
    except BuildError as error:
        say(str(error))
        return 1
    for path in (built.kube_apiserver, built.etcd, built.expocheck):
        print(path)
    say(f"all there after {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
