"""The values that are stored for a feature: none of them may break when its type or schema changes."""

from collections.abc import Iterator
from typing import Any

from features.models import Feature, FeatureState, Override, Rule
from features.values import complaint_about

LISTED = 20
Value = tuple[str, Any]
"""Where it is, and what it is."""


def complaint_about_stored(feature: Feature) -> str | None:
    """Every value that does not fit a feature as it is now, with where it is; None if all of them do."""
    found = [(where, complaint_about(feature, value)) for where, value in stored_values(feature)]
    broken = [f"{where}: {complaint}" for where, complaint in found if complaint]
    if not broken:
        return None
    more = f"; and {len(broken) - LISTED} more" if len(broken) > LISTED else ""
    return f"Stored values would break: {'; '.join(broken[:LISTED])}{more}"


def stored_values(feature: Feature) -> Iterator[Value]:
    """Everything that a feature serves or is asked for, in all environments."""
    states: Any = feature.states.select_related("environment").order_by("environment")
    for state in states:
        yield from _of_state(state)
    for needed in feature.required_by.filter(needs_value=True).select_related("state__feature", "state__environment"):
        yield f"what {needed.state.feature} waits for in {needed.state.environment.key}", needed.value
    experiments: Any = feature.experiments.select_related("environment").prefetch_related("variants")
    for experiment in experiments:
        for variant in experiment.variants.all():
            if variant.value is not None:
                yield f"variant {variant} of {experiment} in {experiment.environment.key}", variant.value


def _of_state(state: FeatureState) -> Iterator[Value]:
    place = state.environment.key
    yield f"the on value in {place}", state.on_value
    yield f"the off value in {place}", state.off_value
    yield from _of_steps(state.steps, place)
    for rule in Rule.objects.filter(state=state):
        if rule.experiment_id is None:
            yield f"{rule} in {place}", rule.value
        yield from _of_steps(rule.steps, f"{rule} in {place}")
    for identifier, value in Override.objects.filter(state=state).values_list("identifier", "value"):
        yield f"the override of {identifier} in {place}", value


def _of_steps(steps: list[dict[str, Any]], place: str) -> Iterator[Value]:
    for number, step in enumerate(steps, 1):
        if "value" in step:
            yield f"step {number} of {place}", step["value"]
