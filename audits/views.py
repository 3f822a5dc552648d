"""The log of decisions over REST."""

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audits.models import Decision
from audits.querysets import DecisionQuerySet
from audits.serializers import AuditPageSerializer, AuditQuery, DecisionSerializer, cursor_of, offset_of
from decisions.engine.public_ids import EXPERIMENT, FEATURE, VARIANT, number_of

LIMIT_MAX = 1_000


class AuditViewSet(ViewSet):
    """What was decided in one environment."""

    @extend_schema(
        parameters=[
            OpenApiParameter("feature_id", str, required=True),
            OpenApiParameter("cursor", str, description='Base64 of {"offset": N}, or N itself.'),
            OpenApiParameter("limit", int),
            OpenApiParameter("experiment_id", str),
            OpenApiParameter("variant_id", str, description="Not together with variant_key."),
            OpenApiParameter("variant_key", str, description="Not together with variant_id."),
            OpenApiParameter("reason", str, many=True),
            OpenApiParameter("user_id", str),
            OpenApiParameter("request_id", str),
            OpenApiParameter("from", OpenApiTypes.DATETIME),
            OpenApiParameter("to", OpenApiTypes.DATETIME),
            OpenApiParameter("include_payload", bool),
        ],
        responses=AuditPageSerializer,
    )
    def list(self, request: Request) -> Response:
        """List decisions on a feature, newest first."""
        query = query_of(request)
        check(query)
        offset, limit = offset_of(query.cursor), min(query.limit, LIMIT_MAX)
        rows = list(matching(query, request.auth.environment.pk)[offset : offset + limit + 1])  # type: ignore[union-attr]
        items = DecisionSerializer(rows[:limit], many=True, context={"include_payload": query.include_payload}).data
        return Response({"items": items, "next_cursor": cursor_of(offset + limit) if len(rows) > limit else None})


def query_of(request: Request) -> AuditQuery:
    """The query string as pydantic reads it: an empty filter is no filter."""
    parameters: dict[str, Any] = request.query_params.dict()
    return AuditQuery.model_validate(parameters | {"reason": request.query_params.getlist("reason")})


def check(query: AuditQuery) -> None:
    """What the filters must not be together."""
    if query.limit < 1:
        raise ValidationError("invalid query limit_range")
    if query.variant_id and query.variant_key:
        raise ValidationError("variant_id and variant_key are mutually exclusive")
    if query.since and query.until and query.since > query.until:
        raise ValidationError("from must be earlier than to")


def matching(query: AuditQuery, environment_id: int) -> DecisionQuerySet:
    """The decisions that a query asks for. An id that cannot exist matches nothing."""
    filters: dict[str, object] = {"feature_number": number_of(FEATURE, query.feature_id)}
    if query.experiment_id:
        filters["experiment_number"] = number_of(EXPERIMENT, query.experiment_id)
    if query.variant_id:
        filters["variant_number"] = number_of(VARIANT, query.variant_id)
    if None in filters.values():
        return Decision.objects.none()
    for name in ("variant_key", "user_id"):
        if value := getattr(query, name):
            filters[name] = value
    if query.since:
        filters["decided_at__gte"] = query.since
    if query.until:
        filters["decided_at__lte"] = query.until
    if query.reason:
        filters["reason__in"] = query.reason
    rows = Decision.objects.in_environment(environment_id)
    if query.request_id:
        rows = rows.under_requests(environment_id, [query.request_id])
    return rows.filter(**filters).newest_first()
