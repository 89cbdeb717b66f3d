# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""``metrics-proxy demo``: the real proxy on the stand-in, and what to look at."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from metrics_proxy import config, logs
from metrics_proxy.config import Config
from metrics_proxy.demo.pods import SamplePod, SamplePods
from metrics_proxy.demo.standin import StandIn
from metrics_proxy.kubeconfig import connect
from metrics_proxy.server import Server

_TIMEOUT = "2s"


async def run_demo(*, port: int, seconds: float | None = None) -> None:
    """Run the stand-in, the sample pods and the proxy until a signal, or for ``seconds``.

    ``port`` 0 lets the system choose the proxy's. Raises StartError where the port is taken.
    """
    async with StandIn() as standin, SamplePods(standin) as samples:
        with tempfile.TemporaryDirectory(prefix="metrics-proxy-demo-") as folder:
            kubeconfig = standin.kubeconfig(Path(folder) / "kubeconfig")
            loaded = _config(port)
            # The pods that fail here do so on purpose; what the proxy says of them is the show.
            logs.set_up(loaded.log_level, loaded.log_format)
            server = Server(loaded, connect(os.environ | {"KUBECONFIG": str(kubeconfig)}))
            beside = [
                asyncio.create_task(_end_after(server, seconds)),
                asyncio.create_task(_introduce(server, samples.pods)),
            ]
            try:
                await server.run()
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)


def _config(port: int) -> Config:
    flags = {
        "pod_label_selector": SamplePods.selector,
        "scrape_timeout": _TIMEOUT,
        "host": "127.0.0.1",
        "port": str(port),
        "log_level": "warning",
    }
    return config.load(flags, {})


async def _end_after(server: Server, seconds: float | None) -> None:
    if seconds is not None:
        await asyncio.sleep(seconds)
        server.stop()


async def _introduce(server: Server, pods: tuple[SamplePod, ...]) -> None:
    await server.ready.wait()
    print(introduction(server.url, pods), flush=True)  # noqa: T201


def introduction(url: str, pods: tuple[SamplePod, ...]) -> str:
    """What to look at, with the commands to type."""
    width = max(len(f"{pod.namespace}/{pod.name}") for pod in pods)
    cast = "\n".join(f"    {f'{pod.namespace}/{pod.name}':<{width}}  {pod.note}" for pod in pods)
    return f"""
metrics-proxy is running on a stand-in for a cluster, all of it on this machine.

  The pods that the selector {SamplePods.selector} finds:
{cast}
    {"shop/mailer-N":<{width}}  comes and goes every 20 s

  In another terminal:
    curl {url}/metrics                   all pods' samples, each with its pod's name
    curl -s {url}/metrics | grep '^up'   which pods are up: three are not, on purpose
    curl {url}/metrics/self              the proxy's own metrics
  or in a browser:
    {url}/

  A scrape may take {_TIMEOUT}: one pod is too slow, and costs the others nothing. What is wrong
  with a pod is logged here once, when it changes. Ctrl-C ends it.
"""
