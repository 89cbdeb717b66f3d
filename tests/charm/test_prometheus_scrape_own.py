# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What our own prometheus_scrape library takes more care of than it must.

Skipped where `charmcraft fetch-libs` has put Charmhub's file in its place: the charm
relies on none of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ops import testing

from charms.prometheus_k8s.v0 import prometheus_scrape
from tests.charm.scrape_probe import (
    JOB,
    WRITTEN_JOB,
    bags_of,
    context,
    jobs_in,
    joined,
    relation,
    state,
    unit_field,
)
from tests.charm.test_prometheus_scrape_rules import alerts_in, rules_folder

pytestmark = pytest.mark.skipif(
    prometheus_scrape.LIBPATCH != 1, reason="lib/ holds Charmhub's library, not ours"
)


def test_lookaside_jobs_do_not_pile_up_within_one_event() -> None:
    ctx = context(lookaside_jobs_callable=lambda: [{"job_name": "more"}])
    bags = relation()
    with ctx(ctx.on.config_changed(), state(bags)) as manager:
        for _ in range(3):
            manager.charm.metrics.set_scrape_job_spec()
        manager.charm.metrics.update_scrape_job_spec([JOB])
        out = manager.run()
    written = jobs_in(bags_of(out, bags))
    assert [job.get("job_name") for job in written] == [None, "more"]
    assert written[0] == WRITTEN_JOB


def test_where_lookaside_jobs_are_all_there_is_no_default_one_is_added() -> None:
    bags = joined(context(jobs=None, lookaside_jobs_callable=lambda: [JOB]))
    assert jobs_in(bags) == [WRITTEN_JOB]


@pytest.mark.parametrize(
    "content",
    ["42\n", "groups:\n", "groups: [{rules: []}]\n", "groups: [{name: a, rules: [up]}]\n"],
    ids=["a number", "null groups", "no name", "a rule that is a string"],
)
def test_a_rule_file_that_makes_no_sense_costs_only_its_own_rules(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = rules_folder(tmp_path)
    (folder / "broken.rule").write_text(content)
    bags = joined(context(alert_rules_path=str(folder)))
    assert alerts_in(bags) == ["HostDown", "HostMetricsMissing", "ProbeSleeps", "ProbeSleeps"]
    assert "broken.rule" in caplog.text


def test_a_rule_with_a_date_in_it_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "dated.rule"
    file.write_text("alert: Dated\nexpr: up == 0\nfor: 1m\nannotations: {since: 2026-11-22}\n")
    assert "Dated" in alerts_in(joined(context(alert_rules_path=str(file))))


@pytest.mark.parametrize("said", ["no JSON", "[]", "null"])
def test_an_event_that_nobody_can_read_is_passed_over(said: str) -> None:
    ctx = context()
    bags = testing.Relation("metrics-endpoint", remote_app_data={"event": said})
    with ctx(ctx.on.relation_changed(bags), state(bags)) as manager:
        manager.run()
        assert manager.charm.said == []


def test_of_an_external_url_only_host_and_path_count() -> None:
    bags = joined(context(external_url="https://me@ingress.example:8443/shop?x=1"))
    assert unit_field(bags, "address") == "ingress.example"
    assert unit_field(bags, "path") == "/shop"
