# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The charm's life in a real Juju, from no selector to its removal. Each test goes on from the last.

Prometheus scrapes once a minute, so what it has to show takes a while.
"""

from __future__ import annotations

from collections.abc import Callable

import jubilant
import pytest

from tests.integration import cluster
from tests.integration.cluster import PROMETHEUS, PROXY, UNTRUSTED

# jubilant.wait has timeouts of its own.
pytestmark = pytest.mark.timeout(0)


def select(juju: jubilant.Juju, group: str) -> None:
    juju.config(PROXY, {"pod-label-selector": cluster.selector(group)})


def wait_for(juju: jubilant.Juju, app: str, current: str, *texts: str) -> None:
    """Until there is a unit for each text, which has it in its message, and that status."""

    def ready(status: jubilant.Status) -> bool:
        said = cluster.messages(status, app, current)
        return len(said) == len(texts) and all(any(text in one for one in said) for text in texts)

    juju.wait(ready, error=jubilant.any_error)


def wait_for_prometheus(juju: jubilant.Juju, ready: Callable[[], bool]) -> None:
    juju.wait(lambda _: ready(), delay=10, successes=1)


def test_without_a_selector_it_says_what_to_do(juju: jubilant.Juju) -> None:
    command = f"juju config {PROXY} pod-label-selector=app=NAME"
    wait_for(juju, PROXY, "blocked", f"no pods are selected; run: {command}")


def test_prometheus_has_the_selected_pods(juju: jubilant.Juju) -> None:
    select(juju, "web")
    wait_for(juju, PROXY, "active", "watching 3 pods")
    wait_for_prometheus(juju, lambda: cluster.ups(juju) == cluster.pods_of("web"))
    samples = cluster.query(juju, 'process_cpu_seconds_total{k8s_pod_name="web-0"}')
    assert [sample["metric"]["juju_application"] for sample in samples] == [PROXY]


def test_the_action_lists_them(juju: jubilant.Juju) -> None:
    results = juju.run(f"{PROXY}/0", "list-targets").results
    assert int(results["pods"]) == 3
    assert {row["name"]: int(row["up"]) for row in results["targets"].values()} == (
        cluster.pods_of("web")
    )


def test_another_selector_brings_others(juju: jubilant.Juju) -> None:
    select(juju, "shop")
    wait_for(juju, PROXY, "active", "watching 2 pods")
    wait_for_prometheus(juju, lambda: cluster.ups(juju) == cluster.pods_of("shop"))


def test_three_units_share_the_pods_and_so_do_two(juju: jubilant.Juju) -> None:
    select(juju, "web")
    juju.add_unit(PROXY, num_units=2)
    wait_for(juju, PROXY, "active", *shares(3))
    wait_for_prometheus(juju, lambda: cluster.ups(juju) == cluster.pods_of("web"))
    juju.remove_unit(PROXY, num_units=1)
    wait_for(juju, PROXY, "active", *shares(2))
    wait_for_prometheus(juju, lambda: cluster.ups(juju) == cluster.pods_of("web"))


def shares(total: int) -> list[str]:
    return [f"share {number} of {total}" for number in range(1, total + 1)]


def test_without_trust_it_polls_the_model_s_own_pods(juju: jubilant.Juju) -> None:
    refused = f"no permission to list pods in all namespaces; run: juju trust {UNTRUSTED}"
    juju.config(UNTRUSTED, {"pod-label-selector": cluster.selector("web")})
    wait_for(juju, UNTRUSTED, "blocked", refused)
    juju.config(UNTRUSTED, {"namespaces": cluster.namespace(juju)})
    wait_for(juju, UNTRUSTED, "active", "polling 3 pods")
    juju.config(UNTRUSTED, reset="namespaces")
    wait_for(juju, UNTRUSTED, "blocked", refused)
    juju.trust(UNTRUSTED, scope="cluster")
    wait_for(juju, UNTRUSTED, "active", "watching 3 pods")


def test_removed_it_leaves_nothing(juju: jubilant.Juju) -> None:
    juju.remove_relation(f"{PROXY}:metrics-endpoint", f"{PROMETHEUS}:metrics-endpoint")
    mine = f'up{{juju_application="{PROXY}"}}'
    wait_for_prometheus(juju, lambda: not cluster.query(juju, mine))
    juju.remove_application(PROXY, UNTRUSTED)
    juju.wait(lambda status: status.apps.keys() == {PROMETHEUS}, error=jubilant.any_error)
