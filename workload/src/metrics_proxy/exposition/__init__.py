# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Expositions: text in, text out, and no I/O.

``PodReader`` validates a pod's bodies and puts the pod's labels on every sample, ``merge`` makes
one exposition of many, ``encode_text`` writes it. What is written is accepted by the Prometheus
server's parser and by expfmt (promtool), whatever mixture of valid bodies came in.
"""

from metrics_proxy.exposition.assembly import Shapes
from metrics_proxy.exposition.encode import CONTENT_TYPE_TEXT, encode_text
from metrics_proxy.exposition.merge import merge
from metrics_proxy.exposition.model import (
    Exposition,
    ExpositionError,
    Family,
    Merged,
    MergedFamily,
    MetricType,
    TypeConflict,
)
from metrics_proxy.exposition.reader import PodReader
from metrics_proxy.exposition.series import PodLabels
from metrics_proxy.exposition.up import up_exposition

__all__ = [
    "CONTENT_TYPE_TEXT",
    "Exposition",
    "ExpositionError",
    "Family",
    "Merged",
    "MergedFamily",
    "MetricType",
    "PodLabels",
    "PodReader",
    "Shapes",
    "TypeConflict",
    "encode_text",
    "merge",
    "up_exposition",
]
