"""JSON shapes of features over the management API. What is read-only is shown; everything else may be written."""

from rest_framework import serializers

from features import services
from features.api_base import PercentField, RowId
from features.models import Segment, StatusChoice, ValueType
from tenants.api import StrictSerializer


class FeatureShape(StrictSerializer):
    """A feature as its project knows it."""

    id = serializers.IntegerField(read_only=True)
    public_id = serializers.CharField(read_only=True)
    project = RowId(read_only=True)
    key = serializers.CharField(read_only=True)
    value_type = serializers.CharField(read_only=True)
    name = serializers.CharField()
    description = serializers.CharField(default="", allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField(), default=list)
    owner = serializers.CharField(default="", allow_blank=True)
    is_server_only = serializers.BooleanField(default=False)
    value_schema = serializers.JSONField(default=None, allow_null=True)
    archived_at = serializers.DateTimeField(read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)


class NewFeatureShape(FeatureShape):
    """A feature to be created: its project, key and type are for ever."""

    project = RowId()
    key = serializers.CharField()
    value_type = serializers.ChoiceField(ValueType.choices, default=ValueType.BOOLEAN)  # type: ignore[assignment]


class StateShape(StrictSerializer):
    """What a feature does in one environment."""

    feature = RowId(read_only=True)
    environment = RowId(read_only=True)
    status = serializers.ChoiceField(StatusChoice.choices)
    on_value = serializers.JSONField(allow_null=True)
    off_value = serializers.JSONField(allow_null=True)
    rollout_percent = PercentField(default=100)
    active_experiment = RowId(default=None, allow_null=True)
    steps = serializers.JSONField(default=list)  # type: ignore[arg-type]
    ramp = serializers.JSONField(default=None, allow_null=True)


class ToggleShape(StrictSerializer):
    """On or off; without a status, the other one."""

    status = serializers.ChoiceField([StatusChoice.ON, StatusChoice.OFF], required=False)


class RolloutShape(StrictSerializer):
    """How many of the subjects get the on value."""

    percent = PercentField()


class RuleShape(StrictSerializer):
    """Whom a rule means, and what it serves them."""

    id = serializers.IntegerField(read_only=True)
    feature = serializers.IntegerField(source="state.feature_id", read_only=True)
    environment = serializers.IntegerField(source="state.environment_id", read_only=True)
    key = serializers.CharField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    description = serializers.CharField(default="", allow_blank=True)
    segment = RowId(default=None, allow_null=True)
    conditions = serializers.JSONField(default=None, allow_null=True)
    value = serializers.JSONField(default=None, allow_null=True)
    rollout_percent = PercentField(default=100)
    experiment = RowId(default=None, allow_null=True)
    is_on = serializers.BooleanField(default=True)
    steps = serializers.JSONField(default=list)  # type: ignore[arg-type]
    ramp = serializers.JSONField(default=None, allow_null=True)


class RuleOrderShape(StrictSerializer):
    """All rules of a state by their keys, in the order in which they shall be tried."""

    keys = serializers.ListField(child=serializers.CharField())


class OverrideShape(StrictSerializer):
    """What one subject gets, until it expires."""

    identifier = serializers.CharField(read_only=True)
    value = serializers.JSONField(allow_null=True)
    expires_at = serializers.DateTimeField(default=None, allow_null=True)
    note = serializers.CharField(default="", allow_blank=True)


class PrerequisiteShape(StrictSerializer):
    """What another feature must answer first."""

    feature = RowId(read_only=True)
    key = serializers.CharField(source="feature.key", read_only=True)
    enabled = serializers.BooleanField(default=True, allow_null=True)
    needs_value = serializers.BooleanField(default=False)
    value = serializers.JSONField(default=None, allow_null=True)


class ListedSegmentShape(StrictSerializer):
    """A segment, in words as well."""

    id = serializers.IntegerField(read_only=True)
    project = RowId(read_only=True)
    key = serializers.CharField(read_only=True)
    name = serializers.CharField()
    description = serializers.CharField(default="", allow_blank=True)
    conditions = serializers.JSONField()
    sentence = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)


class SegmentShape(ListedSegmentShape):
    """A segment, and everything that would lose its meaning without it."""

    used_by = serializers.SerializerMethodField()

    def get_used_by(self, segment: Segment) -> list[str]:
        return services.users_of(segment)


class NewSegmentShape(ListedSegmentShape):
    """A segment to be created: its project and key are for ever."""

    project = RowId()
    key = serializers.CharField()
