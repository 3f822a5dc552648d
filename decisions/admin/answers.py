"""The playground's answers: what each feature gives somebody, and what it gives somebody else."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from decisions.admin.questions import Side
from decisions.admin.steps import Names, Step, steps_of, written
from decisions.engine.choices.gates import is_equal
from decisions.engine.evaluate import decide_all
from decisions.engine.explain import explain
from decisions.engine.types import Decision, Fault, Reason
from decisions.snapshots import EnvironmentSnapshot
from features.models import Feature, Rule

REASONS = {
    Reason.OFF: ("Off here", ""),
    Reason.ON: ("On for everybody", "success"),
    Reason.ROLLOUT: ("Inside the rollout", "success"),
    Reason.NOT_IN_ROLLOUT: ("Outside the rollout", "warning"),
    Reason.ASSIGNED: ("In the experiment", "info"),
    Reason.EXPERIMENT_INACTIVE: ("Experiment not running", "warning"),
    Reason.NOT_IN_AUDIENCE: ("Not in the audience", "warning"),
    Reason.NOT_IN_LAYER: ("In another experiment's slots", "warning"),
    Reason.OVERRIDE: ("Override", "info"),
    Reason.PREREQUISITE: ("Prerequisite not met", "warning"),
    Reason.RULE: ("Rule matched", "info"),
    Reason.UNDECIDED: ("Could not be decided", "danger"),
}
FAULTS = {
    Fault.FLAG_NOT_FOUND: "There is no such feature there",
    Fault.TARGETING_KEY_MISSING: "Needs a user id",
    Fault.VARIANT_REQUIRED: "The experiment has no variants",
    Fault.WEIGHT_REQUIRED: "No variant has a weight",
}


class Answer(NamedTuple):
    """What somebody gets from a feature, and why."""

    decision: Decision
    value: str
    reason: str
    kind: str
    steps: tuple[Step, ...]


class Row(NamedTuple):
    """A feature, and what the one side gets from it, and the other."""

    key: str
    name: str
    pk: int | None
    here: Answer
    there: Answer | None
    differs: bool


class Decided(NamedTuple):
    """One side with its snapshot and decisions."""

    side: Side
    snapshot: EnvironmentSnapshot
    decisions: Mapping[str, Decision]


def decided(side: Side, snapshot: EnvironmentSnapshot) -> Decided:
    return Decided(side, snapshot, decide_all(snapshot.features, side.subject))


def keys_of(here: Decided, there: Decided | None, *, text: str, show: str) -> list[str]:
    """The features that are asked for, in the order of their keys."""
    found = sorted(here.decisions.keys() | (there.decisions.keys() if there else set()))
    wanted = _SHOWS.get(show)
    needle = text.strip().lower()
    return [
        key
        for key in found
        if needle in f"{key} {_name(here, there, key)}".lower() and (wanted is None or wanted(here, there, key))
    ]


def rows_of(keys: Iterable[str], here: Decided, there: Decided | None) -> list[Row]:
    """The answers about these features, explained. Three queries at most."""
    keys = list(keys)
    numbers = _primary_keys(here, keys)
    here_names = rule_names(here.snapshot, keys)
    is_elsewhere = there is not None and there.side.environment != here.side.environment
    there_names = rule_names(there.snapshot, keys) if there and is_elsewhere else here_names
    return [
        Row(
            key,
            _name(here, there, key),
            numbers.get(key),
            _answer(here, key, here_names),
            _answer(there, key, there_names) if there else None,
            there is not None and differs(here, there, key),
        )
        for key in keys
    ]


def differs(here: Decided, there: Decided, key: str) -> bool:
    """Whether the two sides get something else. How they come to it is not compared."""
    one, other = here.decisions.get(key), there.decisions.get(key)
    if one is None or other is None:
        return one is not other
    return not is_equal(_outcome(one), _outcome(other))


def rule_names(snapshot: EnvironmentSnapshot, keys: Iterable[str]) -> Names:
    """What people call the rules of some features, by the rules' keys. One query."""
    rules: Any = Rule.objects.in_environment(snapshot.environment_id).filter(state__feature__key__in=list(keys))
    found: dict[str, str] = {}
    places: dict[int, int] = {}
    for state, key, description in rules.order_by("state", "position", "pk").values_list("state", "key", "description"):
        places[state] = places.get(state, 0) + 1
        found[key] = f"Rule {places[state]}: {description}" if description else f"Rule {places[state]}"
    return found


def _primary_keys(here: Decided, keys: list[str]) -> dict[str, int]:
    rows = Feature.objects.in_project(here.snapshot.project_id).filter(key__in=keys)
    return dict(rows.order_by().values_list("key", "pk"))


def _name(here: Decided, there: Decided | None, key: str) -> str:
    found = here.snapshot.definitions.get(key) or (there.snapshot.definitions.get(key) if there else None)
    return found.name if found else ""


def _answer(decided: Decided, key: str, names: Names) -> Answer:
    explanation = explain(decided.snapshot.features, key, decided.side.subject)
    decision = explanation.decision
    reason, kind = REASONS[decision.reason]
    if decision.fault:
        reason, kind = FAULTS[decision.fault], "danger"
    return Answer(decision, written(decision.value), reason, kind, tuple(steps_of(explanation.steps, names)))


def _outcome(decision: Decision) -> dict[str, Any]:
    variant = decision.variant.key if decision.variant and decision.in_experiment else None
    return {"value": decision.value, "enabled": decision.enabled, "variant": variant}


def _is_on(here: Decided, there: Decided | None, key: str) -> bool:
    return any(side.decisions[key].enabled for side in (here, there) if side and key in side.decisions)


_SHOWS: dict[str, Callable[[Decided, Decided | None, str], bool]] = {
    "on": _is_on,
    "off": lambda here, there, key: not _is_on(here, there, key),
    "differs": lambda here, there, key: there is None or differs(here, there, key),
}
