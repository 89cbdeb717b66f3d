# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The charm's alert rules, as Prometheus gets them from the relation, judged by promtool.

In the files of alert_rules/ the words TOPOLOGY and OTHER stand for the topology labels of
the charm and of another application beside it; every alert expected has the charm's.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charm.scrape_probe import ONE_CONTAINER, app_bag, context, joined
from tests.cluster.controlplane.prometheus import PrometheusMissingError, prometheus_binaries

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "src" / "prometheus_alert_rules"
CASES = sorted((HERE / "alert_rules").glob("*.yaml"))
TOPOLOGY = {
    "juju_model": "shop",
    "juju_model_uuid": "11111111-2222-4333-8444-555555555555",
    "juju_application": "metrics-proxy-k8s",
    "juju_charm": "metrics-proxy-k8s",
}
OTHER = TOPOLOGY | {"juju_application": "another"}
SELECTOR = re.compile(r"\b(up|metrics_proxy_\w+)\b(?:\{([^}]*)\})?")
GENERIC = {"HostDown", "HostMetricsMissing"}

Groups = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def promtool() -> Path:
    try:
        return prometheus_binaries().promtool
    except PrometheusMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def groups() -> Groups:
    """What the leader writes to the relation."""
    meta = ONE_CONTAINER | {"name": "metrics-proxy-k8s"}
    bags = joined(context(meta, alert_rules_path=str(RULES)))
    sent: Groups = json.loads(app_bag(bags)["alert_rules"])
    return sent


@pytest.fixture
def rendered(groups: Groups, tmp_path: Path) -> Path:
    """The rule file that Prometheus' charm makes of it."""
    injected = copy.deepcopy(groups)
    for rule in rules_of(injected):
        rule["expr"] = with_matchers(rule["expr"])
    file = tmp_path / "rendered.yaml"
    file.write_text(yaml.safe_dump(injected))
    return file


def rules_of(groups: Groups) -> list[dict[str, Any]]:
    return [rule for group in groups["groups"] for rule in group["rules"]]


def matchers(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def with_matchers(expr: str) -> str:
    """The topology in every selector: cos-tool's part, which runs in Prometheus' charm."""
    topology = matchers(TOPOLOGY)
    return SELECTOR.sub(
        lambda found: f"{found[1]}{{{topology}{',' + found[2] if found[2] else ''}}}", expr
    )


def run(promtool: Path, *arguments: str | Path) -> str:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_each_file_as_it_is(promtool: Path) -> None:
    files = sorted(RULES.iterdir())
    assert files
    assert run(promtool, "check", "rules", "--lint-fatal", *files).count("SUCCESS") == len(files)


def test_promtool_accepts_what_is_sent(promtool: Path, rendered: Path, groups: Groups) -> None:
    checked = run(promtool, "check", "rules", "--lint-fatal", rendered)
    assert f"{len(rules_of(groups))} rules found" in checked


def test_every_selector_can_take_the_topology(groups: Groups) -> None:
    for rule in rules_of(groups):
        names = set(re.findall(r"\b(?:up|metrics_proxy_\w+)\b", rule["expr"]))
        assert names, rule
        assert with_matchers(rule["expr"]).count(matchers(TOPOLOGY)) >= len(names)


def test_every_rule_says_how_bad_it_is_and_what_to_do(groups: Groups) -> None:
    for rule in rules_of(groups):
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert TOPOLOGY.items() <= rule["labels"].items()
        assert rule["annotations"].keys() == {"summary", "description"}
        if rule["alert"] not in GENERIC:
            assert re.search(r"`(juju|kubectl) ", rule["annotations"]["description"])


def expanded(case: Path) -> dict[str, Any]:
    """A test file with its words filled in."""
    text = case.read_text().replace("TOPOLOGY", matchers(TOPOLOGY))
    suite: dict[str, Any] = yaml.safe_load(text.replace("OTHER", matchers(OTHER)))
    for test in suite["tests"]:
        for expectation in test["alert_rule_test"]:
            for alert in expectation["exp_alerts"]:
                alert["exp_labels"] |= TOPOLOGY
    return suite


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_alerts_fire_when_they_should_and_not_else(
    case: Path, promtool: Path, rendered: Path, tmp_path: Path
) -> None:
    file = tmp_path / case.name
    file.write_text(yaml.safe_dump(expanded(case) | {"rule_files": [rendered.name]}))
    run(promtool, "test", "rules", file)


def test_every_rule_is_seen_to_fire(groups: Groups) -> None:
    fired = {
        expectation["alertname"]
        for case in CASES
        for test in expanded(case)["tests"]
        for expectation in test["alert_rule_test"]
        if expectation["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in rules_of(groups)} - {"HostMetricsMissing"}


def test_the_documentation_has_every_rule(groups: Groups) -> None:
    text = (HERE.parents[1] / "docs" / "alerts.md").read_text()
    for rule in rules_of(groups):
        assert f"`{rule['alert']}`" in text
