# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Log lines on stderr, as logfmt or JSON, each with its fields."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def set_up(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send every log line to ``stream`` (default stderr). Fields come by ``extra={...}``."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else LogfmtFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # The HTTP libraries log every request at info; the proxy says what matters of them itself.
    for name in ("httpx2", "httpcore2", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _FieldsFormatter(logging.Formatter):
    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, object] = {
            "ts": when.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "msg": record.getMessage(),
        }
        fields.update((k, v) for k, v in record.__dict__.items() if k not in _STANDARD)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return fields


class JsonFormatter(_FieldsFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record and its fields."""
        return json.dumps(self.fields(record), default=str, ensure_ascii=False)


class LogfmtFormatter(_FieldsFormatter):
    """``key=value`` pairs, quoted as JSON strings where they hold blanks, quotes or ``=``."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record and its fields."""
        return " ".join(f"{key}={_quoted(value)}" for key, value in self.fields(record).items())


def _quoted(value: object) -> str:
    text = str(value)
    if text and text.isprintable() and not any(char in text for char in ' "='):
        return text
    return json.dumps(text, ensure_ascii=False)
