# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Lists: which pods a request is about, and one consistent page of them after another."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec

from metrics_proxy.demo import objects, status
from metrics_proxy.demo.status import JsonObject
from metrics_proxy.demo.store import CompactedError, Store
from metrics_proxy.selector import Selector

# The version in a token that goes on with whatever there is now, as the real API offers with a 410.
_LATEST = -1


@dataclass(frozen=True, slots=True)
class Scope:
    """The pods that a list or a watch is about. ``namespace`` "" is the whole cluster."""

    namespace: str
    selector: Selector

    def holds(self, pod: JsonObject) -> bool:
        """Say whether a pod is one of them, with the labels it has here."""
        inside = not self.namespace or pod["metadata"]["namespace"] == self.namespace
        return inside and self.selector.matches(objects.labels_of(pod))


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The query of a list, as far as it decides which page to answer."""

    limit: int = 0
    token: str = ""
    version: str = ""


class _Token(msgspec.Struct, rename={"version": "rv"}):
    version: int
    start: str


def pod_list(store: Store, scope: Scope, options: ListOptions) -> JsonObject:
    """The PodList that answers a request. Raises ApiError 400, 410 or 504."""
    if options.token:
        page = _continued(options)
        return _page(store, scope, page, limit=options.limit, expiry=_expired_token(page))
    version = _parse_version(options.version)
    if version > store.version:
        raise status.version_too_large(version, store.version)
    if options.limit > 0 and version > 0:
        expiry = status.expired("The resourceVersion for the provided list is too old.")
        return _page(store, scope, _Token(version, ""), limit=options.limit, expiry=expiry)
    # "0" is "any version will do", which the real API answers from its cache, in one piece.
    limit = 0 if options.version == "0" else options.limit
    return _page(store, scope, _Token(_LATEST, ""), limit=limit)


def _page(
    store: Store,
    scope: Scope,
    page: _Token,
    *,
    limit: int,
    expiry: status.ApiError | None = None,
) -> JsonObject:
    version = store.version if page.version == _LATEST else page.version
    try:
        everything = store.pods_at(version)
    except CompactedError as error:
        raise expiry or error from error
    pods = [pod for pod in everything if scope.holds(pod) and objects.key_of(pod) >= page.start]
    shown = pods[:limit] if limit > 0 else pods
    metadata: JsonObject = {"resourceVersion": str(version)}
    if len(shown) < len(pods):
        metadata["continue"] = _encode(_Token(version, objects.key_of(shown[-1]) + "\0"))
        # With a selector the real API does not know how many are left, and says nothing.
        if not scope.selector.requirements:
            metadata["remainingItemCount"] = len(pods) - len(shown)
    items = [objects.list_item(pod) for pod in shown]
    return {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}


def _continued(options: ListOptions) -> _Token:
    try:
        text = base64.b64decode(options.token, altchars="-_", validate=True)
        page = msgspec.json.decode(text, type=_Token)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise status.bad_request(
            f"invalid continue token: continue key is not valid: {error}"
        ) from error
    if options.version not in {"", "0"}:
        raise status.bad_request("specifying resource version is not allowed when using continue")
    return page


def _expired_token(page: _Token) -> status.ApiError:
    error = status.expired(
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the rest, which may not be consistent with what came before."
    )
    error.metadata = {"continue": _encode(_Token(_LATEST, page.start))}
    return error


def _encode(page: _Token) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(page)).decode()


def _parse_version(text: str) -> int:
    if not text:
        return 0
    if text.isascii() and text.isdecimal():
        return int(text)
    raise status.bad_request(f"invalid resource version: {version_problem(text)}")


def version_problem(text: str) -> str:
    """What the real API says of a resourceVersion that is no number."""
    return (
        f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": '
        "invalid syntax"
    )
