"""JSON shapes of features: what is read, and what is shown."""

from typing import Annotated

import pydantic
from pydantic import AfterValidator
from rest_framework import serializers

from decisions.engine import validate
from features.models import FeatureState


def storable(value: str) -> str:
    """Text that both databases store."""
    if complaint := validate.text(value, length=validate.JSON_TEXT):
        raise ValueError(complaint)
    return value


Text = Annotated[str, AfterValidator(storable)]


class NewFeature(pydantic.BaseModel):
    """A feature to be created."""

    key: Text
    name: Text


class FeatureChanges(pydantic.BaseModel):
    """What may be changed of a feature; null is the same as absent."""

    name: Text | None = None
    status: Text | None = None
    active_experiment_id: Text | None = None


class FeatureQuery(pydantic.BaseModel):
    """Which features are listed."""

    model_config = pydantic.ConfigDict(title="query")

    status: Text | None = None
    limit: int = 200


class FeatureSerializer(serializers.ModelSerializer[FeatureState]):
    """A feature as its environment serves it."""

    id = serializers.CharField(source="feature.public_id", read_only=True)
    key = serializers.CharField(source="feature.key", read_only=True)
    name = serializers.CharField(source="feature.name", read_only=True)
    active_experiment_id = serializers.CharField(
        source="active_experiment.public_id", default=None, allow_null=True, read_only=True
    )

    class Meta:
        model = FeatureState
        fields = ["id", "key", "name", "status", "active_experiment_id"]
        read_only_fields = ["status"]
