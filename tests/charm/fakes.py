# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A proxy that says what a test wants it to say, over HTTP on loopback; and units of the charm."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import ops
from ops import pebble, testing

APP = "metrics-proxy-k8s"
MODEL = "cos"
CHECK_COMMAND = ("metrics-proxy", "check")
SELECTOR = "app=ztunnel"


def scope(
    namespace: str = "",
    mode: str = "watching",
    *,
    listed: bool = True,
    problem: str = "",
    kind: str = "",
) -> dict[str, Any]:
    return {
        "scope": namespace,
        "mode": mode,
        "listed": listed,
        "problem": problem,
        "problem_kind": kind,
    }


def status(*scopes: dict[str, Any], **counts: Any) -> dict[str, Any]:
    """What /api/status answers: by default 12 pods, 2 of them down, watched in all namespaces."""
    scopes = scopes or (scope(),)
    return {
        "version": "0.1.0",
        "ready": all(each["listed"] for each in scopes),
        "selector": SELECTOR,
        "namespaces": [each["scope"] for each in scopes if each["scope"]],
        "shard": 0,
        "total_shards": 1,
        "scopes": list(scopes),
        "targets": 12,
        "up": 10,
        "down": 2,
        "unscraped": 0,
        "skipped": {},
        **counts,
    }


class ProxyApi:
    """The running proxy's API. ``answers`` are JSON values, or bytes, by path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Any] = {"/api/status": status(), "/api/targets": []}

    def says(self, *scopes: dict[str, Any], **counts: Any) -> None:
        self.answers["/api/status"] = status(*scopes, **counts)


@contextmanager
def proxy_api() -> Iterator[ProxyApi]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = api.answers.get(self.path)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api = ProxyApi(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


def checked(stderr: str = "", code: int | None = None) -> testing.Exec:
    """What ``metrics-proxy check`` ends with: 2 where it has something to say."""
    return testing.Exec(
        CHECK_COMMAND, return_code=2 * bool(stderr) if code is None else code, stderr=stderr
    )


def container(check: testing.Exec | None = None, **changes: Any) -> testing.Container:
    """The workload's container, up, with nothing in its Pebble yet."""
    whole = testing.Container("metrics-proxy", can_connect=True, execs={check or checked()})
    return replace(whole, **changes)


def unit(
    config: Mapping[str, Any] | None = None,
    *,
    box: testing.Container | None = None,
    relations: tuple[testing.RelationBase, ...] = (),
    leader: bool = True,
    planned: int = 1,
) -> testing.State:
    """A unit of the charm, with a selector unless the config says otherwise."""
    return testing.State(
        config={"pod-label-selector": SELECTOR} if config is None else dict(config),
        containers={box or container()},
        relations=set(relations),
        leader=leader,
        planned_units=planned,
        model=testing.Model(MODEL, type="kubernetes"),
    )


def status_of(state: testing.State) -> ops.StatusBase:
    """The unit's status, as ops has it."""
    name, message = str(state.unit_status.name), str(state.unit_status.message)
    status: ops.StatusBase = ops.StatusBase.from_name(name, message)
    return status


def ready_check(status: pebble.CheckStatus, failures: int = 0) -> testing.CheckInfo:
    """The ready check, as the plan has it."""
    return testing.CheckInfo(
        "ready",
        level=pebble.CheckLevel.READY,
        threshold=1,
        status=status,
        failures=failures,
    )
