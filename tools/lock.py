# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Make the lock files from the pyproject.toml files: hashed, and good for every platform.

python tools/lock.py           resolve anew, keeping pinned versions where they still fit
python tools/lock.py --check   fail where a lock no longer fits its pyproject.toml
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = (
    "--quiet", "--universal", "--generate-hashes", "--no-header", "--no-emit-index-url",
    "--no-emit-find-links",
)  # fmt: skip
LOCKS = {
    # What the charm packs; it runs on the Python 3.12 of its base.
    "requirements.txt": ("--python-version=3.12", "pyproject.toml"),
    "requirements-charmcraft.txt": ("--python-version=3.11", "--group=charmcraft"),
    "workload/requirements.txt": ("--python-version=3.11", "workload/pyproject.toml"),
    "requirements-dev.txt": (
        "--python-version=3.11", "pyproject.toml", "workload/pyproject.toml", "--group=dev",
    ),
}  # fmt: skip


def main() -> int:
    """Write the locks, or with --check compare them; the exit code."""
    check = "--check" in sys.argv[1:]
    stale = [lock for lock in LOCKS if not _make(lock, check=check)]
    for lock in stale:
        print(f"{lock} does not fit its pyproject.toml; run: make lock", file=sys.stderr)
    return int(bool(stale))


def _make(lock: str, *, check: bool) -> bool:
    """Compile one lock; whether it stayed, or may have changed."""
    with tempfile.TemporaryDirectory() as folder:
        # uv keeps the versions that it finds in the output file.
        output = Path(folder) / "requirements.txt"
        if (ROOT / lock).exists():
            shutil.copy(ROOT / lock, output)
        uv = str(Path(sys.executable).with_name("uv"))
        command = [uv, "pip", "compile", *OPTIONS, *LOCKS[lock], f"--output-file={output}"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        if check:
            return output.read_text() == (ROOT / lock).read_text()
        shutil.copy(output, ROOT / lock)
    return True


if __name__ == "__main__":
    sys.exit(main())
