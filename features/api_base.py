"""What the management views of features and experiments share: fields of our own, and where a request points."""

from decimal import Decimal
from typing import Any, TypeVar

from django.db import models
from django.http import Http404
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from features.models import Feature
from tenants.api import IF_MATCH, ManagementViewSet, RowId
from tenants.models import Environment

Row = TypeVar("Row", bound=models.Model)

__all__ = ["IF_MATCH", "EditingViewSet", "PercentField", "RowId", "StateBound"]


@extend_schema_field({"type": "number", "minimum": 0, "maximum": 100})
class PercentField(serializers.DecimalField):
    """From 0 to 100 with up to three decimals; a number, not a text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=6, decimal_places=3, min_value=Decimal(0), max_value=Decimal(100), **options)

    def to_representation(self, value: Any) -> Any:
        return int(value) if value == int(value) else float(value)


class EditingViewSet(ManagementViewSet):
    """A management view whose lists may show less than its rows do."""

    list_serializer_class: type[serializers.Serializer[Any]] | None = None

    def get_serializer_class(self) -> Any:
        return (self.action == "list" and self.list_serializer_class) or super().get_serializer_class()


class StateBound(EditingViewSet):
    """Views of a feature in one environment, both of which are named in the path."""

    def place(self) -> tuple[Feature, Environment]:
        """The feature and the environment; 404 unless both are the caller's to see, and of one project."""
        feature = self.related(Feature, self.kwargs["feature_id"])
        environment = self.related(Environment, self.kwargs["environment_id"])
        if environment.project_id != feature.project_id:
            raise Http404("environment not found")
        return feature, environment

    def edited_place(self) -> tuple[Feature, Environment]:
        """The same, where the caller may edit the environment."""
        feature, environment = self.place()
        return feature, self.editable(environment)
