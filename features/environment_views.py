"""Environments with what their features do there, over the management API."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from features import services
from tenants.api import ManagementViewSet, StrictSerializer
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
