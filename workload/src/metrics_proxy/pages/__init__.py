# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The HTML that people look at."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template

from metrics_proxy import __version__


def index_page(*, selector: str, namespaces: str, targets: int, reasons: list[str]) -> str:
    """The page at ``/``: what is watched, whether it works (no ``reasons``), where to look."""
    template = Template(files(__name__).joinpath("index.html").read_text(encoding="utf-8"))
    return template.substitute(
        version=escape(__version__),
        selector=escape(selector),
        namespaces=escape(namespaces),
        state="not-ready" if reasons else "ready",
        verdict="Not ready" if reasons else _counted(targets),
        reasons="".join(f"<li>{escape(reason)}</li>" for reason in reasons),
    )


def _counted(targets: int) -> str:
    return f"{targets} pod{'' if targets == 1 else 's'} to scrape"
