# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
import io
import json
import logging
from collections.abc import Iterator

import pytest

from metrics_proxy import logs


@pytest.fixture(autouse=True)
def root_logger_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # basicConfig(force=True) would close the handlers that pytest reads from.
    root.handlers.clear()
    yield
    root.handlers[:], root.level = handlers, level


def logged(form: str, level: str = "info") -> str:
    stream = io.StringIO()
    logs.set_up(level, form, stream)
    logger = logging.getLogger("test")
    logger.debug("hidden")
    logger.warning("pod is %s", "down", extra={"pod": "shop/web", "reason": 'said "no"\n'})
    return stream.getvalue()


def test_logfmt() -> None:
    line = logged("logfmt")
    assert line.count("\n") == 1
    assert line.partition(" ")[2] == (
        'level=warning msg="pod is down" pod=shop/web reason="said \\"no\\"\\n"\n'
    )


def test_json() -> None:
    fields = json.loads(logged("json"))
    assert fields.pop("ts").endswith("Z")
    assert fields == {
        "level": "warning",
        "msg": "pod is down",
        "pod": "shop/web",
        "reason": 'said "no"\n',
    }


def test_level() -> None:
    assert logged("logfmt", "error") == ""


@pytest.mark.parametrize("form", logs.FORMATS)
def test_an_exception_stays_on_one_line(form: str) -> None:
    stream = io.StringIO()
    logs.set_up("info", form, stream)
    logging.getLogger("test").error("failed", exc_info=ValueError("boom"))
    assert stream.getvalue().count("\n") == 1
    assert "ValueError: boom" in stream.getvalue()
