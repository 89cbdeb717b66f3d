# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The rock's recipe, and what the charm and the workload rely on in it.

No rockcraft runs here. tests/rehearsal loads its layer into a real Pebble.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import metrics_proxy
import proxy
from metrics_proxy.config import SETTINGS
from metrics_proxy.units import parse_duration

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rock() -> dict[str, Any]:
    recipe: dict[str, Any] = yaml.safe_load((ROOT / "rockcraft.yaml").read_text())
    return recipe


def test_it_is_of_this_version(rock: dict[str, Any]) -> None:
    assert rock["version"] == metrics_proxy.__version__


def test_its_service_is_the_charms(rock: dict[str, Any]) -> None:
    assert list(rock["services"]) == [proxy.SERVICE]
    service = rock["services"][proxy.SERVICE]
    assert service["command"] == proxy.COMMAND
    assert service["startup"] == "enabled"


def test_a_stop_lets_a_scrape_end(rock: dict[str, Any]) -> None:
    (timeout,) = (s.default for s in SETTINGS if s.name == "scrape_timeout")
    delay = rock["services"][proxy.SERVICE]["kill-delay"]
    assert parse_duration(delay) > parse_duration(timeout) + 2


def test_both_malloc_settings_or_none(rock: dict[str, Any]) -> None:
    assert rock["environment"]["MALLOC_TRIM_THRESHOLD_"] == "134217728"
    assert rock["environment"]["MALLOC_MMAP_THRESHOLD_"] == "33554432"


def test_its_user_is_the_one_that_juju_runs(rock: dict[str, Any]) -> None:
    charm = yaml.safe_load((ROOT / "charmcraft.yaml").read_text())
    assert rock["run-user"] == "_daemon_"
    # The UID that every rock gives to _daemon_.
    assert charm["containers"][proxy.CONTAINER]["uid"] == 584792


def test_it_is_built_from_the_locked_workload(rock: dict[str, Any]) -> None:
    part = rock["parts"]["workload"]
    assert (ROOT / part["source"] / "pyproject.toml").is_file()
    (lock,) = part["python-requirements"]
    assert "--hash=sha256:" in (ROOT / part["source"] / lock).read_text()
    assert set(rock["platforms"]) == {"amd64", "arm64"}
