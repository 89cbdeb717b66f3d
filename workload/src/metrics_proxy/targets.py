# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Which pods are targets, at which URL, and the table that holds them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from metrics_proxy.pods import Deleted, Event, Listed, Pod, Upserted
from metrics_proxy.sharding import Shard

SCRAPE = "prometheus.io/scrape"
PORT = "prometheus.io/port"
PATH = "prometheus.io/path"
SCHEME = "prometheus.io/scheme"

# RFC 3986, section 3.3 and 3.4: what may stand unescaped in a path and its query.
_URL_SAFE = "/?:@!$&'()*+,;=%-._~[]"


class SkipReason(StrEnum):
    """Why a selected pod is not a target."""

    NOT_ANNOTATED = "not_annotated"
    NOT_RUNNING = "not_running"
    NO_IP = "no_ip"


@dataclass(frozen=True, slots=True)
class Target:
    """A pod to scrape. With a ``fault`` it can't be scraped as it asks, and is ``up 0``."""

    uid: str
    namespace: str
    name: str
    url: str
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A selected pod that is no target, and why, in a sentence for its operator."""

    uid: str
    namespace: str
    name: str
    reason: SkipReason
    detail: str


Entry = Target | Skipped


def entry_of(pod: Pod) -> Entry:
    """Decide whether a pod is a target: annotated, Running and with an IP address."""
    reason = _reason_to_skip(pod)
    meta = pod.metadata
    if reason is not None:
        return Skipped(meta.uid, meta.namespace, meta.name, *reason)
    try:
        url = _url_of(pod)
    except ValueError as error:
        return Target(meta.uid, meta.namespace, meta.name, url="", fault=str(error))
    return Target(meta.uid, meta.namespace, meta.name, url)


def _reason_to_skip(pod: Pod) -> tuple[SkipReason, str] | None:
    scrape = (pod.metadata.annotations or {}).get(SCRAPE)
    if scrape is None:
        return SkipReason.NOT_ANNOTATED, f'no annotation {SCRAPE}: "true"'
    if scrape != "true":
        return SkipReason.NOT_ANNOTATED, f'annotation {SCRAPE} is "{scrape}", not "true"'
    if pod.status.phase != "Running":
        return SkipReason.NOT_RUNNING, f"phase is {pod.status.phase or 'not set yet'}, not Running"
    if not pod.status.pod_ip:
        return SkipReason.NO_IP, "no IP address yet"
    return None


def _url_of(pod: Pod) -> str:
    """The URL to scrape; an empty annotation, common from templates, is as if absent."""
    annotations = pod.metadata.annotations or {}
    scheme = (annotations.get(SCHEME) or "http").lower()
    if scheme not in {"http", "https"}:
        raise ValueError(f'annotation {SCHEME} is "{scheme}"; it takes "http" or "https"')
    port = _port(annotations.get(PORT) or "80")
    path = _path(annotations.get(PATH) or "/metrics")
    return f"{scheme}://{_host(pod.status.pod_ip)}:{port}{path}"


def _host(ip: str) -> str:
    address = ipaddress.ip_address(ip)
    return f"[{address}]" if address.version == 6 else str(address)


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= 65535 and len(text) < 6:
        return int(text)
    raise ValueError(f'annotation {PORT} is "{text}"; it takes a number from 1 to 65535')


def _path(text: str) -> str:
    path, _, _ = text.partition("#")
    return quote(path if path.startswith("/") else f"/{path}", safe=_URL_SAFE)


class TargetTable:
    """The pods of one shard, by scope and UID. Only discovery writes it, through ``apply``.

    ``snapshot`` hands out one immutable tuple: a scrape never sees half a change.
    """

    def __init__(self, shard: Shard | None = None) -> None:
        self._shard = shard or Shard()
        self._scopes: dict[str, dict[str, Entry]] = {}
        self._snapshot: tuple[Entry, ...] | None = ()

    def apply(self, event: Event) -> None:
        """Take in what discovery says; a ``Listed`` replaces all that its scope held."""
        match event:
            case Listed(scope, pods):
                owned = (pod for pod in pods if self._shard.owns(pod.metadata.uid))
                self._scopes[scope] = {pod.metadata.uid: entry_of(pod) for pod in owned}
            case Upserted(scope, pod):
                if self._shard.owns(pod.metadata.uid):
                    self._scopes.setdefault(scope, {})[pod.metadata.uid] = entry_of(pod)
            case Deleted(scope, uid):
                self._scopes.setdefault(scope, {}).pop(uid, None)
        self._snapshot = None

    def snapshot(self) -> tuple[Entry, ...]:
        """All entries, ordered by namespace, name and UID, so that every answer has one order."""
        if self._snapshot is None:
            self._snapshot = _ordered(self._scopes.values())
        return self._snapshot

    def targets(self) -> tuple[Target, ...]:
        """The entries of the snapshot that are to be scraped."""
        return tuple(entry for entry in self.snapshot() if isinstance(entry, Target))


def _ordered(scopes: Iterable[dict[str, Entry]]) -> tuple[Entry, ...]:
    entries = (entry for scope in scopes for entry in scope.values())
    return tuple(sorted(entries, key=lambda entry: (entry.namespace, entry.name, entry.uid)))
