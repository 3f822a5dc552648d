"""JSON shapes of experiments over the management API. What is read-only is shown; everything else may be written."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from decisions.engine.bucketing import SCHEMES
from decisions.engine.validate import WEIGHT_MAX
from experiments.models import SLOTS, Experiment, ExperimentStatus, Layer, SlotRange
from features.api_base import PercentField, RowId
from tenants.api import StrictSerializer


class ExperimentShape(StrictSerializer):
    """An experiment. Its status changes by verbs, and so do its slots: half-open ranges of its layer."""

    id = serializers.IntegerField(read_only=True)
    public_id = serializers.CharField(read_only=True)
    project = serializers.IntegerField(source="environment.project_id", read_only=True)
    feature = RowId(read_only=True)
    environment = RowId(read_only=True)
    key = serializers.CharField(read_only=True)
    name = serializers.CharField()
    status = serializers.ChoiceField(ExperimentStatus.choices, read_only=True)
    seed = serializers.CharField(default="", allow_blank=True, trim_whitespace=False)
    rollout_percent = PercentField(default=100)
    bucketing = serializers.ChoiceField(list(SCHEMES), read_only=True)
    hash_attribute = serializers.CharField(default="", allow_blank=True, trim_whitespace=False)
    audience = RowId(default=None, allow_null=True)
    layer = RowId(read_only=True, allow_null=True)
    slots = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(read_only=True)

    def get_slots(self, experiment: Experiment) -> list[list[int]]:
        return [[held.start, held.end] for held in experiment.slot_ranges.all()]


class NewExperimentShape(ExperimentShape):
    """An experiment to be created: its place, key and bucketing are for ever, and are chosen for who names none."""

    feature = RowId()
    environment = RowId()
    key = serializers.CharField(required=False)
    bucketing = serializers.ChoiceField(list(SCHEMES), required=False)


class ShippedShape(StrictSerializer):
    """The variant that everybody shall get."""

    variant = RowId()


class SlotsShape(StrictSerializer):
    """How many slots of a layer an experiment shall hold."""

    layer = RowId()
    slots = serializers.IntegerField(min_value=0, max_value=SLOTS)


class VariantShape(StrictSerializer):
    """An arm of an experiment."""

    id = serializers.IntegerField(read_only=True)
    public_id = serializers.CharField(read_only=True)
    experiment = RowId(read_only=True)
    key = serializers.CharField(read_only=True)
    weight = serializers.IntegerField(default=50, min_value=0, max_value=WEIGHT_MAX)
    is_control = serializers.BooleanField(default=False)
    value = serializers.JSONField(default=None, allow_null=True)
    payload = serializers.JSONField(default=dict)


class NewVariantShape(VariantShape):
    """An arm to be added: its key is for ever."""

    key = serializers.CharField()


class ListedLayerShape(StrictSerializer):
    """Experiments that exclude each other."""

    id = serializers.IntegerField(read_only=True)
    project = RowId(read_only=True)
    key = serializers.CharField(read_only=True)
    name = serializers.CharField()
    seed = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class SlotRangeShape(StrictSerializer):
    """Slots that an experiment holds, up to and without `end`; without an experiment, they are a holdout."""

    environment = RowId(read_only=True)
    experiment = RowId(read_only=True, allow_null=True)
    start = serializers.IntegerField(read_only=True)
    end = serializers.IntegerField(read_only=True)


class LayerShape(ListedLayerShape):
    """A layer, and who holds which of its slots in the environments that the caller may see."""

    ranges = serializers.SerializerMethodField()

    @extend_schema_field(SlotRangeShape(many=True))
    def get_ranges(self, layer: Layer) -> Any:
        rows = SlotRange.objects.visible_to(self.context["request"].user).filter(layer=layer)
        return SlotRangeShape(rows, many=True).data


class NewLayerShape(ListedLayerShape):
    """A layer to be created: its project and key are for ever."""

    project = RowId()
    key = serializers.CharField()


class HoldoutShape(StrictSerializer):
    """How many slots nobody shall hold in an environment."""

    environment = RowId()
    slots = serializers.IntegerField(min_value=0, max_value=SLOTS)
