# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""A kubeconfig's exec plugin, run with care.

lightkube runs one for each of several first requests at once, and leaves it running when the
request is given up; and its answer may be anything.
"""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator

import httpx2
from lightkube.config.client_adapter import ExecAuth
from lightkube.config.models import UserExec


class PluginError(Exception):
    """The plugin failed, or its answer holds no token."""


class ExecPlugin(ExecAuth):
    """Puts the plugin's token on requests; runs it again when the API refuses the token (401)."""

    def __init__(self, plugin: UserExec) -> None:
        super().__init__(plugin)
        self._lock = asyncio.Lock()
        self._bearer = ""

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """httpx2's own shape: yields the request, and once more after a 401. Raises PluginError."""
        used = await self._bearer_other_than("")
        request.headers["Authorization"] = used
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = await self._bearer_other_than(used)
            yield request

    async def _bearer_other_than(self, refused: str) -> str:
        async with self._lock:
            if self._bearer == refused:
                self._bearer = f"Bearer {_token(await self._run())}"
            return self._bearer

    async def _run(self) -> bytes:
        (command, *arguments), environ = self._prepare()
        process = await asyncio.create_subprocess_exec(
            command, *arguments, env=environ, stdout=PIPE, stderr=PIPE
        )
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        if process.returncode != 0:
            said = err.decode(errors="replace").strip().splitlines()[-1:]
            raise PluginError(": ".join([f"{command} ended with {process.returncode}", *said]))
        return out


def _token(answer: bytes) -> str:
    try:
        token = json.loads(answer)["status"]["token"]
    except (ValueError, KeyError, TypeError):
        token = None
    if not isinstance(token, str) or not token:
        raise PluginError("its answer holds no token (client certificates are not supported)")
    return token
