# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The charm in a Juju that isn't there, beside a proxy that says what the test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ops
import pytest
from ops import testing

import charm
from tests.charm import fakes

Context = testing.Context[charm.MetricsProxyCharm]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[fakes.ProxyApi]:
    """The running proxy."""
    with fakes.proxy_api() as served:
        monkeypatch.setattr(charm, "PROXY_URL", served.url)
        yield served


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that doesn't answer: nothing listens on port 1 of loopback."""
    monkeypatch.setattr(charm, "PROXY_URL", "http://127.0.0.1:1")


@pytest.fixture
def ctx(monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("SCENARIO_BARE_CHARM_ERRORS", "true")
    monkeypatch.setattr(charm, "_PATIENCE", 0.05)
    monkeypatch.setattr(charm, "_STEP", 0.01)
    return testing.Context(charm.MetricsProxyCharm, app_name=fakes.APP)


@pytest.fixture
def status_of(ctx: Context) -> Callable[[testing.State], ops.StatusBase]:
    """The unit's status after an update-status in that state."""

    def status(state: testing.State) -> ops.StatusBase:
        return fakes.status_of(ctx.run(ctx.on.update_status(), state))

    return status
