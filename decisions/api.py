"""Why a subject gets what it gets, over the management API: decisions of an environment with every step."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from decisions.engine.explain import explain
from decisions.engine.types import Subject
from decisions.snapshots import read
from tenants.api import ManagementViewSet, Pages, StrictSerializer
from tenants.models import Environment


class QuestionShape(StrictSerializer):
    """Who asks, for which feature, and when. Without a feature it is every feature, without a moment it is now."""

    feature_key = serializers.CharField(default=None, allow_null=True, trim_whitespace=False)
    user_id = serializers.CharField(default=None, allow_null=True, allow_blank=True, trim_whitespace=False)
    attributes = serializers.DictField(default=dict)
    at = serializers.DateTimeField(default=None, allow_null=True)


class ExplanationShape(serializers.Serializer[Any]):
    """A decision, and what was compared with what on the way to it, in order."""

    feature = serializers.CharField(source="decision.feature.key")
    value = serializers.JSONField(source="decision.value", allow_null=True)
    enabled = serializers.BooleanField(source="decision.enabled")
    reason = serializers.CharField(source="decision.reason.value")
    variant = serializers.CharField(source="decision.variant.key", allow_null=True)
    experiment = serializers.CharField(source="decision.experiment.key", allow_null=True)
    rule = serializers.CharField(source="decision.rule.key", allow_null=True)
    fault = serializers.CharField(source="decision.fault.value", allow_null=True)
    steps = serializers.ListField(child=serializers.DictField())


class AnswerShape(serializers.Serializer[Any]):
    """A page of explanations in the order of their features' keys, and what they were decided against."""

    revision = serializers.CharField()
    at = serializers.DateTimeField()
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ExplanationShape(many=True)


class ExplainedPages(Pages):
    """Short pages: explaining costs more than deciding."""

    max_page_size = 100


class ExplainApi(ManagementViewSet):
    """Decisions, explained. It takes the right to read the environment."""

    model = Environment
    serializer_class = AnswerShape
    pagination_class = ExplainedPages

    @extend_schema(
        request=QuestionShape,
        responses=AnswerShape,
        parameters=[OpenApiParameter("page", int), OpenApiParameter("limit", int)],
    )
    def explain(self, request: Request, pk: int) -> Response:
        """Explain what a subject would get, as the environment is configured now. Nothing is recorded."""
        environment, question = self.get_object(), self.validated(QuestionShape)
        snapshot = read(environment.pk)
        if snapshot is None:
            raise Http404("environment not found")
        at = question["at"] or timezone.now()
        subject = Subject(question["user_id"], question["attributes"], at.timestamp())
        named = question["feature_key"]
        page = self.paginate_queryset(sorted(snapshot.features) if named is None else [named])
        explanations = [explain(snapshot.features, key, subject) for key in page]  # type: ignore[union-attr]
        answer = self.get_paginated_response(explanations).data | {"revision": snapshot.revision, "at": at}
        return Response(AnswerShape(answer).data)
