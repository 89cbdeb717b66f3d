# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests see and do in the cluster, all by way of Juju.

Where the tests run, neither the Kubernetes API nor the pods need to be within reach: what talks to
them is Python in the container of Prometheus' charm, which is trusted.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

import jubilant

PROXY = "metrics-proxy-k8s"
UNTRUSTED = "untrusted"
PROMETHEUS = "prometheus-k8s"
GROUP = "metrics-proxy-test"
"""The label of the pods that the tests make."""
PODS = {"web-0": "web", "web-1": "web", "web-2": "web", "shop-0": "shop", "shop-1": "shop"}
"""Their groups, by name."""

_CREATE = """
import ssl, sys, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
with open(folder + "token") as file:
    token = file.read()
request = urllib.request.Request(
    f"https://kubernetes.default.svc/api/v1/namespaces/{sys.argv[1]}/pods",
    sys.argv[2].encode(),
    {"Authorization": "Bearer " + token, "Content-Type": "application/json"},
)
trusted = ssl.create_default_context(cafile=folder + "ca.crt")
urllib.request.urlopen(request, context=trusted, timeout=30).close()
"""
_QUERY = """
import sys, urllib.parse, urllib.request
query = urllib.parse.urlencode({"query": sys.argv[1]})
url = "http://localhost:9090/api/v1/query?" + query
print(urllib.request.urlopen(url, timeout=30).read().decode())
"""


def selector(group: str) -> str:
    """What selects a group of pods."""
    return f"{GROUP}={group}"


def pods_of(group: str) -> dict[str, int]:
    """What ``ups`` says when all pods of a group are scraped, each by one unit."""
    return {name: 1 for name, its in PODS.items() if its == group}


def create_pod(juju: jubilant.Juju, name: str, group: str, image: str) -> None:
    """A pod with metrics: the rock itself, whose proxy tells of itself whatever it may list."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {GROUP: group},
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": "15090",
                "prometheus.io/path": "/metrics/self",
            },
        },
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "env": [{"name": "POD_LABEL_SELECTOR", "value": "no=pod"}],
                }
            ]
        },
    }
    _python(juju, _CREATE, namespace(juju), json.dumps(pod))


def namespace(juju: jubilant.Juju) -> str:
    """The model's namespace."""
    return juju.show_model().short_name


def ups(juju: jubilant.Juju) -> dict[str, int]:
    """By pod, how many units Prometheus has it from, and that with ``up`` 1."""
    found = query(juju, 'sum by (k8s_pod_name) (up{k8s_pod_name!=""})')
    return {each["metric"]["k8s_pod_name"]: int(each["value"][1]) for each in found}


def query(juju: jubilant.Juju, promql: str) -> list[dict[str, Any]]:
    """An instant query through Prometheus' API."""
    answer = json.loads(_python(juju, _QUERY, promql))
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def messages(status: jubilant.Status, app: str, current: str) -> list[str]:
    """The messages of an application's units; none unless all of them have that status."""
    units = [unit.workload_status for unit in status.get_units(app).values()]
    return [unit.message for unit in units] if {unit.current for unit in units} == {current} else []


def _python(juju: jubilant.Juju, code: str, *arguments: str) -> str:
    """Run Python in the container of Prometheus' charm."""
    command = shlex.join(["python3", "-c", code.strip(), *arguments])
    return juju.exec(command, unit=f"{PROMETHEUS}/0").stdout
