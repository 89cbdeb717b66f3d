# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Reading the proxy's API: what is no answer, and that no HTTP proxy is asked."""

from __future__ import annotations

import pytest

import status_api
from tests.charm.fakes import ProxyApi


def test_a_status(api: ProxyApi) -> None:
    status = status_api.read_status(api.url)
    assert status.steady
    assert (status.version, status.targets, status.down) == ("0.1.0", 12, 2)


@pytest.mark.parametrize("answer", [None, b"<html>", b"", [], {}, {"version": "1"}, "text"])
def test_what_is_no_status(api: ProxyApi, answer: object) -> None:
    api.answers["/api/status"] = answer
    with pytest.raises(status_api.NoAnswerError):
        status_api.read_status(api.url)


@pytest.mark.parametrize("answer", [None, b"[", [1], [{}]])
def test_what_are_no_targets(api: ProxyApi, answer: object) -> None:
    api.answers["/api/targets"] = answer
    with pytest.raises(status_api.NoAnswerError):
        status_api.read_targets(api.url)


def test_nobody_there() -> None:
    with pytest.raises(status_api.NoAnswerError, match="refused"):
        status_api.read_status("http://127.0.0.1:1")


def test_loopback_is_asked_directly(api: ProxyApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert status_api.read_status(api.url).ready
