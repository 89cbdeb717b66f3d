# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""charmcraft.yaml, where charmcraft itself looks away, and against the code that relies on it."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import yaml

import charm
import proxy

ROOT = Path(__file__).parents[2]
CHARM: dict[str, Any] = yaml.safe_load((ROOT / "charmcraft.yaml").read_text())
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_what_it_is() -> None:
    assert CHARM["name"] == PYPROJECT["project"]["name"] == "metrics-proxy-k8s"
    assert CHARM["type"] == "charm"
    assert CHARM["base"] == "ubuntu@24.04"
    assert set(CHARM["platforms"]) == {"amd64", "arm64"}
    assert CHARM["assumes"] == ["juju >= 3.6", "k8s-api"]


def test_what_charmhub_shows() -> None:
    assert len(CHARM["summary"]) < 79
    assert CHARM["title"]
    assert set(CHARM["links"]) >= {"documentation", "source", "issues"}
    assert (ROOT / "icon.svg").read_text().count('viewBox="0 0 100 100"') == 1


def test_the_container_has_its_image() -> None:
    assert set(CHARM["containers"]) == {proxy.CONTAINER}
    for container in CHARM["containers"].values():
        assert CHARM["resources"][container["resource"]]["type"] == "oci-image"
        # _daemon_ of every rock.
        assert (container["uid"], container["gid"]) == (584792, 584792)


def test_the_relations_have_interfaces() -> None:
    assert {name: each["interface"] for name, each in CHARM["provides"].items()} == {
        "metrics-endpoint": "prometheus_scrape"
    }
    assert set(CHARM["peers"]) == {charm.PEERS}
    assert "interface" in CHARM["peers"][charm.PEERS]
    assert "requires" not in CHARM


def test_every_option_is_read_and_every_field_an_option() -> None:
    options = CHARM["config"]["options"]
    fields = {field.name.replace("_", "-") for field in dataclasses.fields(proxy.Settings)}
    assert set(options) == fields
    for option in options.values():
        assert set(option) == {"type", "default", "description"}
        assert option["type"] == "string"
        assert isinstance(option["default"], str)
    assert options["scrape-timeout"]["default"] == "9s"


def test_every_action_parameter_is_read_and_every_field_a_parameter() -> None:
    assert set(CHARM["actions"]) == {"list-targets"}
    action = CHARM["actions"]["list-targets"]
    fields = {field.name: field.default for field in dataclasses.fields(charm.ListTargets)}
    assert {name: param["default"] for name, param in action["params"].items()} == fields
    assert action["additionalProperties"] is False
    assert action["description"]


def test_the_library_is_named_and_there() -> None:
    (library,) = CHARM["charm-libs"]
    assert library == {"lib": "prometheus_k8s.prometheus_scrape", "version": "0"}
    assert (ROOT / "lib/charms/prometheus_k8s/v0/prometheus_scrape.py").is_file()


def test_the_lock_is_what_is_packed() -> None:
    part = CHARM["parts"]["charm"]
    assert part["plugin"] == "python"
    assert part["python-requirements"] == ["requirements.txt"]
    locked = (ROOT / "requirements.txt").read_text()
    for dependency in PYPROJECT["project"]["dependencies"]:
        assert f"\n{dependency.partition('>')[0]}==" in f"\n{locked}"
