"""What features do in two environments of a project, side by side: read only, and plain enough to be compared."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from django.db.models import Count, Q

from audits.services import is_same
from decisions.engine.types import Status
from features.models import Feature, FeatureState, Override, Prerequisite, Rule
from features.values import first_values
from tenants.models import Environment

FIELDS = {
    "status": ("status",),
    "values": ("on_value", "off_value"),
    "rollout": ("rollout_percent",),
    "schedule": ("steps", "ramp"),
}
"""The parts of a state by the fields that they are stored in."""
PARTS = (*FIELDS, "rules", "prerequisites", "overrides")
USUAL = PARTS[:-1]
"""Overrides are people's own doing in an environment, and seldom meant for another one."""
COMPARED_MAX = 500
_RULE = ("description", "conditions", "value", "rollout_percent", "is_on", "steps", "ramp")
_STORED: dict[Any, tuple[str, ...]] = {
    FeatureState: ("feature", "status", "on_value", "off_value", "rollout_percent", "steps", "ramp"),
    Rule: ("state__feature", "key", "position", "segment", "experiment", *_RULE),
    Prerequisite: ("state__feature", "feature", "enabled", "needs_value", "value"),
    Override: ("state__feature", "identifier", "value", "expires_at", "note"),
}
"""What is stored of a feature in an environment, each with the feature first."""


