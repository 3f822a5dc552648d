"""Flags, and what they serve in each environment."""

from decimal import Decimal
from secrets import token_hex

from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from decisions.engine import validate
from decisions.engine.conditions.sentences import sentence
from decisions.engine.public_ids import FEATURE, public_id
from decisions.engine.types import Status
from features.querysets import (
    FeatureQuerySet,
    FeatureStateQuerySet,
    IdentityQuerySet,
    OverrideQuerySet,
    PrerequisiteQuerySet,
    RuleQuerySet,
    SegmentQuerySet,
    UsageQuerySet,
)
from tenants.models import Environment, Project, validate_key, validate_name, validate_text


class ValueType(models.TextChoices):
    """What kind of value a feature serves."""

    BOOLEAN = "boolean", "Boolean"
    STRING = "string", "String"
    NUMBER = "number", "Number"
    JSON = "json", "JSON"


class StatusChoice(models.TextChoices):
    """The engine's statuses, as a person chooses them."""

    OFF = Status.OFF.value, "Off"
    ON = Status.ON.value, "On"
    EXPERIMENT = Status.EXPERIMENT.value, "Experiment"


def new_rule_key() -> str:
    """A key that no rule had before: who is inside a rule's percentage stays there when rules are reordered."""
    return token_hex(4)


def truth() -> bool:
    return True


def falsehood() -> bool:
    return False


class Feature(models.Model):
    """A flag of a project. `number` counts within the project: the public id of number 1 is feat-001."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="features")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=validate.KEY_LENGTH, validators=[validate_key])
    name = models.CharField(max_length=validate.NAME_LENGTH, validators=[validate_name])
    description = models.TextField(
        blank=True, max_length=10_000, validators=[MaxLengthValidator(10_000), validate_text]
    )
    value_type = models.CharField(max_length=16, choices=ValueType.choices, default=ValueType.BOOLEAN)
    tags = models.JSONField(default=list, blank=True)
    owner = models.CharField(max_length=validate.NAME_LENGTH, blank=True, validators=[validate_text])
    value_schema = models.JSONField(
        default=None, null=True, blank=True, help_text="A JSON schema that every value of this feature must satisfy."
    )
    is_server_only = models.BooleanField(default=False, help_text="Never shown to client keys.")
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = FeatureQuerySet.as_manager()

    class Meta:
        ordering = ["project", "number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "key"], name="feature_key_in_project"),
            models.UniqueConstraint(fields=["project", "number"], name="feature_number_in_project"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def public_id(self) -> str:
        return public_id(FEATURE, self.number)


class Segment(models.Model):
    """Subjects with something in common, under a name. Rules, experiments and other segments refer to it by its key."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="segments")
    key = models.CharField(max_length=validate.KEY_LENGTH, validators=[validate_key])
    name = models.CharField(max_length=validate.NAME_LENGTH, validators=[validate_name])
    description = models.TextField(
        blank=True, max_length=10_000, validators=[MaxLengthValidator(10_000), validate_text]
    )
    conditions = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering = ["project", "key"]
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="segment_key_in_project")]

    def __str__(self) -> str:
        return self.key

    @property
    def sentence(self) -> str:
        """Who is meant, in words."""
        return sentence(self.conditions)


class FeatureState(models.Model):
    """A feature in one environment. Where there is no row, the feature is off."""

    feature = models.ForeignKey(Feature, on_delete=models.CASCADE, related_name="states")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="feature_states")
    status = models.CharField(max_length=16, choices=StatusChoice.choices, default=StatusChoice.OFF)
    on_value = models.JSONField(default=truth, blank=True, null=True)
    off_value = models.JSONField(default=falsehood, blank=True, null=True)
    rollout_percent = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        default=Decimal(100),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text="How many of the subjects get the on value, in percent.",
    )
    active_experiment = models.ForeignKey(
        "experiments.Experiment", on_delete=models.SET_NULL, null=True, blank=True, related_name="active_in"
    )
    steps = models.JSONField(default=list, blank=True, help_text="What changes by itself, and when.")
    ramp = models.JSONField(default=None, null=True, blank=True, help_text="A percentage that moves with time.")

    objects = FeatureStateQuerySet.as_manager()

    class Meta:
        ordering = ["feature", "environment"]
        constraints = [models.UniqueConstraint(fields=["feature", "environment"], name="one_state_per_environment")]

    def __str__(self) -> str:
        return f"{self.feature} in {self.environment}"


