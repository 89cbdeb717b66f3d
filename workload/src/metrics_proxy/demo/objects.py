# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Pods as JSON objects: made, patched and marked for deletion by the API's rules. All pure.

No function here changes its arguments, so that the store's history can share what stays.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from metrics_proxy.demo import status
from metrics_proxy.demo.status import JsonObject

_DEFAULT_GRACE_PERIOD = 30
_SERVER_SET = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_FINISHED = frozenset({"Succeeded", "Failed"})


def key_of(pod: JsonObject) -> str:
    """The key that lists are ordered by."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def labels_of(pod: JsonObject) -> Mapping[str, str]:
    """The labels, empty when there are none."""
    labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
    return labels


def with_version(pod: JsonObject, version: int) -> JsonObject:
    """The same pod at another resourceVersion."""
    return {**pod, "metadata": {**pod["metadata"], "resourceVersion": str(version)}}


def list_item(pod: JsonObject) -> JsonObject:
    """The pod inside a PodList, where items carry no kind and apiVersion."""
    return {name: value for name, value in pod.items() if name not in {"kind", "apiVersion"}}


def bookmark(version: int, *, initial_events_end: bool) -> JsonObject:
    """The object of a BOOKMARK: a pod with a resourceVersion, no name and no UID."""
    metadata: JsonObject = {"resourceVersion": str(version)}
    if initial_events_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    spec = {"containers": None}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {}}


def new_pod(namespace: str, given: JsonObject) -> JsonObject:
    """A pod as a create stores it, less the resourceVersion: any status given is ignored."""
    asked = _mapping(given, "metadata")
    if asked.get("namespace") not in {None, "", namespace}:
        raise _other_namespace()
    metadata = {
        **asked,
        "name": _name(asked),
        "namespace": namespace,
        "uid": str(uuid.uuid4()),
        "creationTimestamp": _timestamp(),
    }
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": _with_sound_maps(metadata),
        "spec": _mapping(given, "spec"),
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


def patched(old: JsonObject, patch: JsonObject, *, subresource: str) -> JsonObject:
    """The pod after a merge patch: of all but its status, or ("status") of all but its spec."""
    new = merge_patch(old, patch)
    metadata = _mapping(new, "metadata")
    _check_identity(old["metadata"], metadata)
    kept = {name: old["metadata"][name] for name in _SERVER_SET if name in old["metadata"]}
    if subresource == "status":
        body = {"spec": old["spec"], "status": _with_addresses(_mapping(new, "status"))}
    elif new.get("spec") != old["spec"]:
        raise status.invalid(kept["name"], "spec", "Forbidden: the stand-in changes no pod's spec")
    else:
        body = {"spec": old["spec"], "status": old["status"]}
    sound = _with_sound_maps({**metadata, **kept})
    return {"kind": "Pod", "apiVersion": "v1", "metadata": sound, **body}


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def grace_period(pod: JsonObject, asked: int | None) -> int:
    """The seconds a delete leaves: none to a pod that no node runs or that has ended."""
    spec, phase = pod["spec"], pod["status"].get("phase")
    if not spec.get("nodeName") or phase in _FINISHED:
        return 0
    own: int = spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_PERIOD)
    seconds = own if asked is None else asked
    return seconds if seconds >= 0 else 1


def terminating(pod: JsonObject, seconds: int) -> JsonObject:
    """The pod once its deletion was asked for."""
    due = {"deletionTimestamp": _timestamp(seconds), "deletionGracePeriodSeconds": seconds}
    return {**pod, "metadata": {**pod["metadata"], **due}}


def _name(metadata: JsonObject) -> str:
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if name or prefix:
        return str(name or f"{prefix}{secrets.token_hex(3)[:5]}")
    raise status.invalid("", "metadata.name", "Required value: name or generateName is required")


def _check_identity(old: JsonObject, new: JsonObject) -> None:
    name = old["name"]
    if new.get("name", name) != name:
        raise status.bad_request(
            f"the name of the object ({new['name']}) does not match the name on the URL ({name})"
        )
    if new.get("namespace", old["namespace"]) != old["namespace"]:
        raise _other_namespace()
    for field in ("uid", "deletionTimestamp"):
        if new.get(field, old.get(field)) != old.get(field):
            problem = f'Invalid value: "{new[field]}": field is immutable'
            raise status.invalid(name, f"metadata.{field}", problem)
    if new.get("resourceVersion", old["resourceVersion"]) != old["resourceVersion"]:
        raise status.conflict(name)


def _with_sound_maps(metadata: JsonObject) -> JsonObject:
    """Refuse labels and annotations that are no strings; leave empty maps out, as the API does."""
    sound = dict(metadata)
    for field in ("labels", "annotations"):
        values = _mapping(metadata, field).values()
        if not all(isinstance(value, str) for value in values):
            problem = "Invalid value: every value must be a string"
            raise status.invalid(str(metadata["name"]), f"metadata.{field}", problem)
        if not values:
            sound.pop(field, None)
    return sound


def _with_addresses(state: JsonObject) -> JsonObject:
    """Keep podIP and podIPs in step: podIP wins where both are given and differ."""
    addresses: list[JsonObject] = state.get("podIPs") or []
    first = addresses[0]["ip"] if addresses else ""
    address = state.get("podIP") or first
    if not address:
        return state
    return {
        **state,
        "podIP": address,
        "podIPs": addresses if first == address else [{"ip": address}],
    }


def _mapping(parent: JsonObject, name: str) -> JsonObject:
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise status.bad_request(f"{name} must be an object")
    return value


def _other_namespace() -> status.ApiError:
    return status.bad_request(
        "the namespace of the provided object does not match the namespace sent on the request"
    )


def _timestamp(seconds_from_now: int = 0) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds_from_now)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
