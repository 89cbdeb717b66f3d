# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark as a whole, on a world of two pods."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.process import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")


def bench(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--shapes", "2x20", "--rounds", "1"]
    return subprocess.run(
        [*command, *args], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_all_variants_are_measured_in_one_run(tmp_path: Path) -> None:
    rival = script(tmp_path / "rival", f"cd {ROOT}\n{sys.executable} -m metrics_proxy\n: last")
    raw, drawn = tmp_path / "raw.json", tmp_path / "drawn.svg"
    done = bench("--rival", str(rival), "--json", str(raw), "--picture", str(drawn))
    assert done.returncode == 0, done.stderr
    variants = json.loads(raw.read_text())["shapes"]["2x20"]
    counts = {name: figures["samples"] for name, figures in variants.items()}
    assert counts == {"metrics-proxy": 42, "floor": 40, "rival": 42}
    for figures in variants.values():
        assert 0 < figures["cpu_ms"][0] < 1000
        assert 10 < figures["peak_mb"][0] < 1000
    assert drawn.read_text().startswith("<svg")
    assert [line.split()[:2] for line in done.stdout.splitlines()[2:]] == [
        ["2x20", "metrics-proxy"],
        ["2x20", "floor"],
        ["2x20", "rival"],
    ]


def test_a_rival_that_ends_fails_the_benchmark_with_its_last_words(tmp_path: Path) -> None:
    rival = script(tmp_path / "rival", "echo no such flag >&2; exit 4")
    done = bench("--rival", str(rival), "--variants", "floor")
    assert done.returncode == 1
    assert done.stderr.endswith("rival ended with exit code 4:\nno such flag\n")
    assert not done.stdout
