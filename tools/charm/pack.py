# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Pack the charm into dist/, and let charmcraft analyse what it packed.

python tools/charm/pack.py --charmcraft .venv-charmcraft/bin/charmcraft [--python python3.12]

Where LXD is, charmcraft packs in a container, as it does for everyone. Elsewhere it packs on this
machine, in a copy of the charm and in a mount namespace where the machine is an Ubuntu 24.04: the
charm is pure Python and wheels, so only the Python it is packed with must be that of its base.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PIECES = (
    "charmcraft.yaml", "requirements.txt", "src", "lib", "LICENSE", "README.md", "icon.svg",
)  # fmt: skip
BUILD_PACKAGES = ("findutils", "python3-dev", "python3-venv")
BASE_PYTHON = (3, 12)
_APT_PIECES = ("apt", "aptsources", "apt_pkg.cpython-*.so", "apt_inst.cpython-*.so")
_OS_RELEASE = """\
PRETTY_NAME="Ubuntu 24.04 LTS"
NAME="Ubuntu"
ID=ubuntu
ID_LIKE=debian
VERSION_ID="24.04"
VERSION_CODENAME=noble
"""


class PackError(Exception):
    """Something that packing needs is missing; the message says what to do."""


def main() -> int:
    """Pack and analyse; the exit code."""
    args = _arguments()
    charmcraft = Path(args.charmcraft).absolute()
    try:
        packed = _pack_in_lxd(charmcraft) if _has_lxd() else _pack_here(charmcraft, args.python)
    except PackError as error:
        print(f"cannot pack the charm: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    print(packed.relative_to(ROOT))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Pack the charm into dist/.")
    parser.add_argument("--charmcraft", default="charmcraft", help="the charmcraft to run")
    parser.add_argument("--python", default="", help="a Python 3.12, the base's (default: look)")
    return parser.parse_args()


def _has_lxd() -> bool:
    return shutil.which("lxd") is not None and Path("/run/snapd.socket").exists()


def _pack_in_lxd(charmcraft: Path) -> Path:
    subprocess.run([charmcraft, "pack", "--output", "dist"], cwd=ROOT, check=True)
    return _analysed(charmcraft, max((ROOT / "dist").glob("*_*.charm"), key=_age))


def _pack_here(charmcraft: Path, python: str) -> Path:
    _check_build_packages()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source = work / "source"
        # A copy, since charmcraft leaves its parts behind and a second pack its first result.
        _copy(source)
        environ = _environment(work, base_python(python))
        with _os_release(work) as mount:
            # The platform that is this machine's; a pack in LXD makes the others.
            command = [str(charmcraft), "pack", "--destructive-mode"]
            _run_in_namespace(f"{mount}exec {shlex.join(command)}", source, environ)
        (packed,) = source.glob("*.charm")
        target = ROOT / "dist" / packed.name
        target.parent.mkdir(exist_ok=True)
        shutil.move(packed, target)
    return _analysed(charmcraft, target)


def _check_build_packages() -> None:
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n"]
    found = subprocess.run([*query, *BUILD_PACKAGES], capture_output=True, text=True, check=False)
    installed = {
        line.split()[0] for line in found.stdout.splitlines() if "installed" in line.split()
    }
    if missing := [name for name in BUILD_PACKAGES if name not in installed]:
        raise PackError(f"packages are missing; run: apt-get install {' '.join(missing)}")


def _copy(target: Path) -> None:
    target.mkdir()
    leave = shutil.ignore_patterns("__pycache__", "*.pyc")
    for piece in PIECES:
        if (ROOT / piece).is_dir():
            shutil.copytree(ROOT / piece, target / piece, ignore=leave)
        else:
            shutil.copy(ROOT / piece, target / piece)


def _environment(work: Path, python: Path) -> dict[str, str]:
    """The plugin takes the first python3 on PATH, and charmcraft itself needs apt's."""
    first = work / "python"
    first.mkdir()
    (first / "python3").symlink_to(python)
    state = work / "state"
    state.mkdir()
    return {
        **os.environ,
        "PATH": f"{first}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(_python_apt(work)),
        "CRAFT_STATE_DIR": str(state),
    }


def base_python(given: str) -> Path:
    """The real executable of a Python of the base's version; a pyenv shim isn't one."""
    for candidate in (given, sys.executable, "python3.12", "python3", *_pyenv_pythons()):
        path = shutil.which(candidate) if candidate else None
        if path and (real := _executable(path)):
            return real
    raise PackError("there is no Python 3.12, the base's; name one with --python")


def _pyenv_pythons() -> list[str]:
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    return [str(path) for path in root.glob("versions/3.12.*/bin/python3.12")]


def _executable(python: str) -> Path | None:
    code = "import os, sys; print(sys.version_info[:2] == %r, os.path.realpath(sys.executable))"
    answer = subprocess.run(
        [python, "-c", code % (BASE_PYTHON,)], capture_output=True, text=True, check=False
    )
    right, _, path = answer.stdout.strip().partition(" ")
    return Path(path) if right == "True" else None


def _python_apt(work: Path) -> Path:
    """Debian's python3-apt alone; all of its dist-packages would shadow charmcraft's own."""
    target = work / "apt"
    target.mkdir()
    system = Path("/usr/lib/python3/dist-packages")
    if not (system / "apt").is_dir():
        system = _downloaded_python_apt(work)
    for piece in _APT_PIECES:
        for found in system.glob(piece):
            (target / found.name).symlink_to(found)
    return target


def _downloaded_python_apt(work: Path) -> Path:
    try:
        subprocess.run(["apt-get", "download", "--quiet", "python3-apt"], cwd=work, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PackError("python3-apt is missing; run: apt-get install python3-apt") from error
    (package,) = work.glob("python3-apt_*.deb")
    subprocess.run(["dpkg", "-x", package, work / "python3-apt"], check=True)
    return work / "python3-apt/usr/lib/python3/dist-packages"


@contextmanager
def _os_release(work: Path) -> Iterator[str]:
    """The shell command that makes this machine an Ubuntu 24.04; "" where it is one."""
    real = Path("/etc/os-release").read_text(encoding="utf-8")
    if "\nID=ubuntu\n" in f"\n{real}\n" and 'VERSION_ID="24.04"' in real:
        yield ""
        return
    file = work / "os-release"
    file.write_text(_OS_RELEASE, encoding="utf-8")
    yield f"mount --bind {shlex.quote(str(file))} /etc/os-release && "


def _run_in_namespace(script: str, folder: Path, environ: Mapping[str, str]) -> None:
    unshare: Sequence[str] = ("unshare", "-m") if os.geteuid() == 0 else ("unshare", "-Ur", "-m")
    subprocess.run([*unshare, "sh", "-c", script], cwd=folder, env=environ, check=True)


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _analysed(charmcraft: Path, packed: Path) -> Path:
    # charmcraft 4.5's linter does not understand the dispatch that charmcraft 4.5 writes.
    command = [str(charmcraft), "analyse", "--ignore", "entrypoint", str(packed)]
    with tempfile.TemporaryDirectory() as state:
        subprocess.run(command, check=True, env={**os.environ, "CRAFT_STATE_DIR": state})
    return packed


if __name__ == "__main__":
    sys.exit(main())
