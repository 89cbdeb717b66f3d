# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What a pod says, read again and again."""

from __future__ import annotations

from collections.abc import Sequence

from metrics_proxy.exposition.assembly import Shapes
from metrics_proxy.exposition.layout import Layout
from metrics_proxy.exposition.model import Exposition
from metrics_proxy.exposition.series import PodLabels
from metrics_proxy.exposition.text import read_text


class PodReader:
    """Reads the bodies of one pod; one like the last costs a third of one that isn't.

    Keep it as long as the pod. The readers of all pods share ``shapes``.
    """

    __slots__ = ("_labels", "_layout", "_shapes")

    def __init__(self, labels: PodLabels, shapes: Shapes) -> None:
        self._labels = f"{labels.text}}} ".encode()
        self._shapes = shapes
        self._layout: Layout | None = None

    def read(self, body: bytes) -> Exposition:
        """Validate a body and put the pod's labels on its samples. Raises ExpositionError.

        Threads may read at once: what they learn is replaced as a whole.
        """
        if not body.endswith(b"\n"):
            body += b"\n"
        layout = self._layout
        tails: Sequence[bytes] | None = None if layout is None else layout.tails_of(body)
        if layout is None or tails is None:
            layout, tails = read_text(body, self._shapes, layout)
            self._layout = layout
        return layout.exposition(self._labels, tails)
