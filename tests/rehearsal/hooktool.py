# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Juju's hook tools, by the name that comes first, over one file of JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml

STATE = Path(os.environ.get("REHEARSAL_STATE", "/tmp/juju.json"))
LOG = STATE.with_suffix(".log")
UNIT = "metrics-proxy-k8s/0"
RELATIONS = {"metrics-endpoint": "metrics-endpoint:1", "proxies": "proxies:0"}
REMOTE = {"metrics-endpoint:1": ["prometheus/0"], "proxies:0": []}


def main() -> None:
    """Answer as the tool of that name would, and remember what it was told."""
    state = json.loads(STATE.read_text())
    tool, *given = sys.argv[1:]
    words = [word for word in given if not word.startswith("--format")]
    answer = _answer(tool, words, state)
    STATE.write_text(json.dumps(state))
    if answer is not None:
        print(json.dumps(answer))


def _answer(tool: str, words: list[str], state: dict[str, Any]) -> Any:
    match tool:
        case "config-get":
            return state["config"]
        case "is-leader":
            return True
        case "goal-state":
            here = {"status": "active", "since": "2026-01-01 00:00:00Z"}
            return {"units": {UNIT: here}, "relations": {}}
        case "network-get":
            address = {"hostname": "", "value": "127.0.0.1", "cidr": "127.0.0.0/8"}
            bound = [{"interface-name": "lo", "addresses": [address]}]
            return {"bind-addresses": bound, "ingress-addresses": ["127.0.0.1"]}
        case "opened-ports":
            return state["ports"]
        case "juju-log":
            with LOG.open("a") as log:
                print(*words, file=log)
        case "status-get":
            return {"status": "unknown", "message": "", "status-data": {}}
        case "status-set" | "application-version-set" | "open-port" | "close-port":
            _remember(tool, words, state)
        case _ if tool.startswith("relation-"):
            return _relation(tool, words, state)
    return None


def _remember(tool: str, words: list[str], state: dict[str, Any]) -> None:
    plain = [word for word in words if not word.startswith("--")]
    match tool:
        case "status-set":
            state["status"] = plain
        case "application-version-set":
            state["version"] = plain[0]
        case "open-port":
            state["ports"] = sorted({*state["ports"], *plain})
        case _:
            state["ports"] = sorted({*state["ports"]} - {*plain})


def _relation(tool: str, words: list[str], state: dict[str, Any]) -> Any:
    if tool == "relation-ids":
        return [RELATIONS[words[0]]] if words[0] in RELATIONS else []
    relation = words[words.index("-r") + 1]
    if tool == "relation-list":
        return "prometheus" if "--app" in words else REMOTE[relation]
    if tool == "relation-get":
        return state["databags"].get(_bag(relation, words[-1], app="--app" in words), {})
    bag = state["databags"].setdefault(_bag(relation, UNIT, app="--app" in words), {})
    bag.update(_given(words))
    return None


def _bag(relation: str, owner: str, *, app: bool) -> str:
    return f"{relation} {owner.partition('/')[0] if app else owner}"


def _given(words: list[str]) -> dict[str, str]:
    if "--file" in words:
        # ops writes YAML of strings, quoted like JSON where they need it.
        text: dict[str, str] = yaml.safe_load(sys.stdin.read()) or {}
        return text
    return dict(word.split("=", 1) for word in words if "=" in word)


if __name__ == "__main__":
    main()
