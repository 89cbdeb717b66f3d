# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Run a packed charm's dispatch against a real Pebble, and the proxy that it starts.

    python tests/rehearsal dist/metrics-proxy-k8s_amd64.charm

No Juju: its hook tools are stood in for (hooktool.py). All the rest is real: the packed file, its
dispatch and its dependencies, the Pebble that Juju ships, the workload, which watches the demo's
stand-in for a cluster. It runs in a sandbox of bubblewrap, which has a network of its own, sees the
machine's folders read-only, and has Juju's paths on scratch folders.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.cluster.controlplane.build import cache_root  # noqa: E402
from tools.charm.pack import PackError, base_python  # noqa: E402

HERE = ROOT / "tests/rehearsal"
CHARM_DIR = "/var/lib/juju/agents/unit-metrics-proxy-k8s-0/charm"
TOOLS = (
    "application-version-set", "close-port", "config-get", "goal-state", "is-leader", "juju-log",
    "network-get", "open-port", "opened-ports", "relation-get", "relation-ids", "relation-list",
    "relation-set", "status-get", "status-set",
)  # fmt: skip
_SECONDS = 180
_SOURCES = {
    "bwrap": "it is in the package bubblewrap",
    "go": "Go 1.24 or later builds the Pebble that Juju ships",
}


def main() -> int:
    """Rehearse; the exit code of what runs inside."""
    parser = argparse.ArgumentParser(description="Run a packed charm against a real Pebble.")
    parser.add_argument("charm", type=Path)
    parser.add_argument("--python", default="", help="a Python 3.12, the base's (default: look)")
    args = parser.parse_args()
    for tool in ("bwrap", "go"):
        if shutil.which(tool) is None:
            print(f"cannot rehearse: {tool} is not on the PATH; {_SOURCES[tool]}", file=sys.stderr)
            return 2
    try:
        python = base_python(args.python)
    except PackError as error:
        print(f"cannot rehearse: {error}", file=sys.stderr)
        return 2
    pebble = _pebble()
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        scratch = Path(folder)
        _unpack(args.charm, scratch / "charm")
        _link_tools(scratch / "tools", python)
        command = _sandbox(scratch, python, pebble)
        return subprocess.run(command, check=False, timeout=_SECONDS).returncode


def _pebble() -> Path:
    """The Pebble that Juju ships, built by Go; its own cache makes a second build quick."""
    target = cache_root() / "pebble"
    package = "github.com/canonical/pebble/cmd/pebble"
    subprocess.run(["go", "build", "-o", target, package], cwd=HERE / "pebble", check=True)
    return target


def _unpack(charm: Path, target: Path) -> None:
    with zipfile.ZipFile(charm) as packed:
        packed.extractall(target)
        for info in packed.infolist():
            # extractall forgets what may be executed.
            if mode := info.external_attr >> 16 & 0o777:
                (target / info.filename).chmod(mode)


def _link_tools(target: Path, python: Path) -> None:
    target.mkdir()
    (target / "python3").symlink_to(python)
    for name in TOOLS:
        # Not the charm's Python, which has only what Ubuntu's has.
        command = shlex.join([sys.executable, str(HERE / "hooktool.py"), name])
        (target / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (target / name).chmod(0o755)


def _sandbox(scratch: Path, python: Path, pebble: Path) -> list[str]:
    """Everything of the machine read-only; what can be written is scratch, or the sandbox's own."""
    read_only = ["/usr", "/etc", str(ROOT), str(Path(sys.base_prefix)), str(python.parent.parent)]
    binds = [word for path in dict.fromkeys(read_only) for word in ("--ro-bind", path, path)]
    return [
        "bwrap", "--die-with-parent", "--unshare-net", "--unshare-pid", "--new-session",
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/charm"),
        *("--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"),
        *("--symlink", "usr/lib64", "/lib64", "--symlink", "usr/sbin", "/sbin"),
        *binds,
        *("--ro-bind", str(pebble), "/charm/bin/pebble"),
        *("--ro-bind", str(scratch / "tools"), "/charm/tools"),
        *("--bind", str(scratch / "charm"), CHARM_DIR),
        *("--clearenv", "--setenv", "HOME", "/tmp", "--setenv", "PYTHONPATH", str(ROOT)),
        *("--setenv", "PATH", f"/charm/tools:{Path(sys.executable).parent}:/usr/bin:/bin"),
        *("--setenv", "PYTHONDONTWRITEBYTECODE", "1"),
        *(sys.executable, str(HERE / "inside.py"), CHARM_DIR),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
