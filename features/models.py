"""Flags, and what they serve in each environment."""

from decimal import Decimal

from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from decisions.engine import validate
from decisions.engine.public_ids import FEATURE, public_id
from decisions.engine.types import Status
from features.querysets import FeatureQuerySet, FeatureStateQuerySet
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

    objects = FeatureStateQuerySet.as_manager()

    class Meta:
        ordering = ["feature", "environment"]
        constraints = [models.UniqueConstraint(fields=["feature", "environment"], name="one_state_per_environment")]

    def __str__(self) -> str:
        return f"{self.feature} in {self.environment}"
