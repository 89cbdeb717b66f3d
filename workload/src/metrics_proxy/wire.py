# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""What the Kubernetes API says over the wire, decoded, and its troubles put into words."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator
from typing import TypeVar

import httpx2
import msgspec

from metrics_proxy.health import ProblemKind
from metrics_proxy.pods import Pod

_T = TypeVar("_T")


class Trouble(Exception):  # noqa: N818  (an event of the watch loop more than an error)
    """The API did not do as asked. ``kind`` is a label value of the relists counter."""

    def __init__(self, kind: str, message: str, problem: ProblemKind = ProblemKind.OTHER) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.problem = problem


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class PodPage(msgspec.Struct):
    """One page of a PodList."""

    metadata: _ListMeta
    items: tuple[Pod, ...] = ()

    @classmethod
    def decode(cls, body: bytes) -> PodPage:
        """Decode a page; raises Trouble where it is no PodList."""
        return _decode(body, cls)


class _StatusObject(msgspec.Struct):
    message: str = ""
    reason: str = ""
    code: int = 0


class _BookmarkMeta(msgspec.Struct, rename="camel"):
    resource_version: str


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMeta


class WatchEvent(msgspec.Struct):
    """One line of a watch; what its object is depends on its type."""

    type: str
    object: msgspec.Raw

    @classmethod
    def decode(cls, line: bytes) -> WatchEvent:
        """Decode a line; raises Trouble where it is no event."""
        return _decode(line, cls)

    def pod(self) -> Pod:
        """The pod of an ADDED, MODIFIED or DELETED event."""
        return _decode(self.object, Pod)

    def version(self) -> str:
        """The resourceVersion of a BOOKMARK."""
        return _decode(self.object, _Bookmark).metadata.resource_version

    def trouble(self) -> Trouble:
        """What an ERROR event means."""
        status = _decode(self.object, _StatusObject)
        return _trouble(status.code, status.message or f"watch event {self.type}", "watch")


def _decode(body: bytes | msgspec.Raw, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Trouble(
            "broken", f"the API server's answer is not as it should be: {error}"
        ) from error


def status_trouble(code: int, body: bytes, verb: str) -> Trouble:
    """What an HTTP status other than 200 means; the body may hold a Status object, or anything."""
    try:
        message = msgspec.json.decode(body, type=_StatusObject).message
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = ""
    return _trouble(code, message, verb)


def _trouble(code: int, message: str, verb: str) -> Trouble:
    said = f": {message}" if message else ""
    match code:
        case 410:
            return Trouble("expired", f"the history is gone (410){said}")
        case 401:
            return Trouble(
                "api_error",
                f"the API server refuses the credentials (401){said}",
                ProblemKind.UNAUTHORIZED,
            )
        case 403:
            return Trouble(
                "api_error", f"no permission to {verb} pods (403){said}", ProblemKind.FORBIDDEN
            )
        case _:
            return Trouble("api_error", f"the API server answered {code} to {verb} pods{said}")


def silent(seconds: float) -> Trouble:
    """The server was given so many seconds for an answer, or its next part."""
    reason = f"the API server said nothing for {seconds:g} s"
    return Trouble("silent", reason, ProblemKind.UNREACHABLE)


def unreachable(error: Exception, server: object) -> Trouble:
    """What a failed request means: no connection, no TLS, no credentials, a broken stream."""
    if isinstance(error, httpx2.TimeoutException):
        reason = f"cannot reach the API server {server}: it does not answer"
        return Trouble("unreachable", reason, ProblemKind.UNREACHABLE)
    if isinstance(error, httpx2.ConnectError):
        reason = f"cannot reach the API server {server}: {_root(error)}"
        return Trouble("unreachable", reason, ProblemKind.UNREACHABLE)
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError):
        return Trouble("broken", f"the connection to the API server broke: {_root(error)}")
    reason = f"the credentials cannot be had: {_root(error)}"
    return Trouble("credentials", reason, ProblemKind.UNAUTHORIZED)


def _root(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify: {error.verify_message}"
    if isinstance(error, OSError) and not error.filename:
        # Less "[Errno 111]", which helps nobody.
        return error.strerror or str(error)
    return str(error) or type(error).__name__


async def lines_of(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Split a stream at newlines only (JSON strings may hold other line separators)."""
    rest = bytearray()
    async for chunk in chunks:
        rest += chunk
        *lines, tail = rest.split(b"\n")
        rest = bytearray(tail)
        for line in lines:
            if line:
                yield bytes(line)
