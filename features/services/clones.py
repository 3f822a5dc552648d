"""Clones of environments: everything that its features do there, but for the experiments."""

from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from audits.services import Actor
from decisions.engine.types import Status
from features.models import FeatureState, Override, Prerequisite, Rule, StatusChoice
from tenants.models import Environment
from tenants.services import create_environment


@dataclass(frozen=True, slots=True)
class Clone:
    """A new environment, and what of its source is not in it."""

    environment: Environment
    switched_off: tuple[str, ...]  # the keys of the features that serve an experiment in the source, now or later
    rules_left_out: int  # those that lead to an experiment


@transaction.atomic
def clone_environment(source: Environment, *, key: str, name: str, actor: Actor) -> Clone:
    """A new environment of the same project, in which features do what they do in the source.

    Experiments are not cloned: where one is served, the feature is off, and rules with an experiment are left out.
    Rules keep their keys, so that whoever is inside a percentage is inside it in the clone as well.
    """
    environment = create_environment(source.project, key=key, name=name, actor=actor, source=source)
    # Nothing of the project changes from here on: creating the environment has taken the turn.
    states = FeatureState.objects.in_environment(source.pk).select_related("feature").order_by("feature__number")
    switched_off = tuple(state.feature.key for state in states if _serves_an_experiment(state))
    copies = dict(zip((state.pk for state in states), _copied_states(states, environment), strict=True))
    rules = Rule.objects.in_environment(source.pk)
    _copy(rules.filter(experiment=None), copies)
    _copy(Override.objects.in_environment(source.pk), copies)
    _copy(Prerequisite.objects.in_environment(source.pk), copies)
    return Clone(environment, switched_off, rules.exclude(experiment=None).count())


def _serves_an_experiment(state: FeatureState) -> bool:
    return Status.EXPERIMENT in (state.status, *(step.get("status") for step in state.steps))


def _copied_states(states: Any, environment: Environment) -> list[FeatureState]:
    copies = []
    for state in states:
        values = _values(state, "feature_id", "on_value", "off_value", "rollout_percent", "ramp")
        status = StatusChoice.OFF if state.status == StatusChoice.EXPERIMENT else state.status
        steps = [
            step | {"status": StatusChoice.OFF.value} if step.get("status") == Status.EXPERIMENT else step
            for step in state.steps
        ]
        copies.append(FeatureState(environment=environment, status=status, steps=steps, **values))
    return FeatureState.objects.bulk_create(copies)


def _copy(rows: "models.QuerySet[Any]", states: dict[int, FeatureState]) -> None:
    """Rows that belong to states, again for the copies of their states."""
    names = [field.attname for field in rows.model._meta.concrete_fields if field.attname not in {"id", "state_id"}]
    rows.model._default_manager.bulk_create(
        rows.model(state=states[row.state_id], **_values(row, *names)) for row in rows.order_by("pk")
    )


def _values(row: models.Model, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
