"""One row of everything, with a script in every text that a database could hold, whatever the forms would refuse."""

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import models
from django.utils import timezone

from audits.models import Decision
from audits.services import SYSTEM
from experiments import services as experiments
from experiments.models import Event, Experiment, Exposure
from features import services as features
from features.models import Feature, Identity, Usage
from tenants import services as tenants
from tenants.models import Environment, validate_key
from tenants.roles import Kind
from tests.builders import (
    a_feature,
    a_key,
    a_layer,
    a_member,
    a_rule,
    a_running_experiment,
    a_segment,
    a_user,
    an_environment,
    in_segment,
)

XSS = "\"'><script>xss(1)</script><img src=x onerror=xss(2)><a href=javascript:xss(3)>`${xss(4)}{{xss}}</textarea>"
LONG, BACKWARDS = "Long" * 60, "שלום\u202eעולם " * 4
APPS = ("auth", "tenants", "features", "experiments", "audits")
CODE = {
    "digest",
    "sealed",
    "encryption_key",
    "hash",
    "previous_hash",
    "revision",
    "public_id",
    "object_type",
    "password",
}
"""What only code writes, and other code reads."""
SHAPES: dict[str, Any] = {
    "tags": lambda text: [text],
    "conditions": lambda text: {"any": [{"attribute": text, "operator": "equals", "value": text}]},
    **dict.fromkeys(("traits", "properties", "payload", "before", "after"), lambda text: {text: {text: text}}),
    **dict.fromkeys(("value", "on_value", "off_value"), lambda text: text),
}


def everything() -> Environment:
    """A project in which there is one of each, on a feature that serves text."""
    environment = an_environment(an_environment().project, key="live")
    project = environment.project
    a_member(environment)
    feature = a_feature(environment, value_type="string", state={"status": "on"}, tags=["one"], owner="ann")
    other = a_feature(environment, value_type="string", state={"status": "on"})
    segment = a_segment(project)
    a_segment(project, conditions=in_segment(segment.key))
    a_rule(feature, environment, value="a")
    a_rule(feature, environment, value="b", segment=segment)
    features.set_override(feature, environment, identifier="ann", value="c", actor=SYSTEM, note="for ann")
    features.set_prerequisite(feature, environment, required=other, actor=SYSTEM)
    experiment = a_running_experiment(environment, audience=segment)
    experiments.hold_slots(experiment, a_layer(project), slots=100, actor=SYSTEM)
    for kind in Kind:
        a_key(environment, kind)
    tenants.issue_api_token(a_user(first_name="Ann", last_name="Lee", email="ann@example.com"), name="token")
    Group.objects.create(name="people")
    observe(environment, feature, experiment)
    return environment


def observe(environment: Environment, feature: Feature, experiment: Experiment) -> None:
    now = timezone.now()
    Identity.objects.create(environment=environment, identifier="ann")
    Usage.objects.create(environment_id=environment.pk, feature_key=feature.key, outcome="on", hour=now, count=3)
    Exposure.objects.create(
        environment_id=environment.pk,
        experiment_number=experiment.number,
        variant_key="control",
        subject="ann",
        first_at=now - timedelta(hours=1),
        source="ofrep",
    )
    Event.objects.create(environment_id=environment.pk, name="bought", subject="ann", happened_at=now, event_id="1")
    Decision.objects.create(
        project_id=environment.project_id,
        environment_id=environment.pk,
        number=1,
        request_id="request",
        user_id="ann",
        feature_number=feature.number,
        feature_key=feature.key,
        feature_name=feature.name,
        experiment_number=experiment.number,
        experiment_name=experiment.name,
        variant_key="control",
        reason="assigned",
        decided_at=now,
    )


def poison(text: str) -> set[str]:
    """Write the text into every field of every row; what was written, as model.field."""
    written = set()
    for model in (model for name in APPS for model in apps.get_app_config(name).get_models() if model._meta.managed):
        rows = model._base_manager.exclude(username="looking") if model is User else model._base_manager.all()
        fields = [field for field in model._meta.concrete_fields if takes(field)]
        values = {field.name: shaped(field, text) for field in fields}
        if values and model._meta.model_name not in {"permission", "contenttype"}:
            for row in rows:
                unique = {f.name: f"{row.pk}{values[f.name]}"[: f.max_length] for f in fields if is_alone(f, model)}
                model._base_manager.filter(pk=row.pk).update(**values | unique)
                written |= {f"{model._meta.model_name}.{name}" for name in values}
    return written


def takes(field: Any) -> bool:
    """Whether any text may be in a field."""
    is_text = isinstance(field, (models.CharField, models.TextField)) and not field.choices
    is_key = validate_key in field.validators
    is_tree = isinstance(field, models.JSONField) and field.name in SHAPES
    return (is_text or is_tree) and not (is_key or field.primary_key or field.name in CODE)


def shaped(field: Any, text: str) -> Any:
    if isinstance(field, models.JSONField):
        return SHAPES[field.name](text)
    return text[: field.max_length] if field.max_length else text


def is_alone(field: Any, model: type[models.Model]) -> bool:
    """Whether two rows may not have the same text in it."""
    together = {name for constraint in model._meta.constraints for name in getattr(constraint, "fields", ())}
    return not isinstance(field, models.JSONField) and (field.unique or field.name in together)
