# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes API server, a real Prometheus and its parsers, for tests."""

from .apiserver import ControlPlane
from .build import Binaries, BuildError, binaries
from .client import ApiError, KubeClient
from .expocheck import Exemplar, Expocheck, Family, Series, Verdict
from .process import Process, StartError, free_ports
from .prometheus import Prometheus, PrometheusBinaries, PrometheusMissingError, prometheus_binaries

__all__ = [
    "ApiError",
    "Binaries",
    "BuildError",
    "ControlPlane",
    "Exemplar",
    "Expocheck",
    "Family",
    "KubeClient",
    "Process",
    "Prometheus",
    "PrometheusBinaries",
    "PrometheusMissingError",
    "Series",
    "StartError",
    "Verdict",
    "binaries",
    "free_ports",
    "prometheus_binaries",
]
