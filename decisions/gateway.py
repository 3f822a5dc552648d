"""Bytes in, bytes out: route, authenticate, call the protocol, encode. Knows no vendor and no framework."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from decisions.freshness import Freshness
from decisions.limits import Limiter
from decisions.observer import Observer
from decisions.outages import Away
from decisions.protocols._base import (
    MISSING,
    UNKNOWN,
    WEBSOCKET,
    Call,
    Cold,
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
from decisions.responses import Response, encoded, preflight, refused
from decisions.routing import Match, Router
from decisions.snapshots import EnvironmentSnapshot, Grant
from tenants.credentials import digest
from tenants.roles import RIGHTS
from tenants.roles import Kind as KeyKind

REMEMBERED, REMEMBERED_LENGTH = 4_096, 128
"""Digests of how many keys are remembered, and how long such a key may be: ours are shorter."""

_known_digest = lru_cache(REMEMBERED)(digest)
_OPEN_GRANT = Grant(credential_id=0, kind="open", rights=RIGHTS[KeyKind.MANAGE])


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
        self.find = Router(protocols).find

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
        response = encoded(match.protocol, request, reply)
        return self._aged(response) if self.freshness.is_stale and self.freshness.is_ready() else response

    def _aged(self, response: Response) -> Response:
        """An answer that says how long ago it was last known to be right, where that cannot be looked up now."""
        age = ("X-Snapshot-Age", str(round(self.freshness.age())))
        return response._replace(headers=(*response.headers, age))

    def too_large(self, match: Match, request: Request) -> Response:
        """The answer to a body beyond the limit, of which nothing more is read."""
        limit = match.body_limit(request.method)
        return self.refused(match, request, Refusal(Kind.TOO_LARGE, f"the body is larger than {limit} bytes"))

    def unavailable(self, match: Match, request: Request) -> Response:
        """The answer when what it waits for does not come in time."""
        return self.refused(match, request, Refusal(Kind.UNAVAILABLE, "the database did not answer in time"))

    def refused(self, match: Match, request: Request, error: Exception) -> Response:
        """The answer to a call that gets none, in the protocol's words."""
        return refused(match.protocol, request, error)

    def _answer(self, match: Match, request: Request, *, load: bool) -> Reply | Pending | Listening:
        protocol = match.protocol
        route = match.routes.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            return _no_route(match, request)
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refusal(Kind.UNSUPPORTED, "compressed bodies are not accepted")
        if route.is_blocking:
            self._may_block(load=load)
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
        self.observer.used(grant.credential_id)
        call = Call(request, snapshot, grant, self.recorder.submit, self.observer, protocol.slug, self.freshness, load)
        return _kept_open(route.handler(call, **match.parameters), protocol, call, key_digest)

    def _authenticate(
        self, protocol: Protocol, route: Route, request: Request, *, load: bool
    ) -> tuple[EnvironmentSnapshot, Grant, str]:
        key = (route.find_key or protocol.find_key)(request)
        if key is None and protocol.is_open and self.open_environment:
            return self._snapshot(self._open_environment_id(load=load), load=load), _OPEN_GRANT, ""
        if key is None:
            raise Refusal(Kind.UNAUTHENTICATED, "environment key missing", MISSING)
        key_digest = _known_digest(key) if len(key) <= REMEMBERED_LENGTH else digest(key)
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
        self._may_block(load=load)
        self.freshness.look_again()
        return find()

    def _may_block(self, *, load: bool) -> None:
        """Whether the database may be asked here and now. While it is away nobody waits for it."""
        if self.freshness.is_away:
            raise Away
        if not load:
            raise Cold

    def _snapshot(self, environment_id: int, *, load: bool) -> EnvironmentSnapshot:
        snapshot = self.freshness.snapshot(environment_id)
        if snapshot is not None:
            return snapshot
        if not load:
            raise Cold
        snapshot = self.freshness.load(environment_id)
        if snapshot is None:
            raise Refusal(Kind.UNAUTHENTICATED, "environment key unknown")
        return snapshot

    def _finished(self, protocol: Protocol, request: Request, pending: Pending) -> Response:
        try:
            return encoded(protocol, request, pending.finish(pending.future.result(timeout=0)))
        except Exception as error:  # noqa: BLE001  as above
            return refused(protocol, request, error)


def _kept_open(
    reply: Reply | Pending | Stream, protocol: Protocol, call: Call, key_digest: str
) -> Reply | Pending | Listening:
    if isinstance(reply, Stream):
        return Listening(reply, protocol, call.snapshot, call.grant, key_digest)
    return reply


def _no_route(match: Match, request: Request) -> Reply:
    if request.method == "OPTIONS" and match.protocol.for_browsers:
        return preflight(match, request)
    raise Refusal(Kind.METHOD_NOT_ALLOWED, "Method Not Allowed", sorted(match.routes.keys() - {WEBSOCKET}))


def _proves(protocol: Protocol, request: Request, grant: Grant) -> bool:
    """Whether a caller that named a key also proved to have it. Where no proof is asked for, the key is the proof."""
    if protocol.verify is None:
        return grant.secret is None
    protocol.verify(request, grant)
    return True
