"""GrowthBook's SDKs: features, remote evaluation, streams and tracking. Wire: docs/protocols/growthbook.md."""

from collections.abc import Mapping
from time import time
from typing import Any

import msgspec

from decisions.protocols._base import (
    MISSING,
    Call,
    Host,
    Kind,
    Protocol,
    Refusal,
    Reply,
    Route,
    in_path,
    in_query,
)
from decisions.protocols.growthbook.document import document_for
from decisions.protocols.growthbook.example import example
from decisions.protocols.growthbook.features import local_evaluation
from decisions.protocols.growthbook.remote import Asked, Evaluated, evaluate
from decisions.protocols.growthbook.stream import STREAMS, subscribe
from decisions.protocols.growthbook.track import Tracked, TrackedEvent, track
from decisions.snapshots import EnvironmentSnapshot
from tenants.roles import Right

WORDS = {
    Kind.MALFORMED: "Invalid input",
    Kind.FORBIDDEN: "This key may not get feature definitions",
}


class Features(msgspec.Struct, rename="camel"):
    """The features document; with an encryption key `features` is empty and all is in `encryptedFeatures`."""

    features: dict[str, Any]
    date_updated: str
    encrypted_features: str | msgspec.UnsetType = msgspec.UNSET
    status: int = 200


class Health(msgspec.Struct):
    """Whether it lives."""

    status: int = 200
    healthy: bool = True


def features(call: Call, client_key: str) -> Reply:
    """GET /api/features/{client_key}: the document that an SDK decides with."""
    if call.grant.is_remote_only:
        raise Refusal(Kind.INVALID, "Remote evaluation required for this connection")
    document = document_for(call.snapshot, call.grant, before=call.take_time)
    headers = (("Cache-Control", "public, no-cache, stale-if-error=36000"), STREAMS)
    return Reply(document.body, headers=headers, etag=document.version)


def healthcheck(host: Host) -> Reply:
    """GET /healthcheck: whether the server answers."""
    return Reply(Health())


def inexpressible(snapshot: EnvironmentSnapshot) -> Mapping[str, list[str]]:
    """What the features document cannot say."""
    return local_evaluation(snapshot.definitions, snapshot.segments, time())


def refuse(refusal: Refusal) -> Reply:
    """`{"status": …, "error": …}`. Keys that are missing or unknown are 400, which SDKs do not ask about again."""
    status, words = refusal.status, WORDS.get(refusal.kind, refusal.detail)
    if refusal.kind is Kind.UNAUTHENTICATED:
        status, words = 400, "Missing API key in request" if refusal.details == MISSING else "Invalid API Key"
    headers = (("Retry-After", "1"),) if refusal.kind is Kind.UNAVAILABLE else ()
    return Reply({"status": status, "error": words}, status=status, headers=headers)


PROTOCOL = Protocol(
    slug="growthbook",
    title="GrowthBook",
    find_key=in_path("client_key"),
    routes=(
        Route("GET", "/api/features/{client_key}", features, response=Features),
        Route("POST", "/api/eval/{client_key}", evaluate, request=Asked, response=Evaluated),
        Route("GET", "/sub/{client_key}", subscribe),
        Route(
            "POST",
            "/track",
            track,
            request=list[TrackedEvent],
            response=Tracked,
            find_key=in_query("client_key"),
            is_blocking=True,
        ),
        Route("GET", "/healthcheck", healthcheck, right=None, response=Health),
    ),
    refuse=refuse,
    for_browsers=True,
    exposed=("ETag", "x-sse-support"),
    local_evaluation=inexpressible,
    local_right=Right.DECIDE,
    example=example,
)
