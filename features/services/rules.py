"""Rules of a feature in one environment: whom they mean, what they serve, and in which order they are tried."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audits.services import Actor, change, check_all, values_of
from features.models import Feature, FeatureState, Rule
from features.schedules import ramp_complaint, steps_complaint
from features.services.segments import condition_complaints
from features.services.states import locked_state, record_in_state
from features.values import complaint_about
from tenants.models import Environment

RULES_MAX = 100
WHOLE = tuple(field.name for field in Rule._meta.concrete_fields if field.name not in {"id", "state"})
"""What it takes to make a rule again."""


@transaction.atomic
def create_rule(feature: Feature, environment: Environment, *, actor: Actor, **details: Any) -> Rule:
    """A new rule, tried after those that are there already."""
    state = locked_state(feature, environment)
    if state.rules.count() >= RULES_MAX:
        raise ValidationError(f"A feature has at most {RULES_MAX} rules in an environment.")
    last = state.rules.order_by("-position").first()
    rule = Rule(state=state, position=last.position + 1 if last else 0, **details)
    _check(rule)
    rule.save()
    record_in_state("rule.created", state, rule, actor=actor, after=_plain(details) | {"key": rule.key})
    return rule


@transaction.atomic
def update_rule(rule: Rule, *, actor: Actor, **changes: Any) -> Rule:
    """Change what a rule does. Doing it twice changes nothing."""
    rule, state = _locked(rule)
    if values := change(rule, changes, check=_check, fixed=("key", "state")):
        record_in_state("rule.updated", state, rule, actor=actor, before=_plain(values[0]), after=_plain(values[1]))
    return rule


@transaction.atomic
def delete_rule(rule: Rule, *, actor: Actor) -> None:
    """Take a rule away."""
    rule, state = _locked(rule)
    before = {"of": str(state.feature), **values_of(rule, *WHOLE)}
    record_in_state("rule.deleted", state, rule, actor=actor, before=before)
    rule.delete()


@transaction.atomic
def reorder_rules(feature: Feature, environment: Environment, *, keys: Sequence[str], actor: Actor) -> list[Rule]:
    """Put all rules of a state in a new order, named by their keys."""
    state = locked_state(feature, environment)
    rules = {rule.key: rule for rule in state.rules.order_by("position", "pk")}
    before = list(rules)
    if sorted(keys) != sorted(before):
        raise ValidationError({"keys": f"Must name each of the rules once: {', '.join(before)}."})
    if list(keys) == before:
        return list(rules.values())
    for position, key in enumerate(keys):
        rules[key].position = position
        rules[key].save(update_fields=["position"])
    record_in_state("rules.reordered", state, state, actor=actor, before={"keys": before}, after={"keys": [*keys]})
    return [rules[key] for key in keys]


def _locked(rule: Rule) -> tuple[Rule, FeatureState]:
    state = locked_state(rule.state.feature, rule.state.environment)
    rule = Rule.objects.locked().get(pk=rule.pk)
    rule.state = state
    return rule, state


def _check(rule: Rule) -> None:
    """Whether a rule may be stored; every complaint at once, by field."""
    feature, complaints = rule.state.feature, dict[str, Any]()
    if rule.segment is None and rule.conditions is None:
        complaints["conditions"] = 'A rule needs a segment or conditions; {"everyone": true} means everyone.'
    elif rule.conditions is not None and (found := condition_complaints(rule.conditions, feature.project_id)):
        complaints["conditions"] = found
    if rule.segment and rule.segment.project_id != feature.project_id:
        complaints["segment"] = "This segment is not one of the project's."
    if rule.experiment and rule.experiment.feature_id != feature.pk:
        complaints["experiment"] = f"{rule.experiment} is not an experiment of this feature."
    elif rule.experiment and rule.experiment.environment_id != rule.state.environment_id:
        complaints["experiment"] = f"{rule.experiment} is not an experiment in this environment."
    if rule.experiment is None and (complaint := complaint_about(feature, rule.value)):
        complaints["value"] = complaint
    if complaint := steps_complaint(rule.steps, partial(complaint_about, feature)):
        complaints["steps"] = complaint
    if rule.ramp is not None and (complaint := ramp_complaint(rule.ramp)):
        complaints["ramp"] = complaint
    check_all(rule, complaints)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Rows by what people call them."""
    return {
        name: str(value) if name in {"segment", "experiment"} and value else value for name, value in values.items()
    }