class Rule(models.Model):
    """Whom it means gets its value or takes part in its experiment. Rules are tried in the order of their positions."""

    state = models.ForeignKey(FeatureState, on_delete=models.CASCADE, related_name="rules")
    key = models.CharField(max_length=16, default=new_rule_key, editable=False, help_text="Salts its percentage.")
    position = models.PositiveIntegerField(default=0, editable=False)
    description = models.CharField(max_length=validate.NAME_LENGTH, blank=True, validators=[validate_text])
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, null=True, blank=True, related_name="rules")
    conditions = models.JSONField(default=None, null=True, blank=True)
    value = models.JSONField(default=None, null=True, blank=True)
    rollout_percent = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        default=Decimal(100),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text="How many of those it means, in percent; the others go on to the next rule.",
    )
    experiment = models.ForeignKey(
        "experiments.Experiment", on_delete=models.PROTECT, null=True, blank=True, related_name="rules"
    )
    is_on = models.BooleanField(default=True)
    steps = models.JSONField(default=list, blank=True)
    ramp = models.JSONField(default=None, null=True, blank=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ["state", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["state", "key"], name="rule_key_in_state")]

    def __str__(self) -> str:
        return self.description or f"rule {self.key}"


class Override(models.Model):
    """What one subject gets from a feature in one environment, until it expires."""

    state = models.ForeignKey(FeatureState, on_delete=models.CASCADE, related_name="overrides")
    identifier = models.CharField(max_length=validate.IDENTIFIER_LENGTH, validators=[validate_name])
    value = models.JSONField(default=None, null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=validate.NAME_LENGTH, blank=True, validators=[validate_text])

    objects = OverrideQuerySet.as_manager()

    class Meta:
        ordering = ["state", "identifier"]
        constraints = [models.UniqueConstraint(fields=["state", "identifier"], name="one_override_per_subject")]

    def __str__(self) -> str:
        return f"{self.identifier} of {self.state}"


class Prerequisite(models.Model):
    """What another feature must answer in the same environment, before this one is anything but off."""

    state = models.ForeignKey(FeatureState, on_delete=models.CASCADE, related_name="prerequisites")
    feature = models.ForeignKey(Feature, on_delete=models.PROTECT, related_name="required_by")
    enabled = models.BooleanField(
        null=True, blank=True, default=True, help_text="Whether it must be on or off; null is either."
    )
    needs_value = models.BooleanField(default=False)
    value = models.JSONField(default=None, null=True, blank=True)

    objects = PrerequisiteQuerySet.as_manager()

    class Meta:
        ordering = ["state", "id"]
        constraints = [models.UniqueConstraint(fields=["state", "feature"], name="one_prerequisite_per_feature")]

    def __str__(self) -> str:
        return f"{self.state} needs {self.feature}"


class Identity(models.Model):
    """What applications said of one subject, for protocols that remember it. No part of the configuration."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="identities")
    identifier = models.CharField(max_length=validate.IDENTIFIER_LENGTH)
    traits = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = IdentityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "identities"
        ordering = ["environment", "id"]
        constraints = [models.UniqueConstraint(fields=["environment", "identifier"], name="one_identity_per_subject")]
        indexes = [models.Index(fields=["environment", "-updated_at"], name="identities_by_update")]

    def __str__(self) -> str:
        return self.identifier


class Usage(models.Model):
    """How often a feature was evaluated to one outcome within one hour. Plain values: it outlives the feature."""

    environment_id = models.BigIntegerField()
    feature_key = models.CharField(max_length=validate.KEY_LENGTH)
    outcome = models.CharField(max_length=validate.KEY_LENGTH, help_text='A variant, or "on" or "off".')
    hour = models.DateTimeField()
    count = models.BigIntegerField(default=0)

    objects = UsageQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "usage"
        ordering = ["environment_id", "-hour", "feature_key", "outcome"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment_id", "hour", "feature_key", "outcome"], name="one_count_per_hour"
            ),
        ]
        indexes = [models.Index(fields=["environment_id", "feature_key", "hour"], name="usage_by_feature")]

    def __str__(self) -> str:
        return f"{self.feature_key} was {self.outcome} {self.count} times"
