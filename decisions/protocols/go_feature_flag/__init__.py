"""GO Feature Flag's relay proxy 1.55. Wire: docs/protocols/go_feature_flag.md."""

from decisions.protocols._base import (
    BODY_LIMIT,
    MISSING,
    UNKNOWN,
    WEBSOCKET,
    Kind,
    Protocol,
    Refusal,
    Reply,
    Request,
    Route,
    bearer,
    header,
    in_query,
)
from decisions.protocols.go_feature_flag.collector import Batch, Ingested, collect
from decisions.protocols.go_feature_flag.configuration import local_evaluation
from decisions.protocols.go_feature_flag.context import Asked
from decisions.protocols.go_feature_flag.counters import metrics
from decisions.protocols.go_feature_flag.documents import Changes, FlagConfiguration, Wanted, changes, configuration
from decisions.protocols.go_feature_flag.evaluation import AllFlags, Evaluated, all_flags, evaluate
from decisions.protocols.go_feature_flag.example import example
from decisions.protocols.go_feature_flag.manifest import Manifest, manifest
from decisions.protocols.go_feature_flag.process import Info, Refreshed, info, refresh
from decisions.protocols.go_feature_flag.streams import as_events, on_websocket
from tenants.roles import Right

KEYS = {MISSING: "missing key in request header", UNKNOWN: "invalid key"}
REPORT = 8 * BODY_LIMIT
"""Bytes: what a provider collects in a minute, up to 10,000 evaluations, comes at once."""
WORDS = {
    Kind.METHOD_NOT_ALLOWED: "Method Not Allowed",
    Kind.INTERNAL: "Internal Server Error",
    Kind.TOO_LARGE: "Request Entity Too Large",
}

_api_key = header("X-API-Key")
_in_url = in_query("apiKey")


def find_key(request: Request) -> str | None:
    """`X-API-Key` comes before `Authorization`, of which only Bearer will do."""
    key = _api_key(request) or bearer(request)
    if key is None and request.headers.get("authorization"):
        raise Refusal(Kind.UNAUTHENTICATED, "invalid key in the request header")
    return key


def refuse(refusal: Refusal) -> Reply:
    """`{"message": …}`; what cannot be read of a configuration's request has a shape of its own."""
    if isinstance(refusal.details, dict):
        return Reply(refusal.details, status=refusal.status)
    message = WORDS.get(refusal.kind, refusal.detail)
    if refusal.kind is Kind.UNAUTHENTICATED and isinstance(refusal.details, str):
        message = KEYS.get(refusal.details, message)
    headers = (("Retry-After", "1"),) if refusal.kind is Kind.UNAVAILABLE else ()
    return Reply({"message": message}, status=refusal.status, headers=headers)


PROTOCOL = Protocol(
    slug="go_feature_flag",
    title="GO Feature Flag",
    find_key=find_key,
    routes=(
        Route("POST", "/v1/feature/{flag}/eval", evaluate, request=Asked, response=Evaluated),
        Route("POST", "/v1/allflags", all_flags, request=Asked, response=AllFlags),
        Route(
            "POST",
            "/v1/flag/configuration",
            configuration,
            right=Right.READ,
            request=Wanted,
            response=FlagConfiguration,
        ),
        Route("GET", "/v1/flag/change", changes, response=Changes),
        Route(
            "POST", "/v1/data/collector", collect, request=Batch, response=Ingested, is_blocking=True, body_limit=REPORT
        ),
        Route(WEBSOCKET, "/stream/v1/ws/flag/change", on_websocket, find_key=_in_url),
        Route(WEBSOCKET, "/ws/v1/flag/change", on_websocket, find_key=_in_url, is_alias=True),
        Route("GET", "/stream/v1/sse/flag/change", as_events, find_key=_in_url),
        Route("POST", "/admin/v1/retriever/refresh", refresh, right=Right.EDIT, response=Refreshed, is_blocking=True),
        Route("GET", "/openfeature/v0/manifest", manifest, response=Manifest),
        Route("GET", "/info", info, right=None, response=Info),
        Route("GET", "/metrics", metrics, right=None),
    ),
    refuse=refuse,
    for_browsers=True,
    exposed=("ETag", "Last-Modified", "Retry-After"),
    local_evaluation=local_evaluation,
    local_right=Right.READ,
    example=example,
)
