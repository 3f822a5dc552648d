"""Features and segments over the management API: find what the caller may see, call one service, answer."""

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from features import services
from features.api_base import IF_MATCH, EditingViewSet
from features.api_filters import FeatureFilter, SegmentFilter
from features.api_serializers import (
    FeatureShape,
    ListedSegmentShape,
    NewFeatureShape,
    NewSegmentShape,
    SegmentShape,
)
from features.models import Feature, Segment
from tenants.models import Project


class FeatureApi(EditingViewSet):
    """Features of a project: what they are called, and whether they are in use."""

    model = Feature
    serializer_class = FeatureShape
    filterset_class = FeatureFilter

    @extend_schema(request=NewFeatureShape, responses={201: FeatureShape})
    def create(self, request: Request) -> Response:
        """Create a feature, off in every environment."""
        details = self.validated(NewFeatureShape)
        project = self.editable(self.related(Project, details.pop("project")))
        return self.stored(services.create_feature(project, actor=self.actor(), **details), status=201)

    @extend_schema(request=FeatureShape, responses=FeatureShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Change what a feature is called and how it is described."""
        feature = self.editable(self.get_object())
        changes = self.validated(FeatureShape, partial=self.is_partial())
        return self.stored(services.update_feature(self.expect_version(feature), actor=self.actor(), **changes))

    @extend_schema(request=None, responses=FeatureShape)
    def archive(self, request: Request, pk: int) -> Response:
        """Put a feature away: applications no longer find it."""
        return self.stored(services.archive(self.editable(self.get_object()), actor=self.actor()))

    @extend_schema(request=None, responses=FeatureShape)
    def restore(self, request: Request, pk: int) -> Response:
        """Take an archived feature back."""
        return self.stored(services.restore(self.editable(self.get_object()), actor=self.actor()))


class SegmentApi(EditingViewSet):
    """Segments of a project."""

    model = Segment
    serializer_class = SegmentShape
    list_serializer_class = ListedSegmentShape
    filterset_class = SegmentFilter

    @extend_schema(request=NewSegmentShape, responses={201: SegmentShape})
    def create(self, request: Request) -> Response:
        """Create a segment. Everything that is wrong with its conditions is said at once."""
        details = self.validated(NewSegmentShape)
        project = self.editable(self.related(Project, details.pop("project")))
        return self.stored(services.create_segment(project, actor=self.actor(), **details), status=201)

    @extend_schema(request=ListedSegmentShape, responses=SegmentShape, parameters=[IF_MATCH])
    @transaction.atomic
    def update(self, request: Request, pk: int) -> Response:
        """Change whom a segment means, or what it is called."""
        segment = self.editable(self.get_object())
        changes = self.validated(ListedSegmentShape, partial=self.is_partial())
        return self.stored(services.update_segment(self.expect_version(segment), actor=self.actor(), **changes))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Remove a segment that nothing refers to."""
        services.delete_segment(self.editable(self.get_object()), actor=self.actor())
        return Response(status=204)
