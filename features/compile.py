"""Rows to engine values: the last code that touches the ORM before a decision. A fixed number of queries."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from sys import intern
from typing import Any, TypeVar

from decisions.engine import types as engine
from decisions.engine.conditions.binding import Binder
from features.models import Feature, FeatureState, Override, Prerequisite, Rule, Segment
from features.schedules import ramp_of, steps_of
from features.values import first_values

Part = TypeVar("Part", Rule, Override, Prerequisite)


def thousandths(percent: Decimal) -> int:
    """A stored percentage as the engine counts it: thousandths of a percent."""
    return int(percent * 1000)


def shared(value: Any) -> Any:
    """A value; of texts that are alike, and many are, one is kept."""
    return intern(value) if type(value) is str else value


_segments: OrderedDict[int, tuple[dict[str, engine.Segment], Binder]] = OrderedDict()
"""Those of projects that were read lately."""
PROJECTS = 1_000


def segments_in(project_id: int) -> tuple[dict[str, engine.Segment], Binder]:
    """A project's segments by key, and what its conditions are bound with. One query.

    The environments of a project share them, and do not each have their own in memory.
    """
    rows = Segment.objects.in_project(project_id).order_by("pk")
    found = {row.key: engine.Segment(row.pk, row.key, row.name, row.conditions) for row in rows}
    held = _segments.get(project_id)
    if held is None or held[0] != found:
        held = _segments[project_id] = found, Binder({key: segment.tree for key, segment in found.items()})
        for key in found:
            held[1].bind(_membership(key))
        while len(_segments) > PROJECTS:
            _segments.popitem(last=False)
    return held[0], held[1].again()


def features_of(
    project_id: int, environment_id: int, experiments: Mapping[int, engine.Experiment], segments: Binder
) -> Iterator[engine.Feature]:
    """Every live feature as an environment serves it. Five queries; `experiments` are the engine's, by row id."""
    rows = FeatureState.objects.in_environment(environment_id).select_related("active_experiment")
    states = {state.feature_id: state for state in rows}
    parts = Parts(environment_id)
    for feature in Feature.objects.in_project(project_id).live().order_by("number"):
        state = states.get(feature.pk) or FeatureState(**first_values(feature))
        yield _feature(feature, state, parts, experiments, segments)


class Parts:
    """What belongs to the states of an environment, by state."""

    def __init__(self, environment_id: int) -> None:
        rules = Rule.objects.in_environment(environment_id).select_related("segment", "experiment")
        self.rules = by_state(rules.order_by("position", "pk"))
        self.overrides = by_state(Override.objects.in_environment(environment_id))
        needed = Prerequisite.objects.in_environment(environment_id).select_related("feature")
        self.prerequisites = by_state(needed.order_by("pk"))


def by_state(rows: Iterable[Part]) -> Mapping[int | None, list[Part]]:
    found: dict[int | None, list[Part]] = defaultdict(list)
    for row in rows:
        found[row.state_id].append(row)
    return found


def _feature(
    feature: Feature,
    state: FeatureState,
    parts: Parts,
    experiments: Mapping[int, engine.Experiment],
    segments: Binder,
) -> engine.Feature:
    return engine.Feature(
        key=feature.key,
        number=feature.number,
        name=feature.name,
        status=_status(state.status),
        on_value=shared(state.on_value),
        off_value=shared(state.off_value),
        rollout=thousandths(state.rollout_percent),
        experiment=_own(feature, state.active_experiment, experiments),
        rules=tuple(_rule(feature, rule, experiments, segments) for rule in parts.rules.get(state.pk, ())),
        overrides={row.identifier: _override(row) for row in parts.overrides.get(state.pk, ())} or engine.nothing(),
        prerequisites=tuple(map(_prerequisite, parts.prerequisites.get(state.pk, ()))),
        steps=steps_of(state.steps),
        ramp=ramp_of(state.ramp),
        value_type=intern(feature.value_type),
        description=shared(feature.description),
        tags=tuple(feature.tags) if isinstance(feature.tags, list) else (),
        is_server_only=feature.is_server_only,
        created_at=feature.created_at.timestamp(),
    )


def _status(stored: str) -> engine.Status:
    """A status; one that there is not, which nothing lets in, is off."""
    return engine.Status(stored) if stored in list(engine.Status) else engine.Status.OFF


def _own(feature: Feature, row: Any, experiments: Mapping[int, engine.Experiment]) -> engine.Experiment | None:
    """An experiment of this feature in this environment; any other, which nothing lets in, is none."""
    return experiments.get(row.pk) if row and row.feature_id == feature.pk else None


def _rule(feature: Feature, row: Rule, experiments: Mapping[int, engine.Experiment], segments: Binder) -> engine.Rule:
    experiment = _own(feature, row.experiment, experiments)
    is_whole = experiment is not None or row.experiment_id is None  # else nothing may ever switch it on
    trees = _conditions(row)
    return engine.Rule(
        key=intern(row.key),
        condition=segments.bind(*trees),
        value=shared(row.value),
        rollout=thousandths(row.rollout_percent),
        experiment=experiment,
        is_on=row.is_on and is_whole,
        steps=steps_of(row.steps) if is_whole else (),
        ramp=ramp_of(row.ramp),
        tree=trees[0] if len(trees) == 1 else {"all": trees},
        trees=tuple(trees),
    )


def _conditions(row: Rule) -> list[object]:
    """A rule means whom both its segment and its own conditions mean."""
    named = [_membership(row.segment.key)] if row.segment else []
    return [*named, *([] if row.conditions is None else [row.conditions])]


@lru_cache(10_000)
def _membership(segment_key: str) -> dict[str, str]:
    """The condition of being in a segment; there may be thousands alike, and nobody changes one."""
    return {"operator": "in_segment", "value": segment_key}


def _override(row: Override) -> engine.Override:
    expires_at = row.expires_at.timestamp() if row.expires_at else None
    return engine.Override(row.value, expires_at, row.note)


def _prerequisite(row: Prerequisite) -> engine.Prerequisite:
    return engine.Prerequisite(row.feature.key, row.enabled, row.value, row.needs_value)
