"""Bytes in, bytes out: route, authenticate, call the protocol, encode. Knows no vendor and no framework."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import unquote

import msgspec
import structlog

from decisions.freshness import Freshness
from decisions.protocols._base import (
    BODY_LIMIT,
    Call,
    Headers,
    Kind,
    Pending,
    Protocol,
    Refusal,
    Reply,
    Request,
    Route,
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


class Match(NamedTuple):
    """A path that is ours: the protocol, and the routes by method; none of a method means it is not allowed."""

    protocol: Protocol
    routes: dict[str, Route]
    parameters: dict[str, str]


class Cold(Exception):
    """The answer needs something that is not in memory. Ask again with `load=True` where blocking is allowed."""


class Gateway:
    """Answers every call of every protocol from snapshots in memory."""

    def __init__(
        self, protocols: Iterable[Protocol], freshness: Freshness, recorder: Recorder, *, open_environment: str = ""
    ) -> None:
        self.freshness, self.recorder, self.open_environment = freshness, recorder, open_environment
        self._fixed: dict[str, Match] = {}
        self._patterns: list[tuple[re.Pattern[str], Match]] = []
        for protocol in protocols:
            for route in protocol.routes:
                self._add(protocol, route)

    def _add(self, protocol: Protocol, route: Route) -> None:
        if "{" not in route.path:
            match = self._fixed.setdefault(route.path, Match(protocol, {}, {}))
            match.routes[route.method] = route
            return
        pattern = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.path)))
        for known, match in self._patterns:
            if known.pattern == pattern.pattern:
                match.routes[route.method] = route
                return
        self._patterns.append((pattern, Match(protocol, {route.method: route}, {})))

    def find(self, path: str) -> Match | None:
        """Whose path this is; None if it belongs to no protocol."""
        if match := self._fixed.get(path):
            return match
        for pattern, match in self._patterns:
            if found := pattern.fullmatch(path):
                parameters = {name: unquote(value) for name, value in found.groupdict().items()}
                return match._replace(parameters=parameters)
        return None

    def respond(self, match: Match, request: Request, *, load: bool = False) -> Response | Waiting:
        """Answer a call. Never raises but `Cold`: whatever goes wrong is worded by the protocol."""
        try:
            reply = self._answer(match, request, load=load)
        except Cold:
            raise
        except Exception as error:  # noqa: BLE001  nothing may leave here but an answer in the protocol's words
            return self._refused(match.protocol, request, error)
        if isinstance(reply, Pending):
            pending = reply
            return Waiting(pending, lambda: self._finished(match.protocol, request, pending))
        return self._encoded(match.protocol, request, reply)

    def too_large(self, match: Match, request: Request) -> Response:
        """The answer to a body beyond the limit, of which nothing more is read."""
        refusal = Refusal(Kind.TOO_LARGE, f"the body is larger than {BODY_LIMIT} bytes")
        return self._refused(match.protocol, request, refusal)

    def unavailable(self, match: Match, request: Request) -> Response:
        """The answer when what it waits for does not come in time."""
        return self._refused(match.protocol, request, Refusal(Kind.UNAVAILABLE, "the database did not answer in time"))

    def _answer(self, match: Match, request: Request, *, load: bool) -> Reply | Pending:
        if request.method == "OPTIONS" and match.protocol.for_browsers:
            return Reply(None, status=204)
        method = "GET" if request.method == "HEAD" else request.method
        route = match.routes.get(method)
        if route is None:
            raise Refusal(Kind.METHOD_NOT_ALLOWED, "Method Not Allowed", sorted(match.routes))
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refusal(Kind.UNSUPPORTED, "compressed bodies are not accepted")
        if route.right is None:
            return route.handler(self.freshness, **match.parameters)
        snapshot, grant = self._authenticate(match.protocol, request, load=load)
        if route.right not in grant.rights:
            raise Refusal(Kind.FORBIDDEN, f"this {grant.kind} key may not do that")
        return route.handler(Call(request, snapshot, grant, self.recorder.submit), **match.parameters)

    def _authenticate(self, protocol: Protocol, request: Request, *, load: bool) -> tuple[EnvironmentSnapshot, Grant]:
        key = protocol.find_key(request)
        if key is None and protocol.is_open and self.open_environment:
            return self._snapshot(self._open_environment_id(load=load), load=load), _OPEN_GRANT
        if key is None:
            raise Refusal(Kind.UNAUTHENTICATED, "environment key missing")
        key_digest = digest(key)
        environment_id = self.freshness.environment_of_key(key_digest)
        if environment_id is None:
            environment_id = self._look_again(lambda: self.freshness.environment_of_key(key_digest), load=load)
        if environment_id is not None:
            snapshot = self._snapshot(environment_id, load=load)
            grant = snapshot.grants.get(key_digest)
            if grant and not grant.is_expired():
                return snapshot, grant
        raise Refusal(Kind.UNAUTHENTICATED, "environment key unknown")

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
            return self._encoded(protocol, request, pending.finish(pending.future.result(timeout=0)))
        except Exception as error:  # noqa: BLE001  as above
            return self._refused(protocol, request, error)

    def _refused(self, protocol: Protocol, request: Request, error: Exception) -> Response:
        if not isinstance(error, Refusal):
            log.error("a call failed", protocol=protocol.slug, path=request.path, exc_info=error)
            error = Refusal(Kind.INTERNAL, "internal error")
        reply = protocol.refuse(error)
        if error.kind is Kind.METHOD_NOT_ALLOWED:
            reply = reply._replace(headers=(*reply.headers, ("Allow", ", ".join(error.details))))
        return self._encoded(protocol, request, reply)

    def _encoded(self, protocol: Protocol, request: Request, reply: Reply) -> Response:
        body = b"" if reply.status == 204 else _encode(reply.body)
        length = ("Content-Length", str(len(body)))
        headers: Headers = (("Content-Type", "application/json"), length, *reply.headers)
        if protocol.for_browsers:
            headers = (*headers, ("Access-Control-Allow-Origin", "*"))
        return Response(reply.status, headers, b"" if request.method == "HEAD" else body)
