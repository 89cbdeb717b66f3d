#!/usr/bin/env python3
# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The charm: what Juju says goes to the workload's Pebble, what the workload says to status."""

from __future__ import annotations

import functools
import logging
import shlex
import time
from dataclasses import dataclass

import ops

import proxy
import report
import shares
import status_api
from charms.prometheus_k8s.v0.prometheus_scrape import MetricsEndpointProvider

logger = logging.getLogger(__name__)

PROXY_URL = f"http://127.0.0.1:{proxy.PORT}"
PEERS = "proxies"
_SERVING = "serving"
_AGREED = "agreed"
# Longer than the ready check's period and timeout: see _settle.
_PATIENCE = 10.0
# For a proxy that nothing was changed of: a watch that has just broken is soon mended.
_GLANCE = 1.5
_STEP = 0.25
_EXEC_SECONDS = 30.0


@dataclass(frozen=True)
class ListTargets:
    """The parameters of list-targets."""

    limit: int = 500


class MetricsProxyCharm(ops.CharmBase):
    """One proxy in each unit, each serving its share of the pods."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._container = self.unit.get_container(proxy.CONTAINER)
        self._settings = self.load_config(proxy.Settings)
        self._place = report.Place(self.app.name, self.model.name)
        self._refusal = ""
        container, peers = self.on[proxy.CONTAINER], self.on[PEERS]
        self._metrics_endpoint = MetricsEndpointProvider(
            self,
            jobs=proxy.scrape_jobs(),
            # A new leader writes the jobs too, and a new pod its address.
            refresh_event=[container.pebble_ready, self.on.leader_elected],
        )
        for event in (
            container.pebble_ready,
            container.pebble_check_failed,
            container.pebble_check_recovered,
            self.on.config_changed,
            self.on.upgrade_charm,
            self.on.update_status,
            self.on.leader_elected,
            peers.relation_joined,
            peers.relation_changed,
        ):
            framework.observe(event, self._on_change)
        framework.observe(peers.relation_departed, self._on_proxies_relation_departed)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)
        framework.observe(self.on.list_targets_action, self._on_list_targets_action)

    # Events.

    def _on_change(self, _: ops.EventBase) -> None:
        """Bring about what configuration and peers ask for, from whatever there is."""
        self.unit.set_ports(proxy.PORT)
        self._run_proxy()
        before = self._share()
        self._agree_on_shares()
        if self._share() != before:
            # Of the list that it wrote itself a leader hears no event.
            self._run_proxy()

    def _on_proxies_relation_departed(self, event: ops.RelationDepartedEvent) -> None:
        # A unit that goes sees the others depart, one by one; it is not for it to share their pods.
        if event.departing_unit != self.unit:
            self._on_change(event)
        elif self.unit.is_leader():
            # Nobody else may write the list, until another is elected.
            self._leave_shares(event.relation)

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        verdict = self._verdict()
        event.add_status(ops.StatusBase.from_name(verdict.name, verdict.message))

    def _on_list_targets_action(self, event: ops.ActionEvent) -> None:
        params = event.load_params(ListTargets, errors="fail")
        try:
            targets = status_api.read_targets(PROXY_URL)
        except status_api.NoAnswerError as error:
            event.fail(f"No answer from the proxy ({error}): {self._verdict().message}")
        else:
            event.set_results(report.table(targets, params.limit))

    # The proxy.

    def _run_proxy(self) -> None:
        """Let the proxy run as configured, or not at all where it could not.

        Nothing restarts unless something changed. A configuration that the proxy would refuse
        stops it, rather than let it go on with one that is nowhere to be read.
        """
        if not self._container.can_connect():
            return
        try:
            if self._settings.selects and not self._faults:
                self._start_proxy()
            else:
                self._stop_proxy()
        except ops.pebble.ConnectionError as error:
            # The pod is going; what comes after it will be told anew.
            logger.warning("Pebble is gone: %s", error)

    def _start_proxy(self) -> None:
        running, before = self._running(), self._container.get_plan().to_dict()
        self._add_layer(run=True)
        self._replan()
        changed = not running or self._container.get_plan().to_dict() != before
        self._settle(_PATIENCE if changed else _GLANCE)

    def _stop_proxy(self) -> None:
        self._add_layer(run=False)
        # Pebble goes on with a check that a layer disables, and would restart the service.
        self._container.stop_checks(*proxy.CHECKS)
        try:
            self._container.stop(proxy.SERVICE)
        except (ops.pebble.ChangeError, ops.pebble.TimeoutError):
            logger.exception("The proxy does not stop")

    def _add_layer(self, *, run: bool) -> None:
        layer = proxy.layer(self._environment(), run=run)
        self._container.add_layer(proxy.SERVICE, ops.pebble.Layer(layer), combine=True)

    def _environment(self) -> dict[str, str]:
        return proxy.environment(self._settings, self._share())

    @functools.cached_property
    def _faults(self) -> list[str]:
        """What the workload finds wrong with the configuration: the one grammar is there."""
        command = [proxy.COMMAND, "check"]
        environment = self._environment()
        try:
            process = self._container.exec(command, environment=environment, timeout=_EXEC_SECONDS)
            process.wait_output()
        except ops.pebble.ExecError as error:
            return proxy.faults(error.stderr or "") or [f"{shlex.join(command)}: {error}"]
        except ops.pebble.APIError as error:
            if "cannot find executable" not in str(error):
                raise
            return [f"the resource metrics-proxy-image is another image: {error}"]
        except (ops.pebble.ChangeError, ops.pebble.TimeoutError):
            waited = f"`{shlex.join(command)}` did not end in {_EXEC_SECONDS:g} s"
            return [f"{waited}; is the resource metrics-proxy-image the metrics-proxy rock?"]
        return []

    def _replan(self) -> None:
        try:
            self._container.replan()
        except (ops.pebble.ChangeError, ops.pebble.TimeoutError) as error:
            # Not for Juju to try again: Pebble does, and the next event finds out how it went.
            logger.error("The proxy does not start: %s", error)  # noqa: TRY400
            self._refusal = proxy.refusal(str(error))

    def _settle(self, seconds: float) -> None:
        """Give a proxy that has just started the moment it takes, so that the status is right.

        Only a ready check that has failed tells of a recovery. So this waits until the proxy is
        ready and follows its pods, or until Pebble has seen that it isn't ready: then an event
        will come when it is.
        """
        deadline = time.monotonic() + seconds
        while not self._settled() and time.monotonic() < deadline:
            time.sleep(_STEP)
        if status := self._status():
            self.unit.set_workload_version(status.version)

    def _settled(self) -> bool:
        status = self._status()
        return bool(status and status.steady) or self._known_unready()

    def _known_unready(self) -> bool:
        checks = self._container.get_checks(proxy.READY_CHECK)
        return any(check.status is ops.pebble.CheckStatus.DOWN for check in checks.values())

    def _running(self) -> bool:
        services = self._container.get_services(proxy.SERVICE)
        return any(service.is_running() for service in services.values())

    def _status(self) -> status_api.Status | None:
        try:
            return status_api.read_status(PROXY_URL)
        except status_api.NoAnswerError as error:
            logger.debug("The proxy does not answer: %s", error)
            return None

    # The units' shares: see shares.py.

    def _share(self) -> shares.Share:
        peers = self.model.get_relation(PEERS)
        agreed = shares.decode(peers.data[self.app].get(_AGREED, "")) if peers else []
        return shares.share_of(self.unit.name, agreed)

    def _leave_shares(self, peers: ops.Relation) -> None:
        agreed = shares.decode(peers.data[self.app].get(_AGREED, ""))[: self.app.planned_units()]
        left = [name for name in agreed if name != self.unit.name]
        if left:
            peers.data[self.app][_AGREED] = shares.encode(left)

    def _agree_on_shares(self) -> None:
        peers = self.model.get_relation(PEERS)
        if peers is None or not self.app.planned_units():
            # An application that is removed has nothing left to agree on.
            return
        status = self._status()
        if status is not None and status.ready:
            peers.data[self.unit][_SERVING] = "true"
        if self.unit.is_leader():
            present = {unit.name: peers.data[unit] for unit in (self.unit, *peers.units)}
            serving = [name for name, data in present.items() if data.get(_SERVING)]
            agreed = shares.agree(present, serving, self.app.planned_units())
            peers.data[self.app][_AGREED] = shares.encode(agreed)

    # The status.

    def _verdict(self) -> report.Verdict:
        if not self._settings.selects:
            return report.not_set(self._place)
        waiting = report.Verdict("waiting", "waiting for the container metrics-proxy")
        if not self._container.can_connect():
            return waiting
        try:
            return report.wrong(self._faults) if self._faults else self._verdict_of_proxy()
        except ops.pebble.ConnectionError:
            return waiting

    def _verdict_of_proxy(self) -> report.Verdict:
        try:
            return report.verdict(status_api.read_status(PROXY_URL), self._place)
        except status_api.ForeignAnswerError as error:
            return report.Verdict("blocked", str(error))
        except status_api.NoAnswerError as error:
            return self._why_silent(str(error))

    def _why_silent(self, reason: str) -> report.Verdict:
        if not self._running():
            return report.not_running(self._place, self.unit.name, self._refusal)
        if self._known_unready():
            return report.Verdict("maintenance", f"the proxy does not answer yet: {reason}")
        return report.Verdict("maintenance", "starting the proxy")


if __name__ == "__main__":  # pragma: nocover
    ops.main(MetricsProxyCharm)
