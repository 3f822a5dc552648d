"""Questions asked of features: who gets which variant."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from decisions.engine import validate
from decisions.engine.bucketing import SCHEMES
from decisions.engine.public_ids import EXPERIMENT, VARIANT, public_id
from experiments.querysets import ExperimentQuerySet, VariantQuerySet
from features.models import Feature
from tenants.models import Environment, validate_key, validate_name, validate_text


class ExperimentStatus(models.TextChoices):
    """Where an experiment stands. Only a running one assigns anybody."""

    DRAFT = "draft", "Draft"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    CONCLUDED = "concluded", "Concluded"


def validate_payload(value: object) -> None:
    """A JSON object within the limits of what is stored."""
    if not isinstance(value, dict):
        raise ValidationError("Must be a JSON object.", code="invalid")
    if complaint := validate.json_value(value):
        raise ValidationError(complaint.capitalize() + ".", code="invalid")


def validate_json(value: object) -> None:
    """A JSON value within the limits of what is stored."""
    if complaint := validate.json_value(value):
        raise ValidationError(complaint.capitalize() + ".", code="invalid")


class Experiment(models.Model):
    """An experiment on one feature in one environment. `number` counts within the project: exp-001."""

    feature = models.ForeignKey(Feature, on_delete=models.PROTECT, related_name="experiments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="experiments")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=validate.KEY_LENGTH, validators=[validate_key], editable=False)
    name = models.CharField(max_length=validate.NAME_LENGTH, validators=[validate_name])
    seed = models.CharField(
        max_length=validate.SEED_LENGTH,
        blank=True,
        validators=[validate_text],
        help_text="Salts the assignment; another seed reshuffles everybody.",
    )
    status = models.CharField(max_length=16, choices=ExperimentStatus.choices, default=ExperimentStatus.DRAFT)
    rollout_percent = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        default=Decimal(100),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text="How many of the subjects take part, in percent.",
    )
    bucketing = models.CharField(
        max_length=32,
        choices=[(scheme, scheme) for scheme in SCHEMES],
        editable=False,
        help_text="How subjects are assigned. Chosen once, since another scheme reshuffles everybody.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ExperimentQuerySet.as_manager()

    class Meta:
        ordering = ["environment", "number"]
        indexes = [models.Index(fields=["number"], name="experiment_number")]
        constraints = [models.UniqueConstraint(fields=["environment", "key"], name="experiment_key_in_environment")]

    def __str__(self) -> str:
        return self.name or self.public_id

    @property
    def public_id(self) -> str:
        return public_id(EXPERIMENT, self.number)


class Variant(models.Model):
    """One arm of an experiment. `number` counts within the project: var-001."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="variants")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=validate.KEY_LENGTH, validators=[validate_key])
    weight = models.PositiveIntegerField(
        default=50,
        validators=[MaxValueValidator(validate.WEIGHT_MAX)],
        help_text="This arm's share relative to the other arms.",
    )
    is_control = models.BooleanField(default=False)
    value = models.JSONField(null=True, blank=True, default=None, validators=[validate_json])
    payload = models.JSONField(default=dict, blank=True, validators=[validate_payload])

    objects = VariantQuerySet.as_manager()

    class Meta:
        ordering = ["experiment", "number"]
        indexes = [models.Index(fields=["number"], name="variant_number")]
        constraints = [models.UniqueConstraint(fields=["experiment", "key"], name="variant_key_in_experiment")]

    def __str__(self) -> str:
        return self.key

    @property
    def public_id(self) -> str:
        return public_id(VARIANT, self.number)

    def clean(self) -> None:
        """Django skips validators for empty values; an empty list is no object all the same."""
        if not isinstance(self.payload, dict):
            raise ValidationError({"payload": "Must be a JSON object."})
