"""The log: what was decided, and who changed what. Plain values, no foreign keys, so it outlives what it describes."""

from typing import Any, NoReturn

from django.db import models

from audits.querysets import ChangeQuerySet, DecisionQuerySet
from decisions.engine.public_ids import DECISION, public_id


class AppendOnly(models.Model):
    """A row that is written once. Retention drops rows of a table as a whole; nothing edits them."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError(f"{self._meta.verbose_name} {self.pk} is a log entry and cannot be changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{self._meta.verbose_name} {self.pk} is a log entry and cannot be deleted")


class Decision(AppendOnly):
    """What one subject was given, once for each request id of an environment. `number` counts within the project.

    PostgreSQL keeps it in a partition a week, where `Request` takes the place of the constraint.
    """

    project_id = models.BigIntegerField()
    environment_id = models.BigIntegerField()
    number = models.BigIntegerField()
    request_id = models.CharField(max_length=255)
    user_id = models.CharField(max_length=512)
    feature_number = models.PositiveIntegerField()
    feature_key = models.CharField(max_length=128)
    feature_name = models.CharField(max_length=255)
    experiment_number = models.PositiveIntegerField(null=True)
    experiment_name = models.CharField(max_length=255, blank=True)
    variant_number = models.PositiveIntegerField(null=True)
    variant_key = models.CharField(max_length=128)
    is_control = models.BooleanField(null=True)
    reason = models.CharField(max_length=32)
    payload = models.JSONField(default=dict)
    protocol = models.CharField(max_length=32)
    revision = models.CharField(max_length=32, help_text="The configuration that this was decided against.")
    decided_at = models.DateTimeField()

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment_id", "request_id"], name="decision_once_per_request"),
        ]
        indexes = [
            models.Index(fields=["environment_id", "feature_number", "-decided_at", "-id"], name="decision_by_feature"),
            models.Index(fields=["environment_id", "user_id", "-decided_at", "-id"], name="decision_by_user"),
            models.Index(fields=["environment_id", "-decided_at", "-id"], name="decision_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id}: {self.user_id} got {self.variant_key} of {self.feature_key}"

    @property
    def public_id(self) -> str:
        return public_id(DECISION, self.number)


class Request(models.Model):
    """A request id that is taken, and the decision it got. Only PostgreSQL needs it: there, what is unique in a table
    that is partitioned by time must have the time in it. On SQLite it stays empty."""

    pk = models.CompositePrimaryKey("environment_id", "request_id")
    environment_id = models.BigIntegerField()
    request_id = models.CharField(max_length=255)
    decision_id = models.BigIntegerField()
    decided_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.request_id


class Change(AppendOnly):
    """One edit, chained by hash to the edit before it in the same project."""

    project_id = models.BigIntegerField()
    environment_id = models.BigIntegerField(null=True)
    number = models.BigIntegerField()
    actor = models.CharField(max_length=255, help_text="Kind and id, such as user:3 or credential:7.")
    actor_name = models.CharField(max_length=255)
    action = models.CharField(max_length=64, help_text="What was done, such as feature.created.")
    object_type = models.CharField(max_length=64)
    object_id = models.BigIntegerField()
    object_name = models.CharField(max_length=255)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=255, blank=True)
    reason = models.CharField(max_length=500, blank=True, default="", help_text="Why, in a person's words.")
    created_at = models.DateTimeField()
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project_id", "number"], name="change_number_in_project")]
        indexes = [
            models.Index(fields=["object_type", "object_id", "-number"], name="change_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_name} by {self.actor_name}"


class Sequence(models.Model):
    """The last number given out in a project, for one kind of log row. Its lock orders the writers of a chain."""

    project_id = models.BigIntegerField()
    kind = models.CharField(max_length=16)
    last = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project_id", "kind"], name="one_sequence_per_project_and_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.last} of project {self.project_id}"
