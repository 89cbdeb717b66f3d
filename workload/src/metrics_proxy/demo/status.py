# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The API's errors: a Status object, as the body of an answer or inside a watch event."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]

_REASONS = {
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class ApiError(Exception):
    """A refusal by the API. ``reason`` "" is left out of the Status, as the real API does."""

    def __init__(
        self, code: int, reason: str, message: str, details: JsonObject | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata: JsonObject = {}

    def status(self) -> JsonObject:
        """The Status object."""
        optional = {"reason": self.reason or None, "details": self.details}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            **{name: value for name, value in optional.items() if value is not None},
            "code": self.code,
        }


def of_code(code: int) -> ApiError:
    """An error of the server's own making, for trouble on demand."""
    return ApiError(code, _REASONS.get(code, ""), f"the stand-in was told to answer {code}")


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401: the token is not known. No token at all is a 403 for system:anonymous."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, resource: str, namespace: str, name: str) -> ApiError:
    """403. ``namespace`` "" is the cluster scope, ``name`` "" the whole collection."""
    subject = f'pods "{name}"' if name else "pods"
    scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    message = (
        f'{subject} is forbidden: User "{user}" cannot {verb} resource "{resource}" '
        f'in API group "" {scope}'
    )
    return ApiError(403, "Forbidden", message, _pods(name))


def not_found(name: str) -> ApiError:
    """404 for a pod."""
    return ApiError(404, "NotFound", f'pods "{name}" not found', _pods(name))


def no_such_resource() -> ApiError:
    """404 for a path."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> ApiError:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def already_exists(name: str) -> ApiError:
    """409 for a create."""
    return ApiError(409, "AlreadyExists", f'pods "{name}" already exists', _pods(name))


def conflict(name: str) -> ApiError:
    """409 for a patch that names a resourceVersion which is no longer the pod's."""
    message = (
        f'Operation cannot be fulfilled on pods "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return ApiError(409, "Conflict", message, _pods(name))


def expired(message: str) -> ApiError:
    """410: the history that was asked for is gone."""
    return ApiError(410, "Expired", message)


def unsupported_media_type() -> ApiError:
    """415 for a patch of another kind."""
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def invalid(name: str, field: str, problem: str) -> ApiError:
    """422: the object can be read, and must not be so. ``problem`` begins with its kind."""
    kind = next((kind for kind in ("Required", "Forbidden") if problem.startswith(kind)), "Invalid")
    causes = [{"reason": f"FieldValue{kind}", "message": problem, "field": field}]
    details = {**({"name": name} if name else {}), "kind": "Pod", "causes": causes}
    return ApiError(422, "Invalid", f'Pod "{name}" is invalid: {field}: {problem}', details)


def version_too_large(asked: int, current: int) -> ApiError:
    """504: a resourceVersion that is yet to come. The real API waits 3 s for it first."""
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def _pods(name: str) -> JsonObject:
    return {**({"name": name} if name else {}), "kind": "pods"}
