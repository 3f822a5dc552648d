"""Bytes in, bytes out: route, authenticate, call the protocol, encode. Knows no vendor and no framework."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
import structlog

from decisions.conditional import answer_if_modified
from decisions.freshness import Freshness
from decisions.limits import Limiter
from decisions.observer import Observer
from decisions.protocols._base import (
    BODY_LIMIT,
    MISSING,
    UNKNOWN,
    WEBSOCKET,
    Call,
    Headers,
    Kind,
    Pending,
    Protocol,
    Refusal,
    Reply,
    Request,
    Route,
    Stream,
)
from decisions.recorder import Recorder
from decisions.snapshots import EnvironmentSnapshot, Grant
from tenants.credentials import digest
from tenants.roles import RIGHTS
from tenants.roles import Kind as KeyKind

log = structlog.get_logger(__name__)

_OPEN_GRANT = Grant(credential_id=0, kind="open", rights=RIGHTS[KeyKind.MANAGE])
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Response(NamedTuple):
    """An answer as it goes over the wire."""

    status: int
    headers: Headers
    body: bytes


class Waiting(NamedTuple):
    """An answer that comes once its future is done: `finish` is to be called then, and does not block."""

    pending: Pending
    finish: Callable[[], Response]


class Listening(NamedTuple):
    """An answer that goes on until the caller leaves: what it is made of, and for whom."""

    stream: Stream
    protocol: Protocol
    snapshot: EnvironmentSnapshot
    grant: Grant
    key_digest: str


class Match(NamedTuple):
    """A path that is ours: the protocol, and the routes by method; none of a method means it is not allowed."""

    protocol: Protocol
    routes: dict[str, Route]
    parameters: dict[str, str]

    def body_limit(self, method: str) -> int:
        """How many bytes a call may bring."""
        route = self.routes.get(method)
        return route.body_limit if route else BODY_LIMIT


class Cold(Exception):
    """The answer needs something that is not in memory. Ask again with `load=True` where blocking is allowed."""


class Gateway:
    """Answers every call of every protocol from snapshots in memory."""

    def __init__(
        self,
        protocols: Iterable[Protocol],
        freshness: Freshness,
        recorder: Recorder,
        observer: Observer,
        *,
        open_environment: str = "",
        rate_limit: int = 0,
    ) -> None:
        self.freshness, self.recorder, self.observer = freshness, recorder, observer
        self.open_environment = open_environment
        self._limiter = Limiter(rate_limit)
        self._fixed: dict[str, Match] = {}
        self._open: list[tuple[str, Match]] = []
        for protocol in protocols:
            for route in protocol.routes:
                self._add(protocol, route)
        self._pattern = re.compile("|".join(f"(?P<r{i}>{_pattern(path)})" for i, (path, _) in enumerate(self._open)))

    def _add(self, protocol: Protocol, route: Route) -> None:
        """Fixed paths into a dictionary, those with parameters into one pattern; methods of one path together."""
        if "{" not in route.path:
            match = self._fixed.setdefault(route.path, Match(protocol, {}, {}))
        else:
            found = [match for path, match in self._open if path == route.path]
            match = found[0] if found else Match(protocol, {}, {})
            self._open += [] if found else [(route.path, match)]
        match.routes[route.method] = route

    def find(self, path: str) -> Match | None:
        """Whose path this is; None if it belongs to no protocol."""
        if match := self._fixed.get(path):
            return match
        found = self._pattern.fullmatch(path)
        if found is None or found.lastgroup is None:
            return None
        open_path, match = self._open[int(found.lastgroup[1:])]
        values = found.groups()[found.re.groupindex[found.lastgroup] :]
        return match._replace(parameters=dict(zip(_names(open_path), values, strict=False)))

    def respond(self, match: Match, request: Request, *, load: bool = False) -> Response | Waiting | Listening:
        """Answer a call. Never raises but `Cold`: whatever goes wrong is worded by the protocol."""
        try:
            reply = self._answer(match, request, load=load)
        except Cold:
            raise
        except Exception as error:  # noqa: BLE001  nothing may leave here but an answer in the protocol's words
            return self.refused(match, request, error)
        if isinstance(reply, Pending):
            pending = reply
            return Waiting(pending, lambda: self._finished(match.protocol, request, pending))
        if isinstance(reply, Listening):
            return reply
        return _encoded(match.protocol, request, reply)

    def too_large(self, match: Match, request: Request) -> Response:
        """The answer to a body beyond the limit, of which nothing more is read."""
        limit = match.body_limit(request.method)
        return self.refused(match, request, Refusal(Kind.TOO_LARGE, f"the body is larger than {limit} bytes"))

    def unavailable(self, match: Match, request: Request) -> Response:
        """The answer when what it waits for does not come in time."""
        return self.refused(match, request, Refusal(Kind.UNAVAILABLE, "the database did not answer in time"))

    def refused(self, match: Match, request: Request, error: Exception) -> Response:
        """The answer to a call that gets none, in the protocol's words."""
        return _refused(match.protocol, request, error)

    def _answer(self, match: Match, request: Request, *, load: bool) -> Reply | Pending | Listening:
        protocol = match.protocol
        if request.method == "OPTIONS" and protocol.for_browsers:
            return _preflight(match, request)
        method = "GET" if request.method == "HEAD" else request.method
        route = match.routes.get(method)
        if route is None:
            raise Refusal(Kind.METHOD_NOT_ALLOWED, "Method Not Allowed", sorted(match.routes.keys() - {WEBSOCKET}))
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refusal(Kind.UNSUPPORTED, "compressed bodies are not accepted")
        if route.is_blocking and not load:
            raise Cold
        if route.right is None:
            reply = route.handler(self.freshness, **match.parameters)
            assert isinstance(reply, Reply)  # noqa: S101  what goes on, and what waits, is for somebody with a key
            return reply
        request.named = match.parameters
        snapshot, grant, key_digest = self._authenticate(protocol, route, request, load=load)
        if seconds := self._limiter.wait(key_digest):
            raise Refusal(Kind.TOO_MANY, f"this key calls too often; wait {seconds} s", seconds)
        if route.right not in grant.rights:
            raise Refusal(Kind.FORBIDDEN, f"this {grant.kind} key may not do that")
        call = Call(request, snapshot, grant, self.recorder.submit, self.observer, protocol.slug, self.freshness)
        return _kept_open(route.handler(call, **match.parameters), protocol, call, key_digest)

    def _authenticate(
        self, protocol: Protocol, route: Route, request: Request, *, load: bool
    ) -> tuple[EnvironmentSnapshot, Grant, str]:
        key = (route.find_key or protocol.find_key)(request)
        if key is None and protocol.is_open and self.open_environment:
            return self._snapshot(self._open_environment_id(load=load), load=load), _OPEN_GRANT, ""
        if key is None:
            raise Refusal(Kind.UNAUTHENTICATED, "environment key missing", MISSING)
        key_digest = digest(key)
        environment_id = self.freshness.environment_of_key(key_digest)
        if environment_id is None:
            environment_id = self._look_again(lambda: self.freshness.environment_of_key(key_digest), load=load)
        if environment_id is not None:
            snapshot = self._snapshot(environment_id, load=load)
            grant = snapshot.grants.get(key_digest)
            if grant and not grant.is_expired() and _proves(protocol, request, grant):
                return snapshot, grant, key_digest
        raise Refusal(Kind.UNAUTHENTICATED, "environment key unknown", UNKNOWN)

    def _open_environment_id(self, *, load: bool) -> int:
        def find() -> int | None:
            return self.freshness.environment_at(self.open_environment)

        environment_id = find() or self._look_again(find, load=load)
        if environment_id is None:
            raise Refusal(Kind.UNAUTHENTICATED, f"there is no open environment {self.open_environment!r}")
        return environment_id

    def _look_again(self, find: Callable[[], int | None], *, load: bool) -> int | None:
        """What is not in the index may be new: read the index again, but not for every stranger who knocks."""
        if self.freshness.is_recent():
            return None
        if not load:
            raise Cold
        self.freshness.refresh_quietly()
        return find()

    def _snapshot(self, environment_id: int, *, load: bool) -> EnvironmentSnapshot:
        snapshot = self.freshness.snapshot(environment_id)
        if snapshot is not None:
            return snapshot
        if not load:
            raise Cold
        snapshot = self.freshness.shelf.load(environment_id)
        if snapshot is None:
            raise Refusal(Kind.UNAUTHENTICATED, "environment key unknown")
        return snapshot

    def _finished(self, protocol: Protocol, request: Request, pending: Pending) -> Response:
        try:
            return _encoded(protocol, request, pending.finish(pending.future.result(timeout=0)))
        except Exception as error:  # noqa: BLE001  as above
            return _refused(protocol, request, error)


