# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What runs in the sandbox: a stand-in for the cluster, Pebble, and one event after the other."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from metrics_proxy.demo import SamplePods, StandIn

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = "metrics-proxy"
SOCKET = Path(f"/charm/containers/{CONTAINER}/pebble.socket")
STATE = Path("/tmp/juju.json")
LOG = STATE.with_suffix(".log")
KUBECONFIG = Path("/tmp/kubeconfig")
PROXY = "http://127.0.0.1:15090"


async def main(charm: str) -> None:
    """Rehearse deploy, relate, set a selector; AssertionError says what went wrong."""
    _write(config={"scrape-timeout": "2s", "namespaces": "", "log-level": "info"}, databags={})
    async with StandIn() as standin, SamplePods(standin, period=3600), _pebble(standin):
        for event in ("install", "config-changed", "start", "metrics-proxy-pebble-ready"):
            await _dispatch(charm, event)
        _expect_status("blocked", "no pods are selected; run: juju config metrics-proxy-k8s")
        _write(config=_read()["config"] | {"pod-label-selector": SamplePods.selector})
        await _dispatch(charm, "config-changed")
        _expect_status("active", f"for {SamplePods.selector}")
        ups = await asyncio.to_thread(_scrape)
        assert "up{" in ups, ups
        assert 'k8s_pod_name="catalog-0"' in ups, ups
        await _dispatch(charm, "update-status")
        _expect_status("active", "(3 down, 1 skipped)")
        _expect_databags()
        _write(config=_read()["config"] | {"scrape-timeout": "soon"})
        await _dispatch(charm, "config-changed")
        _expect_status("blocked", 'scrape-timeout="soon" is not a duration')
    print("the packed charm's dispatch, Pebble and the proxy did as they should")


def _write(**changes: Any) -> None:
    state = _read() | changes
    STATE.write_text(json.dumps(state))


def _read() -> dict[str, Any]:
    if not STATE.exists():
        return {"ports": [], "status": [], "version": ""}
    state: dict[str, Any] = json.loads(STATE.read_text())
    return state


@asynccontextmanager
async def _pebble(standin: StandIn) -> AsyncIterator[None]:
    standin.kubeconfig(KUBECONFIG)
    SOCKET.parent.mkdir(parents=True)
    _lay_the_rocks_layer(Path("/charm/container/pebble/layers"))
    environ = os.environ | {
        "PEBBLE": "/charm/container/pebble",
        "PEBBLE_SOCKET": str(SOCKET),
        "KUBECONFIG": str(KUBECONFIG),
    }
    process = await asyncio.create_subprocess_exec(
        *("/charm/bin/pebble", "run", "--create-dirs", "--hold"), env=environ
    )
    try:
        while not SOCKET.exists():
            assert process.returncode is None, "Pebble ended"
            await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()


def _lay_the_rocks_layer(folder: Path) -> None:
    """What Juju's Pebble copies from the rock's; --hold leaves its service for the charm."""
    rock = yaml.safe_load((ROOT / "rockcraft.yaml").read_text())
    folder.mkdir(parents=True)
    layer = {"summary": rock["summary"], "services": rock["services"]}
    (folder / "001-metrics-proxy.yaml").write_text(yaml.safe_dump(layer))


async def _dispatch(charm: str, event: str) -> None:
    workload = {"JUJU_WORKLOAD_NAME": CONTAINER} if event.startswith(CONTAINER) else {}
    environ = os.environ | workload | {
        "JUJU_CHARM_DIR": charm,
        "JUJU_DISPATCH_PATH": f"hooks/{event}",
        "JUJU_HOOK_NAME": event,
        "JUJU_MODEL_NAME": "shop",
        "JUJU_MODEL_UUID": "6f1c3a6e-0000-4000-8000-000000000000",
        "JUJU_UNIT_NAME": "metrics-proxy-k8s/0",
        "JUJU_VERSION": "3.6.0",
    }  # fmt: skip
    environ.pop("PYTHONPATH")
    process = await asyncio.create_subprocess_exec(
        f"{charm}/dispatch",
        cwd=charm,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    print(f"{event}: {' '.join(_read()['status'])}")
    assert process.returncode == 0, f"{event}:\n{out.decode()}{LOG.read_text()}"


def _expect_status(name: str, part: str) -> None:
    status = _read()["status"]
    assert status[0] == name, status
    assert part in status[1], status


def _scrape() -> str:
    with urllib.request.urlopen(f"{PROXY}/metrics", timeout=10) as response:
        text: str = response.read().decode()
    return "\n".join(line for line in text.splitlines() if line.startswith("up{"))


def _expect_databags() -> None:
    state = _read()
    unit = state["databags"]["metrics-endpoint:1 metrics-proxy-k8s/0"]
    app = state["databags"]["metrics-endpoint:1 metrics-proxy-k8s"]
    assert unit["prometheus_scrape_unit_address"] == "127.0.0.1", unit
    jobs = json.loads(app["scrape_jobs"])
    assert jobs[0]["static_configs"] == [{"targets": ["*:15090"]}], jobs
    assert json.loads(app["alert_rules"])["groups"], app
    assert state["ports"] == ["15090/tcp"], state["ports"]
    assert state["version"], state


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
