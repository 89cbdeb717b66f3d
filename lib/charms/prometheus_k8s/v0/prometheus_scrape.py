# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The provider side of the `prometheus_scrape` interface, v0.

This is NOT the library that prometheus-k8s publishes on Charmhub. It is a
substitute of our own for its provider side, `MetricsEndpointProvider`, at its
import path and with its LIBID, so that the charm builds where Charmhub can't be
reached. `charmcraft fetch-libs` puts the published file in its place, and nothing
else has to change: constructor, methods, events, exceptions and databags are the
same. There is no consumer, no aggregator and no cos-tool in it.

A charm keeps its provider in an attribute: one that nothing refers to is collected
as garbage, and reacts to nothing.

The leader writes `scrape_metadata`, `scrape_jobs` and `alert_rules` for the
application; each unit writes its own name, address, path and FQDN.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import ops
from cosl import AlertRules, JujuTopology
from cosl.rules import generic_alert_groups

LIBID = "bc84295fef5f4049878f07b131968ee2"
LIBAPI = 0
# The lowest there can be with LIBAPI 0, so that every published one is newer.
LIBPATCH = 1
PYDEPS = ["cosl"]

logger = logging.getLogger(__name__)

Job = dict[str, Any]

DEFAULT_RELATION_NAME = "metrics-endpoint"
RELATION_INTERFACE_NAME = "prometheus_scrape"
DEFAULT_ALERT_RULES_RELATIVE_PATH = "./src/prometheus_alert_rules"
DEFAULT_JOB: Job = {"metrics_path": "/metrics", "static_configs": [{"targets": ["*:80"]}]}
ALLOWED_KEYS = {
    "authorization",
    "basic_auth",
    "job_name",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "metric_relabel_configs",
    "metrics_path",
    "params",
    "proxy_url",
    "relabel_configs",
    "sample_limit",
    "scheme",
    "scrape_interval",
    "scrape_timeout",
    "static_configs",
    "tls_config",
}
_RULE_SUFFIXES = {".rule", ".rules", ".yml", ".yaml"}
# What cosl lets through from a rule file that is YAML but holds no rules, or can't be read.
_RULE_ERRORS = (AttributeError, KeyError, OSError, TypeError, ValueError)


class RelationNotFoundError(Exception):
    """The charm's metadata has no relation of that name."""


class RelationInterfaceMismatchError(Exception):
    """The relation of that name has another interface."""


class RelationRoleMismatchError(Exception):
    """The relation of that name is not one that the charm provides."""


class _PrometheusSaysEvent(ops.EventBase):
    def __init__(self, handle: ops.Handle, *, errors: str = "", valid: bool = False) -> None:
        super().__init__(handle)
        self.errors = errors
        self.valid = valid

    def snapshot(self) -> dict[str, Any]:
        return {"errors": self.errors, "valid": self.valid}

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.errors = snapshot["errors"]
        self.valid = snapshot["valid"]


class InvalidAlertRuleEvent(_PrometheusSaysEvent):
    """What Prometheus said of our alert rules: `valid`, and `errors` where they are not."""


class InvalidScrapeJobEvent(_PrometheusSaysEvent):
    """Prometheus refused a scrape job; `errors` says why."""


class MetricsEndpointProviderEvents(ops.ObjectEvents):
    """What a MetricsEndpointProvider tells its charm. Only the leader hears it."""

    alert_rule_status_changed = ops.EventSource(InvalidAlertRuleEvent)
    invalid_scrape_job = ops.EventSource(InvalidScrapeJobEvent)


