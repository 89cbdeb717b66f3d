# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A model of a real Juju with Prometheus, the charm and pods; or, at once, what is missing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import jubilant
import pytest

from tests.integration import cluster

NEEDS = (
    "The integration tests need a juju client with a bootstrapped Kubernetes controller,"
    " CHARM_PATH (the charm that `make charm` puts into dist/) and ROCK_IMAGE"
    " (the rock of `make rock`, in a registry that the cluster can pull from)"
)
TEN_MINUTES = 600.0


def refuse(reason: str) -> NoReturn:
    """End the whole run: a test that can't run must not look like one that passed."""
    pytest.exit(f"{NEEDS}: {reason}.", returncode=pytest.ExitCode.USAGE_ERROR)


def controller_trouble() -> str:
    """Why no controller can be asked, or ""."""
    try:
        done = subprocess.run(
            ["juju", "models", "--format", "json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except FileNotFoundError:
        return "there is no juju on PATH"
    except subprocess.TimeoutExpired:
        return "the controller did not answer within 60 seconds"
    if done.returncode == 0:
        return ""
    return "no controller answers: " + " ".join(done.stderr.split()).rstrip(".")


@pytest.fixture(scope="session")
def charm_path() -> Path:
    """The packed charm. It must be absolute, or Juju would look for the name on Charmhub."""
    path = Path(os.environ.get("CHARM_PATH", ""))
    if not path.is_file():
        refuse("CHARM_PATH names no file" if path.name else "CHARM_PATH is not set")
    return path.resolve()


@pytest.fixture(scope="session")
def rock_image() -> str:
    """The proxy's image."""
    image = os.environ.get("ROCK_IMAGE", "")
    if not image:
        refuse("ROCK_IMAGE is not set")
    return image


@pytest.fixture(scope="session", autouse=True)
def juju(charm_path: Path, rock_image: str) -> Iterator[jubilant.Juju]:
    """A model of its own, gone at the end, in which everything is deployed."""
    if trouble := controller_trouble():
        refuse(trouble)
    # A status tells of pods that came or went with the next event; let there be one soon.
    with jubilant.temp_model(config={"update-status-hook-interval": "30s"}) as juju:
        juju.wait_timeout = TEN_MINUTES
        if juju.show_model().model_type != "caas":
            refuse("the current controller is not on Kubernetes")
        deploy(juju, charm_path, rock_image)
        yield juju


def deploy(juju: jubilant.Juju, charm_path: Path, rock_image: str) -> None:
    """Prometheus, the charm with trust and without, and pods in two groups."""
    resources = {"metrics-proxy-image": rock_image}
    juju.deploy("prometheus-k8s", cluster.PROMETHEUS, trust=True)
    juju.deploy(charm_path, cluster.PROXY, resources=resources, trust=True)
    juju.deploy(charm_path, cluster.UNTRUSTED, resources=resources)
    juju.integrate(f"{cluster.PROXY}:metrics-endpoint", f"{cluster.PROMETHEUS}:metrics-endpoint")
    juju.wait(
        lambda status: (
            jubilant.all_active(status, cluster.PROMETHEUS)
            and jubilant.all_blocked(status, cluster.PROXY, cluster.UNTRUSTED)
        ),
        error=jubilant.any_error,
    )
    for name, group in cluster.PODS.items():
        cluster.create_pod(juju, name, group, rock_image)
