# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""One Prometheus target for all the pods that a label selector finds."""

__version__ = "0.1.0"
