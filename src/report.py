# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the operator reads: a unit's status in a sentence, and the table of targets. No ops here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from shares import Share
from status_api import Scope, Status, Target


@dataclass(frozen=True, slots=True)
class Verdict:
    """A unit status: its name in Juju, and the sentence."""

    name: Literal["active", "waiting", "maintenance", "blocked"]
    message: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the charm is deployed, for commands that can be pasted."""

    app: str
    model: str

    @property
    def trust(self) -> str:
        """The command that lets the proxy watch every namespace."""
        return f"juju trust {self.app} --scope=cluster"

    def config(self, setting: str) -> str:
        """The command that sets an option."""
        return f"juju config {self.app} {setting}"


def not_set(place: Place) -> Verdict:
    """There is no selector."""
    command = place.config("pod-label-selector=app=NAME")
    return Verdict("blocked", f"no pods are selected; run: {command}")


def wrong(faults: Sequence[str]) -> Verdict:
    """The workload refuses its configuration."""
    return Verdict("blocked", "; also: ".join(faults))


def not_running(place: Place, unit: str, reason: str) -> Verdict:
    """The proxy ended by itself, for a ``reason`` that Pebble knows or ("") does not."""
    logs = f"kubectl -n {place.model} logs {unit.replace('/', '-')} -c metrics-proxy"
    said = f" ({reason})" if reason else ""
    return Verdict("blocked", f"the proxy does not run{said}; why, its log says: {logs}")


def verdict(status: Status, place: Place) -> Verdict:
    """What a running proxy's own status means for its operator: the worst of its scopes."""
    return (
        _refused(status.scopes, place)
        or _blind(status)
        or Verdict("active", _watching(status, place))
    )


def _refused(scopes: Iterable[Scope], place: Place) -> Verdict | None:
    """Blocked, where only the operator can help."""
    for scope in scopes:
        if scope.mode != "retrying":
            continue
        if scope.problem_kind == "forbidden":
            return Verdict("blocked", _no_permission(scope, place))
        if scope.problem_kind == "unauthorized":
            return Verdict(
                "blocked", f"{scope.problem}; delete the unit's pod, and it gets a new token"
            )
    return None


def _no_permission(scope: Scope, place: Place) -> str:
    where = f"in the namespace {scope.namespace}" if scope.namespace else "in all namespaces"
    message = f"no permission to list pods {where}; run: {place.trust}"
    if scope.namespace == place.model:
        return message
    own = place.config(f"namespaces={place.model}")
    return f"{message} (or, for the model's own pods, which needs no trust: {own})"


def _blind(status: Status) -> Verdict | None:
    """Waiting, where the proxy itself tries again and again."""
    for scope in status.scopes:
        if scope.mode == "retrying":
            pods = f"; meanwhile {_pods(status.targets)} as last known" if scope.listed else ""
            return Verdict("waiting", scope.problem + pods)
    for scope in status.scopes:
        if not scope.listed:
            where = f" of {scope.namespace}" if scope.namespace else ""
            return Verdict("waiting", f"waiting for the first list of pods{where}")
    return None


def _watching(status: Status, place: Place) -> str:
    polls = any(scope.mode == "polling" for scope in status.scopes)
    share = Share(status.shard, status.total_shards)
    return "".join(
        (
            f"{'polling' if polls else 'watching'} {_pods(status.targets)}{_details(status)}",
            f" for {status.selector}",
            f", {share}" if share.total > 1 else "",
            f"; to watch them, run: {place.trust}" if polls else "",
        )
    )


def _details(status: Status) -> str:
    counts = {
        "down": status.down,
        "not scraped yet": status.unscraped,
        "skipped": status.skipped,
    }
    details = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f" ({details})" if details else ""


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


Row = dict[str, str]
_MOST_TEXT = 1000
_MOST_BYTES = 1_000_000


def table(targets: Sequence[Target], limit: int) -> dict[str, str | dict[str, Row]]:
    """The results of list-targets: counts, and a numbered row for each pod, the worst first.

    Rows and not one JSON text: Juju hands results over in arguments, each of 128 KiB at most.
    """
    rows = [_row(target) for target in sorted(targets, key=_badness)]
    results: dict[str, str | dict[str, Row]] = {"pods": str(len(rows))}
    shown = rows[: min(limit, _that_fit(rows))]
    if len(rows) > len(shown):
        results["left-out"] = str(len(rows) - len(shown))
    if shown:
        # Padded, for JSON sorts them as text.
        width = len(str(len(shown)))
        results["targets"] = {f"{number:0{width}}": row for number, row in enumerate(shown, 1)}
    return results


def _that_fit(rows: Sequence[Row]) -> int:
    """How many rows Juju takes: an action's results are one command's arguments."""
    sizes = (sum(len(f"targets.00000.{k}={v} ".encode()) for k, v in row.items()) for row in rows)
    return sum(total <= _MOST_BYTES for total in accumulate(sizes))


def _badness(target: Target) -> tuple[int, str, str]:
    rank = 1 if target.skipped else 0 if target.up == 0 else 2
    return rank, target.namespace, target.name


def _row(target: Target) -> Row:
    up = "" if target.up is None else str(target.up)
    row = {
        "namespace": target.namespace,
        "name": target.name,
        "url": target.url,
        "up": up or ("" if target.skipped else "not scraped yet"),
        "error": target.error,
        "skipped": target.skipped,
    }
    return {key: _cut(value) for key, value in row.items() if value}


def _cut(text: str) -> str:
    """An annotation may hold anything, of any length; an argument of a command may not."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable if len(printable) <= _MOST_TEXT else f"{printable[: _MOST_TEXT - 3]}..."
