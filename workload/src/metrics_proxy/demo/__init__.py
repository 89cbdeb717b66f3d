# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a Kubernetes cluster on loopback: its API, and sample pods with metrics."""

from metrics_proxy.demo.pods import SamplePods
from metrics_proxy.demo.recorder import Request
from metrics_proxy.demo.standin import StandIn

__all__ = ["Request", "SamplePods", "StandIn"]
