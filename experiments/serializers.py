"""JSON shapes of experiments and variants: what is read, and what is shown."""

from typing import Annotated, Any

import pydantic
from pydantic import BeforeValidator
from rest_framework import serializers

from experiments.models import Experiment, Variant
from features.serializers import Text


def no_bool(value: object) -> object:
    """Python takes True for 1; nobody means that by a percentage."""
    if isinstance(value, bool):
        raise ValueError("a boolean is not a number")
    return value


Whole = Annotated[int, BeforeValidator(no_bool)]


class NewExperiment(pydantic.BaseModel):
    """An experiment to be created."""

    name: Text
    seed: Text
    rollout_percent: Whole


class ExperimentChanges(pydantic.BaseModel):
    """What may be changed of an experiment; null is the same as absent."""

    name: Text | None = None
    seed: Text | None = None
    status: Text | None = None
    rollout_percent: Whole | None = None


class NewVariant(pydantic.BaseModel):
    """A variant to be created."""

    key: Text
    weight: Whole
    is_control: bool
    payload: dict[str, Any]


class VariantChanges(pydantic.BaseModel):
    """What may be changed of a variant; null is the same as absent."""

    weight: Whole | None = None
    is_control: bool | None = None
    payload: dict[str, Any] | None = None


class ExperimentSerializer(serializers.ModelSerializer[Experiment]):
    """An experiment as it is shown."""

    id = serializers.CharField(source="public_id", read_only=True)
    feature_id = serializers.CharField(source="feature.public_id", read_only=True)
    rollout_percent = serializers.SerializerMethodField()

    class Meta:
        model = Experiment
        fields = ["id", "feature_id", "name", "seed", "status", "rollout_percent"]
        read_only_fields = fields

    def get_rollout_percent(self, experiment: Experiment) -> float:
        percent = experiment.rollout_percent
        return int(percent) if percent == int(percent) else float(percent)


class VariantSerializer(serializers.ModelSerializer[Variant]):
    """A variant as it is shown."""

    id = serializers.CharField(source="public_id", read_only=True)
    experiment_id = serializers.CharField(source="experiment.public_id", read_only=True)
    payload = serializers.DictField(read_only=True)

    class Meta:
        model = Variant
        fields = ["id", "experiment_id", "key", "weight", "is_control", "payload"]
        read_only_fields = fields