class MetricsEndpointProvider(ops.Object):
    """Writes what Prometheus needs to scrape this charm into every relation of one name.

    `refresh_event` (one or several) says when to write anew, beside the relation's own
    events: by default when the charm's one container is ready, else on update-status.
    `alert_rules_path` is a file or a folder, relative to the charm's. `external_url`
    takes the place of each unit's address. `lookaside_jobs_callable` gives further jobs,
    asked for at each write. Without `forward_alert_rules` no rules are sent, cosl's
    generic ones neither.

    Raises RelationNotFoundError, RelationInterfaceMismatchError or
    RelationRoleMismatchError where the charm's metadata doesn't fit.
    """

    on = MetricsEndpointProviderEvents()

    def __init__(  # noqa: PLR0913, PLR0917  # the published library's signature
        self,
        charm: ops.CharmBase,
        relation_name: str = DEFAULT_RELATION_NAME,
        jobs: Iterable[Job] | None = None,
        alert_rules_path: str = DEFAULT_ALERT_RULES_RELATIVE_PATH,
        refresh_event: ops.BoundEvent | Sequence[ops.BoundEvent] | None = None,
        external_url: str = "",
        lookaside_jobs_callable: Callable[[], Iterable[Job]] | None = None,
        *,
        forward_alert_rules: bool = True,
    ) -> None:
        _check_metadata(charm, relation_name)
        super().__init__(charm, relation_name)
        self._charm = charm
        self._relation_name = relation_name
        self._jobs = _sanitized(jobs or ())
        self._lookaside_jobs = lookaside_jobs_callable
        self._alert_rules_path = Path(charm.charm_dir) / alert_rules_path
        self._forward_alert_rules = forward_alert_rules
        self._external_url = external_url
        self.topology = JujuTopology.from_charm(charm)
        self._observe(refresh_event)

    def _observe(self, refresh_event: ops.BoundEvent | Sequence[ops.BoundEvent] | None) -> None:
        relation_events = self._charm.on[self._relation_name]
        self.framework.observe(relation_events.relation_joined, self.set_scrape_job_spec)
        self.framework.observe(relation_events.relation_changed, self._on_relation_changed)
        for event in _refresh_events(self._charm, refresh_event):
            self.framework.observe(event, self.set_scrape_job_spec)
        # A pod that moved has a new address, and not every charm refreshes on an event of its own.
        self.framework.observe(self._charm.on.update_status, self._write_unit_data)

    def update_scrape_job_spec(self, jobs: Iterable[Job]) -> None:
        """Put `jobs` in the place of those of the constructor, and write them."""
        self._jobs = _sanitized(jobs)
        self.set_scrape_job_spec()

    def set_scrape_job_spec(self, _: ops.EventBase | None = None) -> None:
        """Write this unit's address and, as the leader, the application's jobs and rules."""
        self._write_unit_data()
        if not self._charm.unit.is_leader():
            return
        written = {
            "scrape_metadata": json.dumps(self.topology.as_dict()),
            "scrape_jobs": json.dumps(self._scrape_jobs()),
            "alert_rules": json.dumps(self._alert_rules(), default=str),
        }
        for relation in self._charm.model.relations[self._relation_name]:
            relation.data[self._charm.app].update(written)

    def _on_relation_changed(self, event: ops.RelationChangedEvent) -> None:
        self.set_scrape_job_spec()
        if not self._charm.unit.is_leader():
            return
        verdict = _verdict(event.relation.data[event.app].get("event", ""))
        if not verdict:
            return
        self.on.alert_rule_status_changed.emit(
            valid=bool(verdict.get("valid", True)), errors=verdict.get("errors") or ""
        )
        if errors := verdict.get("scrape_job_errors"):
            self.on.invalid_scrape_job.emit(errors=errors)

    def _write_unit_data(self, _: ops.EventBase | None = None) -> None:
        for relation in self._charm.model.relations[self._relation_name]:
            address, path, fqdn = self._location(relation)
            relation.data[self._charm.unit].update(
                {
                    "prometheus_scrape_unit_address": address,
                    "prometheus_scrape_unit_path": path,
                    "prometheus_scrape_unit_fqdn": fqdn,
                    "prometheus_scrape_unit_name": self._charm.unit.name,
                }
            )

    def _location(self, relation: ops.Relation) -> tuple[str, str, str]:
        """Where Prometheus finds this unit: address, path, FQDN."""
        if self._external_url:
            return *_split_url(self._external_url), ""
        fqdn = socket.getfqdn()
        bound = str(self._charm.model.get_binding(relation).network.bind_address)
        return bound if _is_ip(bound) else fqdn, "", fqdn

    def _scrape_jobs(self) -> list[Job]:
        lookaside = _sanitized(self._lookaside_jobs()) if self._lookaside_jobs else []
        # A new list at each write: an appended one would grow with every event.
        return [*self._jobs, *lookaside] or [DEFAULT_JOB]

    def _alert_rules(self) -> dict[str, Any]:
        if not self._forward_alert_rules:
            return {}
        rules = AlertRules(query_type="promql", topology=self.topology)
        _add_rule_files(rules, self._alert_rules_path)
        generic = generic_alert_groups.application_rules
        rules.add(generic, group_name_prefix=self.topology.identifier)
        return rules.as_dict()


def _check_metadata(charm: ops.CharmBase, name: str) -> None:
    meta = charm.meta.relations.get(name)
    if meta is None:
        raise RelationNotFoundError(f"The charm has no relation named {name!r}.")
    if meta.interface_name != RELATION_INTERFACE_NAME:
        raise RelationInterfaceMismatchError(
            f"The relation {name!r} has the interface {meta.interface_name!r},"
            f" not {RELATION_INTERFACE_NAME!r}."
        )
    if meta.role is not ops.RelationRole.provides:
        raise RelationRoleMismatchError(f"The relation {name!r} is not under `provides`.")


def _refresh_events(
    charm: ops.CharmBase, given: ops.BoundEvent | Sequence[ops.BoundEvent] | None
) -> Sequence[ops.BoundEvent]:
    if given:
        return [given] if isinstance(given, ops.BoundEvent) else given
    containers = list(charm.meta.containers)
    if len(containers) == 1:
        return [charm.on[containers[0]].pebble_ready]
    return [charm.on.update_status]


def _sanitized(jobs: Iterable[Job]) -> list[Job]:
    """The jobs over DEFAULT_JOB, without the keys that Prometheus' charm would not take."""
    return [
        {key: value for key, value in (DEFAULT_JOB | job).items() if key in ALLOWED_KEYS}
        for job in jobs
    ]


def _add_rule_files(rules: AlertRules, path: Path) -> None:
    """Add all rule files under a path; one that holds no rules is logged and left out."""
    try:
        rules.add_path(path, recursive=True)
    except _RULE_ERRORS:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in _RULE_SUFFIXES:
                _add_rule_file(rules, file)


def _add_rule_file(rules: AlertRules, file: Path) -> None:
    try:
        rules.add_path(file)
    except _RULE_ERRORS:
        logger.exception("Invalid rules file, left out: %s", file)


def _split_url(url: str) -> tuple[str, str]:
    """The host and the path of a URL; one without a scheme is taken as http."""
    parsed = urlparse(url if "://" in url else f"http://{url}")
    return parsed.hostname or "", parsed.path


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _verdict(text: str) -> dict[str, Any]:
    """What Prometheus' application says of our data; {} where it says nothing readable."""
    try:
        said = json.loads(text or "{}")
    except ValueError:
        logger.warning("The related application's `event` is no JSON: %s", text)
        return {}
    return said if isinstance(said, dict) else {}
