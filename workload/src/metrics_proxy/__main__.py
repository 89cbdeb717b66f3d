# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m metrics_proxy`` is the command ``metrics-proxy``."""

import sys

from metrics_proxy.cli import main

sys.exit(main())
