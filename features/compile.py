"""Rows to engine values: the last code that touches the ORM before a decision. A fixed number of queries."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from decisions.engine import types as engine
from features.models import Feature, FeatureState

_DEFAULT = FeatureState()


def thousandths(percent: Decimal) -> int:
    """A stored percentage as the engine counts it: thousandths of a percent."""
    return int(percent * 1000)


def features_of(
    project_id: int, environment_id: int, experiments: Mapping[int, engine.Experiment]
) -> Iterator[engine.Feature]:
    """Every live feature as an environment serves it. Two queries; `experiments` are the engine's, by row id."""
    states = {state.feature_id: state for state in FeatureState.objects.in_environment(environment_id)}
    for feature in Feature.objects.in_project(project_id).live().order_by("number"):
        yield _feature(feature, states.get(feature.pk, _DEFAULT), experiments)


def _feature(feature: Feature, state: FeatureState, experiments: Mapping[int, engine.Experiment]) -> engine.Feature:
    return engine.Feature(
        key=feature.key,
        number=feature.number,
        name=feature.name,
        status=engine.Status(state.status),
        on_value=state.on_value,
        off_value=state.off_value,
        rollout=thousandths(state.rollout_percent),
        experiment=experiments.get(state.active_experiment_id or 0),
    )
