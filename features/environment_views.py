"""Environments with what their features do there, over the management API."""

from dataclasses import replace
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.services import REASON_LENGTH
from features import services
from features.comparisons import PARTS, USUAL, Pick
from tenants.api import ManagementViewSet, RowId, StrictSerializer
from tenants.models import Environment
from tenants.roles import Right
from tenants.serializers import EnvironmentShape


class NewCloneShape(StrictSerializer):
    """What a clone shall be called."""

    key = serializers.CharField()
    name = serializers.CharField()


class CloneShape(StrictSerializer):
    """A clone, and what of its source is not in it, because experiments are not cloned."""

    environment = EnvironmentShape()
    switched_off = serializers.ListField(child=serializers.CharField(), help_text="Keys of features.")
    rules_left_out = serializers.IntegerField()


class PromotionShape(StrictSerializer):
    """What to promote: where from, which features by their keys, and why."""

    features = serializers.ListField(child=serializers.CharField())
    overrides = serializers.BooleanField(default=False, help_text="What single subjects get, too.")
    reason = serializers.CharField(default="", allow_blank=True, max_length=REASON_LENGTH)

    def get_fields(self) -> dict[str, Any]:
        return {"from": RowId(), **super().get_fields()}  # a name that no class can have


class PromotedShape(serializers.Serializer[Any]):
    """A part of what a feature does, which is now as in the source."""

    feature = serializers.CharField(source="feature.key")
    part = serializers.ChoiceField(PARTS)


class PromotionResultShape(serializers.Serializer[Any]):
    """What was different; nothing where all was the same."""

    promoted = PromotedShape(many=True)


class EnvironmentPromoteApi(ManagementViewSet):
    """Promotions into an environment. It takes the right to edit it, and to read where they come from."""

    model = Environment
    serializer_class = PromotionResultShape

    @extend_schema(request=PromotionShape, responses=PromotionResultShape)
    def promote(self, request: Request, pk: int) -> Response:
        """Make features do what they do in another environment of the project, but for experiments: all, or none."""
        target, given = self.editable(self.get_object()), self.validated(PromotionShape)
        parts = PARTS if given["overrides"] else USUAL
        picks = [Pick(key, part) for key in given["features"] for part in parts]
        source = self.related(Environment, given["from"])
        actor = replace(self.actor(), reason=given["reason"]) if given["reason"] else self.actor()
        promoted = services.promote(source, target, picks=picks, actor=actor)
        return Response(PromotionResultShape({"promoted": promoted}).data)


class EnvironmentCloneApi(ManagementViewSet):
    """Clones of environments. It takes the right to administer the project."""

    model = Environment
    serializer_class = CloneShape
    edit_right = Right.ADMINISTER

    @extend_schema(request=NewCloneShape, responses={201: CloneShape})
    def clone(self, request: Request, pk: int) -> Response:
        """Make a new environment of the same project, in which features do the same, but for experiments."""
        source = self.get_object()
        self.editable(source.project)
        clone = services.clone_environment(source, actor=self.actor(), **self.validated(NewCloneShape))
        return Response(CloneShape(clone).data, status=201)
