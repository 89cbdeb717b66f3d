# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The alert rules that the prometheus_scrape library sends, whosever file it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ops import testing

from tests.charm.scrape_probe import (
    ONE_CONTAINER,
    WRITTEN_JOB,
    AppBag,
    Probe,
    app_bag,
    context,
    jobs_in,
    joined,
)

RULE = "alert: ProbeSleeps\nexpr: probe_awake == 0\nfor: 1m\nlabels: {severity: info}\n"


def rules_folder(root: Path) -> Path:
    folder = root / "rules"
    (folder / "sub").mkdir(parents=True)
    (folder / "single.rule").write_text(RULE)
    grouped = {"groups": [{"name": "probe", "rules": [yaml.safe_load(RULE)]}]}
    (folder / "sub" / "grouped.rules").write_text(yaml.safe_dump(grouped))
    (folder / "README.md").write_text("no rules")
    return folder


def groups_in(bags: testing.Relation) -> dict[str, list[dict[str, Any]]]:
    """The alert groups by name."""
    rules = json.loads(app_bag(bags).get("alert_rules", "{}"))
    return {group["name"]: group["rules"] for group in rules.get("groups", [])}


def alerts_in(bags: testing.Relation) -> list[str]:
    """The names of all alerts, sorted."""
    return sorted(rule["alert"] for rules in groups_in(bags).values() for rule in rules)


def test_the_rules_of_all_folders_are_sent_with_the_topology(tmp_path: Path) -> None:
    bags = joined(context(alert_rules_path=str(rules_folder(tmp_path))))
    AppBag.model_validate(app_bag(bags))
    ours = {
        name: rules for name, rules in groups_in(bags).items() if rules[0]["alert"] == "ProbeSleeps"
    }
    assert len(ours) == 2
    for name, (rule,) in ours.items():
        assert "shop_11111111_probe" in name
        assert rule["expr"] == "probe_awake == 0"
        assert rule["labels"] == {
            "severity": "info",
            "juju_model": "shop",
            "juju_model_uuid": "11111111-2222-4333-8444-555555555555",
            "juju_application": "probe",
            "juju_charm": "probe",
        }


def test_rules_are_found_beside_the_charm(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    rules_folder(tmp_path).rename(tmp_path / "src" / "prometheus_alert_rules")
    charm = type("Probe", (Probe,), {"options": {}})
    bags = joined(testing.Context(charm, meta=ONE_CONTAINER, charm_root=tmp_path))
    assert alerts_in(bags).count("ProbeSleeps") == 2


def test_cosl_s_generic_rules_are_sent_even_where_there_are_no_own_ones() -> None:
    (group,) = groups_in(joined(context(alert_rules_path="./nowhere"))).items()
    name, rules = group
    assert name.startswith("shop_11111111_probe_HostHealth")
    assert [rule["alert"] for rule in rules] == ["HostDown", "HostMetricsMissing"]
    assert {rule["labels"]["juju_application"] for rule in rules} == {"probe"}


def test_without_forwarding_no_rules_are_sent(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "alert_rules_path": str(rules_folder(tmp_path)),
        "forward_alert_rules": False,
    }
    bags = joined(context(**options))
    assert groups_in(bags) == {}
    assert jobs_in(bags) == [WRITTEN_JOB]


@pytest.mark.parametrize(
    "content",
    [": : :\n- [", "- a\n- list\n", "expr: up == 0\n", "", "alert: NoExpression\n"],
    ids=["no YAML", "a list", "no alert", "empty", "no expression"],
)
def test_an_invalid_rule_file_costs_only_its_own_rules(content: str, tmp_path: Path) -> None:
    folder = rules_folder(tmp_path)
    (folder / "broken.rule").write_text(content)
    bags = joined(context(alert_rules_path=str(folder)))
    assert alerts_in(bags) == ["HostDown", "HostMetricsMissing", "ProbeSleeps", "ProbeSleeps"]
