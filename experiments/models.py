"""Questions asked of features: who gets which variant."""

from decimal import Decimal
from secrets import token_hex

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from decisions.engine import validate
from decisions.engine.bucketing import SCHEMES
from decisions.engine.public_ids import EXPERIMENT, VARIANT, public_id
from experiments.querysets import (
    EventQuerySet,
    ExperimentQuerySet,
    ExposureQuerySet,
    LayerQuerySet,
    SlotRangeQuerySet,
    VariantQuerySet,
)
from features.models import Feature, Segment
from tenants.models import Environment, Project, validate_key, validate_name, validate_text

SLOTS = 10_000


class ExperimentStatus(models.TextChoices):
    """Where an experiment stands. Only a running one assigns anybody."""

    DRAFT = "draft", "Draft"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    CONCLUDED = "concluded", "Concluded"


def new_seed() -> str:
    """A seed that no layer had before."""
    return token_hex(8)


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


class Layer(models.Model):
    """Experiments that exclude each other: 10,000 slots, of which each experiment holds its own."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="layers")
    key = models.CharField(max_length=validate.KEY_LENGTH, validators=[validate_key])
    name = models.CharField(max_length=validate.NAME_LENGTH, validators=[validate_name])
    seed = models.CharField(
        max_length=validate.SEED_LENGTH,
        default=new_seed,
        editable=False,
        help_text="Salts the slots; another seed would put everybody into another one.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = LayerQuerySet.as_manager()

    class Meta:
        ordering = ["project", "key"]
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="layer_key_in_project")]

    def __str__(self) -> str:
        return self.key


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
    hash_attribute = models.CharField(
        max_length=validate.KEY_LENGTH,
        blank=True,
        validators=[validate_text],
        help_text="The attribute that subjects are bucketed by; empty is their own key.",
    )
    audience = models.ForeignKey(
        Segment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="audience_of",
        help_text="Who may take part.",
    )
    layer = models.ForeignKey(
        Layer, on_delete=models.PROTECT, null=True, blank=True, related_name="experiments", editable=False
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


class SlotRange(models.Model):
    """Slots of a layer in one environment, held by an experiment, or by nobody: then they are a holdout."""

    layer = models.ForeignKey(Layer, on_delete=models.PROTECT, related_name="ranges")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="slot_ranges")
    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, null=True, blank=True, related_name="slot_ranges"
    )
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField(help_text="The first slot that is not held any more.")

    objects = SlotRangeQuerySet.as_manager()

    class Meta:
        ordering = ["layer", "environment", "start"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(start__lt=models.F("end"), end__lte=SLOTS), name="slots_in_layer"
            ),
            models.UniqueConstraint(fields=["layer", "environment", "start"], name="slots_begin_once"),
        ]

    def __str__(self) -> str:
        return f"{self.start}–{self.end} of {self.layer}"


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


class Exposure(models.Model):
    """The first time that a subject met a variant of an experiment. Plain values: it outlives the experiment."""

    environment_id = models.BigIntegerField()
    experiment_number = models.PositiveIntegerField()
    variant_key = models.CharField(max_length=validate.KEY_LENGTH)
    subject = models.CharField(max_length=validate.IDENTIFIER_LENGTH)
    first_at = models.DateTimeField()
    source = models.CharField(max_length=32, help_text="The protocol that told of it.")

    objects = ExposureQuerySet.as_manager()

    class Meta:
        ordering = ["environment_id", "experiment_number", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment_id", "experiment_number", "subject", "variant_key"], name="first_exposure"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} met {self.variant_key} of {public_id(EXPERIMENT, self.experiment_number)}"


class Event(models.Model):
    """Something that a subject did, as an application reported it: what metrics are made of."""

    environment_id = models.BigIntegerField()
    name = models.CharField(max_length=validate.NAME_LENGTH)
    subject = models.CharField(max_length=validate.IDENTIFIER_LENGTH, blank=True)
    value = models.FloatField(null=True)
    properties = models.JSONField(default=dict)
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now, editable=False)
    source = models.CharField(max_length=32, help_text="The protocol that told of it.")
    event_id = models.CharField(max_length=64, help_text="The same event sent twice is stored once.")

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["environment_id", "-happened_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["environment_id", "event_id"], name="event_once")]
        indexes = [models.Index(fields=["environment_id", "name", "happened_at"], name="event_by_name")]

    def __str__(self) -> str:
        return f"{self.name} by {self.subject}"
