# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the process takes from its host: by default every interface, and all the files it may have.

In a network namespace of its own, so that "every interface" is loopback alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.proxy import environment

SCRIPT = """
ip link set lo up
ulimit -Sn 256
{python} -m metrics_proxy & proxy=$!
trap 'kill $proxy' EXIT
for _ in $(seq 300); do
  curl --silent --output /dev/null http://127.0.0.1:15090/livez && break
  sleep 0.1
done
for host in 127.0.0.1 '[::1]' localhost; do
  curl --silent --fail --output /dev/null --write-out '%{{http_code}}\\n' "http://$host:15090/livez"
done
awk '/open files/ {{ print $4, $5 }}' /proc/$proxy/limits
"""


def test_by_default_it_serves_ipv4_and_ipv6_with_all_the_files_it_may_have(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    clusters = [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}]
    contexts = [{"name": "c", "context": {"cluster": "c"}}]
    config = {"current-context": "c", "clusters": clusters, "contexts": contexts}
    kubeconfig.write_text(json.dumps(config))
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", "bash", "-c", SCRIPT.format(python=sys.executable)],
        env=environment(KUBECONFIG=str(kubeconfig), POD_LABEL_SELECTOR="a=b"),
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    *answers, limits = done.stdout.splitlines() or [done.stderr]
    assert answers == ["200", "200", "200"], done.stderr
    soft, hard = limits.split()
    assert soft == hard != "256"
