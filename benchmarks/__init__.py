# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Measures what a scrape costs, beside a floor and, if there is one, a rival. See README.md."""
