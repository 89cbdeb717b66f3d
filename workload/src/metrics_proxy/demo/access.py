# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""Who may do what: bearer tokens, their users, and the users' rights."""

from __future__ import annotations

from metrics_proxy.demo import status

ANONYMOUS = "system:anonymous"


class Access:
    """Rights by token. Open to everyone until the first right is granted, closed from then on."""

    def __init__(self) -> None:
        self._closed = False
        self._users: dict[str, str] = {}
        self._rights: set[tuple[str, str, str]] = set()

    def grant(self, token: str, verbs: tuple[str, ...], namespace: str, user: str) -> None:
        """Let a token's user do this in a namespace, or ("") everywhere."""
        self._closed = True
        self._users[token] = user
        self._rights.update((user, verb, namespace) for verb in verbs)

    def revoke(self, token: str, verbs: tuple[str, ...]) -> None:
        """Take these rights from a token's user, in every namespace; with none, the token."""
        self._closed = True
        if not verbs:
            self._users.pop(token, None)
            return
        user = self._users[token]
        self._rights = {
            right for right in self._rights if right[:2] not in {(user, v) for v in verbs}
        }

    def user_of(self, authorization: str) -> str:
        """The user behind an Authorization header. Raises ApiError 401."""
        if not authorization or not self._closed:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        user = self._users.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise status.unauthorized()
        return user

    def allows(self, user: str, verb: str, namespace: str) -> bool:
        """Say whether a user may. A right for the cluster holds in every namespace."""
        if not self._closed:
            return True
        return not self._rights.isdisjoint({(user, verb, namespace), (user, verb, "")})