class Pick(NamedTuple):
    """A part of what a feature does, to be promoted."""

    feature_key: str
    part: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of what a feature does, in the source and in the target. Both are plain: rows by their names."""

    feature: Feature
    part: str
    source: dict[str, Any]
    target: dict[str, Any]

    @property
    def pick(self) -> Pick:
        return Pick(self.feature.key, self.part)


@dataclass(frozen=True, slots=True)
class Compared:
    """A feature with all that differs, and what is left alone because of experiments."""

    feature: Feature
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare(source: Environment, target: Environment, *, text: str = "") -> list[Compared]:
    """The live features that do something else in the two environments, in order, with `text` in key or name: the first
    of them, where there are very many. 14 queries."""
    candidates = _candidates(source, target)
    rows = Feature.objects.in_project(source.project_id).live().order_by("number")
    if text:
        rows = rows.filter(Q(key__icontains=text) | Q(name__icontains=text))
    numbers = [pk for pk in rows.values_list("pk", flat=True) if pk in candidates] if candidates else []
    return compared(source, target, list(rows.filter(pk__in=numbers[:COMPARED_MAX])))


def compared(source: Environment, target: Environment, features: Collection[Feature]) -> list[Compared]:
    """Those of these features that do something else in the two environments."""
    here, there = Configured(source, features), Configured(target, features)
    found = (_compared(feature, here, there) for feature in features)
    return [one for one in found if one.differences or one.notes]


def version_of(differences: Iterable[Difference]) -> str:
    """A fingerprint of what was seen: it is another one once either side has changed."""
    seen = [[*one.pick, one.source, one.target] for one in differences]
    return sha256(msgspec.json.encode(seen, enc_hook=str, order="deterministic")).hexdigest()[:16]


class Configured:
    """What some features do in one environment."""

    def __init__(self, environment: Environment, features: Collection[Feature]) -> None:
        self.environment = environment
        of_these: Any = {"state__environment": environment, "state__feature__in": [feature.pk for feature in features]}
        states = FeatureState.objects.in_environment(environment.pk).select_related("active_experiment")
        self.states = {state.feature_id: state for state in states.filter(feature__in=features)}
        rules = Rule.objects.filter(**of_these).select_related("segment", "state")
        self.rules = _by_feature(rules.order_by("position", "pk"))
        self.overrides = _by_feature(Override.objects.filter(**of_these).select_related("state"))
        needed = Prerequisite.objects.filter(**of_these).select_related("feature", "state")
        self.prerequisites = _by_feature(needed.order_by("feature__number"))

    def state(self, feature: Feature) -> FeatureState:
        """Where there is no row, the feature is off."""
        return self.states.get(feature.pk) or FeatureState(feature=feature, **first_values(feature))

    def part(self, feature: Feature, part: str) -> dict[str, Any]:
        """A part of what a feature does, plain."""
        if part in FIELDS:
            state = self.state(feature)
            return {name: _plain(getattr(state, name)) for name in FIELDS[part]}
        if part == "rules":
            return {rule.key: rule_values(rule) for rule in self.rules.get(feature.pk, [])}
        if part == "prerequisites":
            rows = self.prerequisites.get(feature.pk, [])
            return {row.feature.key: _values(row, "enabled", "needs_value", "value") for row in rows}
        rows = self.overrides.get(feature.pk, [])
        return {row.identifier: _values(row, "value", "expires_at", "note") for row in rows}

    def experimental(self, feature: Feature) -> set[str]:
        """The keys of its rules that lead to an experiment."""
        return {rule.key for rule in self.rules.get(feature.pk, []) if rule.experiment_id}


def rule_values(rule: Rule) -> dict[str, Any]:
    """A rule, plain: its segment by its key."""
    return {"segment": rule.segment.key if rule.segment else None, **_values(rule, *_RULE)}


def _candidates(source: Environment, target: Environment) -> set[int]:
    """The features that may differ, as the database finds them: all that has no twin on the other side."""
    found: set[int] = set()
    for model, names in _STORED.items():
        side = "environment" if model is FeatureState else "state__environment"
        rows = model.objects.filter(**{f"{side}__in": [source.pk, target.pk]}).order_by()
        found.update(row[0] for row in rows.values_list(*names).annotate(rows=Count("pk")).filter(rows=1))
    return found


def _compared(feature: Feature, here: Configured, there: Configured) -> Compared:
    fixed, experimental = _fixed(feature, here, there), here.experimental(feature) | there.experimental(feature)
    differences = []
    for part in PARTS:
        if part in fixed:
            continue
        source, target = (side.part(feature, part) for side in (here, there))
        if part == "rules":
            source, target = (_without(rules, experimental) for rules in (source, target))
        if [*source] != [*target] or not is_same(source, target):
            differences.append(Difference(feature, part, source, target))
    return Compared(feature, tuple(differences), tuple(_notes(feature, here, there)))


def _fixed(feature: Feature, here: Configured, there: Configured) -> set[str]:
    """The parts that have to do with an experiment on either side."""
    states = here.state(feature), there.state(feature)
    served = {"status"} if any(state.status == Status.EXPERIMENT for state in states) else set()
    return served | ({"schedule"} if any(map(_leads_to_an_experiment, states)) else set())


def _notes(feature: Feature, here: Configured, there: Configured) -> Iterator[str]:
    """What is left alone, and why."""
    sides = [(one, one.state(feature)) for one in (here, there)]
    if sides[0][1].status != sides[1][1].status:
        for side, state in sides:
            if state.status == Status.EXPERIMENT:
                yield f"It serves {state.active_experiment} in {side.environment.name}: its status stays as it is."
    steps = [_plain(state.steps) for _, state in sides]
    if any(_leads_to_an_experiment(state) for _, state in sides) and steps[0] != steps[1]:
        yield "Its schedule leads to an experiment, and stays as it is."
    if count := len(here.experimental(feature)):
        yield f"Of its rules in {here.environment.name}, {count} lead to an experiment: those are left out."


def _leads_to_an_experiment(state: FeatureState) -> bool:
    return any(step.get("status") == Status.EXPERIMENT for step in state.steps)


def _by_feature(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.state.feature_id, []).append(row)
    return found


def _values(row: Any, *names: str) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: Any) -> Any:
    """A percentage without the zeros that a database pads it with."""
    return Decimal(f"{value.normalize():f}") if isinstance(value, Decimal) else value


def _without(values: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}
