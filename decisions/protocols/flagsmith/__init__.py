"""Flagsmith's SDK API. Wire: docs/protocols/flagsmith.md."""

from collections.abc import Mapping
from time import time
from typing import Any

from decisions.protocols._base import (
    MISSING,
    Call,
    Host,
    Kind,
    Protocol,
    Refusal,
    Reply,
    Route,
    either_slash,
    header,
    in_path,
)
from decisions.protocols.flagsmith import events, flags, identities, stream, traits
from decisions.protocols.flagsmith.document import document, inexpressible
from decisions.protocols.flagsmith.example import example
from decisions.protocols.flagsmith.moments import Latest, phase_at
from decisions.snapshots import EnvironmentSnapshot
from tenants.roles import Right

NO_KEY = "Invalid or missing Environment key"
UNKNOWN_KEY = "Invalid or missing Environment Key"


def environment_document(call: Call) -> Reply:
    """GET /api/v1/environment-document/: everything that deciding in the application takes. For server keys."""
    now = time()
    phase = phase_at(call.snapshot, now)

    def prepared() -> Reply:
        call.take_time()
        return flags.prepared(call.snapshot, phase, flags.encode(document(call.snapshot, phase, now)), "document")

    return call.snapshot.keep("flagsmith.document", Latest[Reply]).get(phase, prepared)


def version(host: Host) -> Reply:
    """GET /version/: what Flagsmith's tools look at before they talk to a server."""
    return Reply(
        {
            "ci_commit_sha": "unknown",
            "image_tag": "unknown",
            "has_email_provider": False,
            "is_enterprise": False,
            "is_saas": False,
            "self_hosted_data": None,
            "package_versions": {},
        }
    )


def local_evaluation(snapshot: EnvironmentSnapshot) -> Mapping[str, list[str]]:
    """What the environment document cannot express now."""
    return inexpressible(snapshot, time())


def refuse(refusal: Refusal) -> Reply:
    """`{"detail": …}`, or complaints by field. A key that is missing and one that is unknown differ in one letter."""
    if refusal.kind is Kind.UNAUTHENTICATED:
        return Reply({"detail": NO_KEY if refusal.details == MISSING else UNKNOWN_KEY}, status=403)
    if refusal.kind is Kind.FORBIDDEN:
        return Reply({"detail": refusal.details or NO_KEY}, status=403)
    if refusal.kind is Kind.INVALID and refusal.details:
        return Reply(refusal.details, status=400)
    headers = (("Retry-After", "1"),) if refusal.kind is Kind.UNAVAILABLE else ()
    return Reply({"detail": _detail(refusal)}, status=refusal.status, headers=headers)


def _detail(refusal: Refusal) -> str:
    if refusal.kind is Kind.MALFORMED:
        return f"JSON parse error - {refusal.detail}"
    return "Method not allowed." if refusal.kind is Kind.METHOD_NOT_ALLOWED else refusal.detail


ROUTES = (
    Route("GET", "/api/v1/flags/", flags.flags, response=list[flags.FlagsmithFlag]),
    Route(
        "GET", "/api/v1/identities/", identities.get_identity, response=identities.FlagsmithIdentity, is_blocking=True
    ),
    Route(
        "POST",
        "/api/v1/identities/",
        identities.post_identity,
        request=identities.FlagsmithAsk,
        response=identities.FlagsmithIdentity,
        is_blocking=True,
    ),
    Route(
        "POST",
        "/api/v1/traits/",
        traits.set_trait,
        request=traits.FlagsmithIdentityTrait,
        response=traits.FlagsmithIdentityTrait,
        is_blocking=True,
    ),
    Route(
        "PUT",
        "/api/v1/traits/bulk/",
        traits.set_traits,
        request=list[traits.FlagsmithIdentityTrait],
        response=list[traits.FlagsmithIdentityTrait],
        is_blocking=True,
    ),
    Route(
        "POST",
        "/api/v1/traits/increment-value/",
        traits.increment_trait,
        request=traits.FlagsmithIncrement,
        response=traits.FlagsmithIncremented,
        is_blocking=True,
    ),
    Route("GET", "/api/v1/environment-document/", environment_document, right=Right.READ, response=dict[str, Any]),
    Route("POST", "/api/v1/analytics/flags/", events.count_flags, request=dict[str, int]),
    Route("POST", "/api/v2/analytics/flags/", events.count_evaluations, request=events.FlagsmithEvaluations),
    *(
        Route(
            "POST",
            path,
            events.take_events,
            request=events.FlagsmithEvents,
            response=events.FlagsmithAccepted,
            is_blocking=True,
        )
        for path in ("/api/v1/events/", "/v1/events/")
    ),
    Route(
        "GET",
        "/sse/environments/{key}/stream/",
        stream.watch,
        right=Right.WATCH,
        find_key=in_path("key"),
    ),
    Route("GET", "/version/", version, right=None, response=dict[str, Any]),
)

PROTOCOL = Protocol(
    slug="flagsmith",
    title="Flagsmith",
    find_key=header("X-Environment-Key"),
    routes=tuple(route for known in ROUTES for route in either_slash(known)),
    refuse=refuse,
    for_browsers=True,
    exposed=(flags.UPDATED_AT, "ETag", "Retry-After"),
    local_evaluation=local_evaluation,
    local_right=Right.READ,
    example=example,
)
