"""OpenFeature's Remote Evaluation Protocol 0.3 (OFREP). Wire: docs/protocols/ofrep.md."""

from time import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from decisions.engine.types import Fault, Reason
from decisions.protocols._base import (
    Call,
    Kind,
    Protocol,
    Refusal,
    Reply,
    Route,
    Stream,
    bearer,
    first_of,
    header,
    in_query,
    tag_of,
)
from decisions.protocols._fragments import Fragments
from decisions.protocols.ofrep import context
from decisions.protocols.ofrep.answers import FAULTS, Success, Wording
from decisions.protocols.ofrep.example import example
from decisions.protocols.ofrep.tags import Tags
from tenants.roles import Right

if TYPE_CHECKING:
    from decisions.snapshots import EnvironmentSnapshot, Grant

ERROR_CODES = {Kind.MALFORMED: "PARSE_ERROR", Kind.NOT_FOUND: "FLAG_NOT_FOUND"}
INACTIVITY_SECONDS = 120
RETRY = (("Retry-After", "1"),)


class Ask(msgspec.Struct):
    """A question: `targetingKey` is whom it is about, all else are their attributes."""

    context: dict[str, Any] = {}


class Endpoint(msgspec.Struct):
    """Where a stream is, on the host that was asked."""

    requestUri: str


class EventStream(msgspec.Struct):
    """Where changes are told."""

    type: str
    endpoint: Endpoint
    inactivityDelaySec: int


class Bulk(msgspec.Struct):
    """Every feature, or why it has no value as `errorCode` and `errorDetails`; and where to wait for changes."""

    flags: list[Success]
    eventStreams: list[EventStream]


def evaluate(call: Call, key: str) -> Reply:
    """POST /ofrep/v1/evaluate/flags/{key}: one feature for one subject."""
    try:
        subject = context.read(call).subject
        decision = call.decide(key, subject)
        if decision.fault:
            code, detail = FAULTS[decision.fault]
            is_unknown = decision.fault is Fault.FLAG_NOT_FOUND
            raise Refusal(Kind.NOT_FOUND if is_unknown else Kind.INVALID, detail, code)
    except Refusal as refusal:
        return keyed(refuse(refusal), key)
    call.seen(decision, subject)
    return Reply(encoded(call.snapshot).of(decision))


def evaluate_all(call: Call) -> Reply:
    """POST /ofrep/v1/evaluate/flags: every feature for one subject, unless nothing changed for them."""
    tags = call.snapshot.keep("ofrep.tags", lambda: Tags(call.snapshot.definitions.values()))
    question = tags.question(call.request.body, time(), call.grant.can_read)
    known = tags.known(question)
    if known and known in call.request.headers.get("if-none-match", ""):
        return Reply(b"", etag=known)
    body = decided(call)
    tag = tag_of(body)
    tags.remember(question, tag)
    return Reply(body, etag=tag)


def decided(call: Call) -> bytes:
    """All decisions, encoded."""
    subject, wanted = context.read(call)
    decisions = call.decide_all(subject)
    if wanted is not None:
        decisions = {key: decision for key, decision in decisions.items() if key in wanted}
    hidden = Reason.OFF if call.snapshot.about.hide_disabled_flags else None
    flags = encoded(call.snapshot).each(one for one in decisions.values() if one.reason is not hidden)
    streams = call.snapshot.keep("ofrep.streams", lambda: msgspec.json.encode(streams_of(call.snapshot)))
    return b'{"flags":[%b],"eventStreams":%b}' % (b",".join(flags), streams)


def encoded(snapshot: "EnvironmentSnapshot") -> Fragments[bytes]:
    """The answers of a snapshot, each encoded once."""
    return snapshot.keep("ofrep.answers", lambda: Fragments(Wording(snapshot.definitions).encoded))


def streams_of(snapshot: "EnvironmentSnapshot") -> list[EventStream]:
    """Where changes are told. The key in that URL is the environment's public id, which opens nothing else."""
    where = Endpoint(f"/ofrep/v1/stream?key={quote(snapshot.about.public_id, safe='')}")
    return [EventStream("sse", where, INACTIVITY_SECONDS)]


def watch(call: Call) -> Stream:
    """GET /ofrep/v1/stream: says when to ask again, as server-sent events."""
    return Stream(told)


def told(snapshot: "EnvironmentSnapshot", before: "EnvironmentSnapshot | None", grant: "Grant") -> bytes:
    """The one event there is. It is also sent first, since something may have changed while the caller connected."""
    told = {
        "type": "refetchEvaluation",
        "etag": snapshot.revision,
        "lastModified": int(snapshot.changed_at.timestamp()),
    }
    return b"id: %b\nevent: message\ndata: %b\n\n" % (snapshot.revision.encode(), msgspec.json.encode(told))


def refuse(refusal: Refusal) -> Reply:
    """`{"errorCode", "errorDetails"}`, whatever the status."""
    code = ERROR_CODES.get(refusal.kind, "GENERAL")
    if refusal.kind in {Kind.INVALID, Kind.NOT_FOUND} and refusal.details:
        code = refusal.details
    body = {"errorCode": code, "errorDetails": refusal.detail}
    return Reply(body, status=refusal.status, headers=RETRY if refusal.kind is Kind.UNAVAILABLE else ())


def keyed(reply: Reply, key: str) -> Reply:
    """A refusal of one feature names it."""
    return reply._replace(body={"key": key, **reply.body})


STATUSES = {
    400: "The body or the context is wrong, or the feature needs a targeting key.",
    401: "The key is missing or unknown.",
    403: "The key may not do this.",
    429: "Too many requests; Retry-After says when to come back.",
}

PROTOCOL = Protocol(
    slug="ofrep",
    title="OpenFeature Remote Evaluation Protocol",
    find_key=first_of(header("X-API-Key"), bearer),
    routes=(
        Route(
            "POST",
            "/ofrep/v1/evaluate/flags/{key}",
            evaluate,
            request=Ask,
            response=Success,
            statuses={**STATUSES, 404: "There is no such feature."},
        ),
        Route(
            "POST",
            "/ofrep/v1/evaluate/flags",
            evaluate_all,
            request=Ask,
            response=Bulk,
            statuses={**STATUSES, 304: "Nothing changed since the answer that If-None-Match names."},
        ),
        Route(
            "GET",
            "/ofrep/v1/stream",
            watch,
            right=Right.WATCH,
            find_key=first_of(header("X-API-Key"), bearer, in_query("key")),
            statuses={200: "Server-sent events."},
        ),
    ),
    refuse=refuse,
    for_browsers=True,
    exposed=("ETag", "Retry-After"),
    example=example,
)