def _kept_open(
    reply: Reply | Pending | Stream, protocol: Protocol, call: Call, key_digest: str
) -> Reply | Pending | Listening:
    if isinstance(reply, Stream):
        return Listening(reply, protocol, call.snapshot, call.grant, key_digest)
    return reply


def _pattern(path: str) -> str:
    return re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(path))


def _names(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _proves(protocol: Protocol, request: Request, grant: Grant) -> bool:
    """Whether a caller that named a key also proved to have it. Where no proof is asked for, the key is the proof."""
    if protocol.verify is None:
        return grant.secret is None
    protocol.verify(request, grant)
    return True


def _refused(protocol: Protocol, request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        log.error("a call failed", protocol=protocol.slug, path=request.path, exc_info=error)
        error = Refusal(Kind.INTERNAL, "internal error")
    reply = protocol.refuse(error)
    if error.kind is Kind.METHOD_NOT_ALLOWED:
        reply = reply._replace(headers=(*reply.headers, ("Allow", ", ".join(error.details))))
    if error.kind in {Kind.TOO_MANY, Kind.TOO_BUSY}:
        reply = reply._replace(headers=(*reply.headers, ("Retry-After", str(error.details))))
    return _encoded(protocol, request, reply)


def _preflight(match: Match, request: Request) -> Reply:
    """What a browser asks before it calls: any of our methods, with whatever headers it wants to send."""
    allowed = (
        ("Access-Control-Allow-Methods", ", ".join(sorted(match.routes.keys() - {WEBSOCKET}))),
        ("Access-Control-Allow-Headers", request.headers.get("access-control-request-headers", "*")),
        ("Access-Control-Max-Age", "86400"),
    )
    return Reply(None, status=204, headers=allowed)


def _encoded(protocol: Protocol, request: Request, reply: Reply) -> Response:
    body = reply.body if isinstance(reply.body, bytes) else b"" if reply.body is None else _encode(reply.body)
    validators: Headers = ()
    status = reply.status
    if reply.etag or reply.modified:
        status, validators = answer_if_modified(reply, body, request.headers)
    if status == 304:
        body = b""
    described: Headers = ()
    if status not in {204, 304}:
        described = (("Content-Type", reply.content_type), ("Content-Length", str(len(body))))
    headers = (*described, *reply.headers, *validators, *browser_headers(protocol))
    return Response(status, headers, b"" if request.method == "HEAD" else body)


def browser_headers(protocol: Protocol) -> Headers:
    """What pages of other origins need to read an answer."""
    if not protocol.for_browsers:
        return ()
    exposed = (("Access-Control-Expose-Headers", ", ".join(protocol.exposed)),) if protocol.exposed else ()
    return (("Access-Control-Allow-Origin", "*"), *exposed)
