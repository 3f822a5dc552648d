"""Replies and refusals as they go over the wire: encoded, described, and left out where the caller has them already."""

from typing import NamedTuple

import msgspec
import structlog

from decisions.conditional import answer_if_modified
from decisions.outages import SORRY, is_away
from decisions.protocols._base import WEBSOCKET, Headers, Kind, Protocol, Refusal, Reply, Request
from decisions.routing import Match
from decisions.snapshots import Moved

log = structlog.get_logger(__name__)

BODILESS = frozenset({204, 304})
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Response(NamedTuple):
    """An answer as it goes over the wire."""

    status: int
    headers: Headers
    body: bytes


def encoded(protocol: Protocol, request: Request, reply: Reply) -> Response:
    """A reply in bytes."""
    body, status, headers = reply.body, reply.status, reply.headers
    if not isinstance(body, bytes):
        body = b"" if body is None else _encode(body)
    if reply.etag or reply.modified:
        status, validators = answer_if_modified(reply, body, request.headers)
        headers = (*headers, *validators)
    if status in BODILESS:
        return Response(status, (*headers, *protocol.always), b"")
    described = ("Content-Type", reply.content_type), ("Content-Length", str(len(body)))
    return Response(status, (*described, *headers, *protocol.always), b"" if request.method == "HEAD" else body)


def refused(protocol: Protocol, request: Request, error: Exception) -> Response:
    """The answer to a call that gets none, in the protocol's words."""
    if is_away(error) or isinstance(error, Moved):
        error = Refusal(Kind.UNAVAILABLE, SORRY)
    if not isinstance(error, Refusal):
        log.error("a call failed", protocol=protocol.slug, path=request.path, exc_info=error)
        error = Refusal(Kind.INTERNAL, "internal error")
    reply = protocol.refuse(error)
    if error.kind is Kind.METHOD_NOT_ALLOWED:
        reply = reply._replace(headers=(*reply.headers, ("Allow", ", ".join(error.details))))
    if error.kind in {Kind.TOO_MANY, Kind.TOO_BUSY}:
        reply = reply._replace(headers=(*reply.headers, ("Retry-After", str(error.details))))
    return encoded(protocol, request, reply)


def preflight(match: Match, request: Request) -> Reply:
    """What a browser asks before it calls: any of our methods, with whatever headers it wants to send."""
    allowed = (
        ("Access-Control-Allow-Methods", ", ".join(sorted(match.routes.keys() - {WEBSOCKET}))),
        ("Access-Control-Allow-Headers", request.headers.get("access-control-request-headers", "*")),
        ("Access-Control-Max-Age", "86400"),
    )
    return Reply(None, status=204, headers=allowed)
