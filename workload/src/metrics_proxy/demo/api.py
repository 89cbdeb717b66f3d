# Copyright 2026 The metrics-proxy-k8s authors
# SPDX-License-Identifier: Apache-2.0
"""The HTTP face of the stand-in: the pod routes of the Kubernetes API."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from metrics_proxy.demo import objects, paging, status
from metrics_proxy.demo.access import Access
from metrics_proxy.demo.paging import ListOptions, Scope
from metrics_proxy.demo.recorder import Recorder, Request
from metrics_proxy.demo.status import ApiError, JsonObject
from metrics_proxy.demo.store import Change, CompactedError, Store
from metrics_proxy.demo.watch import Pace, Watch, Watches, WatchOptions, event
from metrics_proxy.selector import Selector, SelectorError, parse_selector

# Content-Type exactly so: lightkube reads a Status from "application/json" and nothing else.
_JSON = {"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
_MERGE_PATCH = "application/merge-patch+json"
_NOT_SERVED = ("fieldSelector", "resourceVersionMatch", "sendInitialEvents")
_ITEM = "/api/v1/namespaces/{namespace}/pods/{name}"


class PodsApi:
    """Answers requests from one store. Its parts are open to whoever makes trouble with them."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.recorder = Recorder()
        self.watches = Watches(self.recorder.happened)
        self.store = Store(self._tell)
        self.access = Access()
        self.answering = asyncio.Event()
        self.answering.set()
        self.refusals: deque[ApiError] = deque()

    def application(self) -> web.Application:
        """A fresh application: aiohttp serves each only once."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/api/v1/pods", self._collection),
                web.get("/api/v1/namespaces/{namespace}/pods", self._collection),
                web.post("/api/v1/namespaces/{namespace}/pods", self._create),
                web.get(_ITEM, self._get),
                web.patch(_ITEM, self._patch),
                web.patch(_ITEM + "/{subresource:status}", self._patch),
                web.delete(_ITEM, self._delete),
            ]
        )
        return app

    def _tell(self, change: Change) -> None:
        for watch in self.watches:
            watch.offer(change)
        self.recorder.happened()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record the request, check its rights, and turn every error into a Status."""
        asked = _describe(request)
        self.recorder.saw(asked)
        await self.answering.wait()
        try:
            self._authorize(asked, request.match_info.get("subresource", ""))
            return await handler(request)
        except web.HTTPNotFound:
            return _refusal(status.no_such_resource())
        except web.HTTPMethodNotAllowed:
            return _refusal(status.method_not_allowed())
        except ApiError as error:
            return _refusal(error)

    def _authorize(self, asked: Request, subresource: str) -> None:
        if self.refusals:
            raise self.refusals.popleft()
        user = self.access.user_of(asked.authorization)
        if self.access.allows(user, asked.verb, asked.namespace):
            return
        resource = f"pods/{subresource}" if subresource else "pods"
        raise status.forbidden(user, asked.verb, resource, asked.namespace, asked.name)

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        for name in _NOT_SERVED:
            if name in query:
                raise status.bad_request(f"the stand-in does not serve {name}")
        scope = Scope(_namespace(request), _selector(query))
        limit, timeout = _integer(query, "limit"), _integer(query, "timeoutSeconds")
        version = query.get("resourceVersion", "")
        if _flag(query, "watch"):
            options = WatchOptions(_flag(query, "allowWatchBookmarks"), timeout or 0)
            return await self._watch(request, self._new_watch(scope, options, version))
        page = ListOptions(limit or 0, query.get("continue", ""), version)
        return _answer(paging.pod_list(self.store, scope, page))

    def _new_watch(self, scope: Scope, options: WatchOptions, version: str) -> Watch:
        """A watch with what it has missed. Nothing may be awaited until it is open."""
        if version in {"", "0"}:
            watch = Watch(scope, options, self.pace, self.store.version)
            self._send_everything(watch, scope, end_marker=options.bookmarks)
            return watch
        if not (version.isascii() and version.isdecimal()):
            raise ApiError(500, "", paging.version_problem(version))
        watch = Watch(scope, options, self.pace, int(version))
        try:
            watch.catch_up(self.store.since(int(version)))
        except CompactedError as error:
            watch.fail(status.expired(f"too old resource version: {version} ({error.oldest})"))
        return watch

    def _send_everything(self, watch: Watch, scope: Scope, *, end_marker: bool) -> None:
        version = self.store.version
        for pod in self.store.pods_at(version):
            if scope.holds(pod):
                watch.send(event("ADDED", pod))
        if end_marker:
            watch.send(event("BOOKMARK", objects.bookmark(version, initial_events_end=True)))

    async def _watch(self, request: web.Request, watch: Watch) -> web.StreamResponse:
        response = web.StreamResponse(headers=_JSON)
        response.enable_chunked_encoding()

        async def write(line: bytes) -> None:
            await self.answering.wait()
            await response.write(line)
            self.recorder.happened()

        abort = _aborter(request)
        with self.watches.opened(watch, abort):
            await response.prepare(request)
            if not await watch.run(write, lambda: self.store.version):
                abort()
            await self.answering.wait()
        return response

    async def _create(self, request: web.Request) -> web.StreamResponse:
        return _answer(self.store.create(_namespace(request), await _body(request)), code=201)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return _answer(self.store.get(*_address(request)))

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != _MERGE_PATCH:
            raise status.unsupported_media_type()
        body, subresource = await _body(request), request.match_info.get("subresource", "")
        return _answer(self.store.patch(*_address(request), body, subresource))

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        options = await _body(request) if request.can_read_body else {}
        grace = options.get("gracePeriodSeconds", _integer(request.query, "gracePeriodSeconds"))
        if not isinstance(grace, int | None):
            raise status.bad_request("gracePeriodSeconds must be a whole number")
        return _answer(self.store.delete(*_address(request), grace))


def _answer(content: JsonObject, *, code: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), status=code, headers=_JSON)


def _refusal(error: ApiError) -> web.Response:
    return _answer(error.status(), code=error.code)


def _describe(request: web.Request) -> Request:
    verbs = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}
    name = request.match_info.get("name", "")
    reading = "get" if name else "watch" if _flag(request.query, "watch") else "list"
    return Request(
        verb=verbs.get(request.method, reading),
        namespace=_namespace(request),
        name=name,
        query=dict(request.query),
        authorization=request.headers.get("Authorization", ""),
    )


def _aborter(request: web.Request) -> Callable[[], None]:
    transport = request.transport
    return transport.abort if transport is not None else lambda: None


def _namespace(request: web.Request) -> str:
    return request.match_info.get("namespace", "")


def _address(request: web.Request) -> tuple[str, str]:
    return _namespace(request), request.match_info["name"]


def _flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean of the query as the real API reads it: anything is true but "0" and "false"."""
    return query.get(name, "false").lower() not in {"0", "false"}


def _integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise status.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _selector(query: Mapping[str, str]) -> Selector:
    try:
        return parse_selector(query.get("labelSelector", ""))
    except SelectorError as error:
        raise status.bad_request(f"unable to parse requirement: {error}") from error


async def _body(request: web.Request) -> JsonObject:
    try:
        body = msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise status.bad_request(f"the object provided is unrecognized: {error}") from error
    if not isinstance(body, dict):
        raise status.bad_request("the object provided is unrecognized: it is no JSON object")
    return body
