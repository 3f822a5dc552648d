"""The engine beside the vendors' own evaluators: in one process, on the same flags, for the same subjects.

Each peer meets our engine on the scheme that the peer owns, and both have to give everybody the same value before they
are timed. Whatever a peer lets us prepare is prepared: its flags are parsed and its subjects are built beforehand. Each
is asked twice: as it is meant to be used, and in the way that costs it least.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from timeit import Timer
from typing import Any

from benchmarks import engine
from decisions.engine.conditions.binding import Binder
from decisions.engine.evaluate import compile_snapshot, decide, decide_all
from decisions.engine.types import FULL, Experiment, Feature, Rule, Status, Subject

ALL = 200
SUBJECTS = 400
TIMED = range(0, SUBJECTS, 5)
COUNTRIES = ["DE", "AT", "CH"]
PLANS = {f"plan-{n}": f"segment-{n}" for n in range(100)}
"""A hundred segments: who is on a plan, in one of the countries."""
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Player:
    """One evaluator with everything prepared: one feature for subject number n, and all features for subject number n.

    `one` and `all` answer in the evaluator's own words, as they do in a program; `value` and `values` translate.
    """

    one: Callable[[int], Any]
    all: Callable[[int], Any]
    value: Callable[[Any], Any]
    values: Callable[[Any], Values]


@dataclass(frozen=True, slots=True)
class Match:
    """The best repeat of each side, in microseconds a call."""

    peer: str
    flags: str
    features: int
    ours_us: float
    theirs_us: float

    @property
    def ratio(self) -> float:
        """How many times faster we are."""
        return self.theirs_us / self.ours_us


def measure(*, repeats: int = 5, seconds: float = 0.0005) -> list[Match]:
    """Every peer, on either kind of flags, for one feature and for all. Raises AssertionError when sides disagree."""
    subjects = some_subjects()
    matches = []
    for (name, (scheme, peer)), (kind, make) in itertools.product(PEERS.items(), FLAGS.items()):
        features = make(scheme)
        us, them = switchyard(features, subjects), peer(features, subjects)
        check(name, us, them)
        for count, ours, theirs in ((1, us.one, them.one), (ALL, us.all, them.all)):
            matches.append(Match(name, kind, count, *best_of(ours, theirs, repeats, seconds)))
    return matches


def some_subjects() -> list[Subject]:
    """Subjects that all differ; every fourth is in a segment."""
    plans = [*PLANS, *(f"other-{n}" for n in range(len(PLANS)))]
    return [
        Subject(f"u-{n}", {"plan": plans[n % len(plans)], "country": ("DE", "FR")[n // len(plans) % 2]})
        for n in range(SUBJECTS)
    ]


def splits(scheme: str, count: int = ALL) -> list[Feature]:
    """Features that are nothing but a running experiment, 50/50 for everybody: one hash for every answer."""
    return [
        replace(feature, experiment=a_split(feature, scheme)) for feature in engine.features(Status.EXPERIMENT, count)
    ]


def targeted(scheme: str, count: int = ALL) -> list[Feature]:
    """The same, each with three rules before it; each rule means one of the hundred segments."""
    trees = segment_trees()
    binder = Binder(trees)
    around = itertools.cycle(trees)
    return [
        replace(feature, rules=tuple(a_rule(binder, segment) for segment in itertools.islice(around, 3)))
        for feature in splits(scheme, count)
    ]


def segment_trees() -> dict[str, Any]:
    """The conditions of the hundred segments."""
    everybody = [{"attribute": "country", "operator": "in", "value": COUNTRIES}]
    return {
        segment: {"all": [{"attribute": "plan", "operator": "equals", "value": plan}, *everybody]}
        for plan, segment in PLANS.items()
    }


def a_rule(binder: Binder, segment: str) -> Rule:
    """A rule as it comes from the database: its condition names the segment."""
    condition = binder.bind({"operator": "in_segment", "value": segment})
    return Rule(segment, condition, value=f"value of {segment}")


def a_split(feature: Feature, scheme: str) -> Experiment:
    """The experiment of a benchmark's feature, by another scheme and with one value to an arm."""
    experiment = split_of(feature)
    variants = tuple(replace(variant, value=variant.key) for variant in experiment.variants)
    return replace(experiment, bucketing=scheme, variants=variants)


def split_of(feature: Feature) -> Experiment:
    """The experiment that each of these features has. Raises AssertionError if it has none."""
    if feature.experiment is None:
        raise AssertionError(f"{feature.key} has no experiment")
    return feature.experiment


def best_of(
    call: Callable[[int], Any], other: Callable[[int], Any], repeats: int, seconds: float
) -> tuple[float, float]:
    """Microseconds a call of either side, the sides taking turns for `seconds` each.

    Of every subject only the fastest turn counts, since a turn is either undisturbed or says nothing about the engine.
    """
    sides = Stopwatch(call, seconds), Stopwatch(other, seconds)
    for _ in range(repeats):
        for n in TIMED:
            for side in sides:
                side.run(n)
    ours, theirs = (side.best_us for side in sides)
    return ours, theirs


class Stopwatch:
    """Times one side's calls, subject by subject, as many in a row as take about so many seconds."""

    def __init__(self, call: Callable[[int], Any], seconds: float) -> None:
        self._timers = {n: Timer("call(n)", globals={"call": call, "n": n}) for n in TIMED}
        self._calls = max(1, round(seconds * 20 / self._timers[0].timeit(20)))
        self._least = dict.fromkeys(TIMED, math.inf)

    def run(self, n: int) -> None:
        """One turn of subject number n."""
        self._least[n] = min(self._least[n], self._timers[n].timeit(self._calls))

    @property
    def best_us(self) -> float:
        """Microseconds a call: the mean of the subjects' best."""
        return sum(self._least.values()) / len(TIMED) / self._calls * 1e6


def check(name: str, us: Player, them: Player) -> None:
    """Two sides that do not do the same cannot be compared."""
    for n in range(SUBJECTS):
        if us.value(us.one(n)) != them.value(them.one(n)) or us.values(us.all(n)) != them.values(them.all(n)):
            raise AssertionError(f"{name} does not give u-{n} what we do")


def switchyard(features: list[Feature], subjects: list[Subject]) -> Player:
    """Our engine."""
    snapshot, key = compile_snapshot(features), features[0].key
    return Player(
        one=lambda n: decide(snapshot, key, subjects[n]),
        all=lambda n: decide_all(snapshot, subjects[n]),
        value=lambda decision: decision.value,
        values=lambda decisions: {name: decision.value for name, decision in decisions.items()},
    )


def flagsmith(features: list[Feature], subjects: list[Subject]) -> Player:
    """Flagsmith's engine on the whole environment, which is all it offers: one feature costs what all cost."""
    evaluate, first = peer("flag_engine.engine").get_evaluation_result, features[0].key
    contexts = flagsmith_contexts(features, subjects)
    return Player(
        one=lambda n: evaluate(contexts[n]),
        all=lambda n: evaluate(contexts[n]),
        value=lambda result: result["flags"][first]["value"],
        values=lambda result: {name: flag["value"] for name, flag in result["flags"].items()},
    )


def flagsmith_trimmed(features: list[Feature], subjects: list[Subject]) -> Player:
    """The same, but one feature is asked in a context that was cut down beforehand to it and the segments it needs."""
    evaluate, contexts = peer("flag_engine.engine").get_evaluation_result, flagsmith_contexts(features[:1], subjects)
    return replace(flagsmith(features, subjects), one=lambda n: evaluate(contexts[n]))


def flagsmith_contexts(features: list[Feature], subjects: list[Subject]) -> list[dict[str, Any]]:
    """These features as Flagsmith's engine takes them, for each of the subjects."""
    shared = {
        "environment": {"key": "environment", "name": "Environment"},
        "features": {feature.key: flagsmith_feature(feature) for feature in features},
        "segments": flagsmith_segments(features),
    }
    return [{**shared, "identity": {"identifier": s.key, "key": s.key, "traits": dict(s.attributes)}} for s in subjects]


def flagsmith_feature(feature: Feature) -> dict[str, Any]:
    """A multivariate feature of Flagsmith's whose state's key is our seed."""
    experiment = split_of(feature)
    variants = [
        {"value": variant.value, "weight": float(variant.weight), "priority": variant.number}
        for variant in experiment.variants
        if not variant.is_control
    ]
    state = {"key": experiment.seed, "name": feature.key, "enabled": True}
    return {**state, "value": "control", "variants": variants}


def flagsmith_segments(features: list[Feature]) -> dict[str, Any]:
    """The segments that these features' rules mean, each with what it serves instead."""
    segments: dict[str, Any] = {}
    for feature in features:
        for priority, rule in enumerate(feature.rules):
            segment = segments.setdefault(rule.key, flagsmith_segment(rule.key))
            state = {"key": f"{feature.key}-{rule.key}", "name": feature.key, "enabled": True}
            segment["overrides"].append({**state, "value": rule.value, "priority": priority})
    return segments


def flagsmith_segment(name: str) -> dict[str, Any]:
    """One of the hundred segments, without overrides yet."""
    plan = next(plan for plan, segment in PLANS.items() if segment == name)
    conditions = [
        {"property": "plan", "operator": "EQUAL", "value": plan},
        {"property": "country", "operator": "IN", "value": COUNTRIES},
    ]
    return {"key": name, "name": name, "rules": [{"type": "ALL", "conditions": conditions}], "overrides": []}


def growthbook(features: list[Feature], subjects: list[Subject]) -> Player:
    """GrowthBook's SDK: its client, told who asks, and then asked for one feature after the other."""
    client = peer("growthbook").GrowthBook(features={feature.key: growthbook_feature(feature) for feature in features})
    users = [{"id": subject.key, **subject.attributes} for subject in subjects]
    keys = [feature.key for feature in features]

    def evaluate(wanted: list[str], n: int) -> dict[str, Any]:
        client.set_attributes(users[n])
        return {key: client.eval_feature(key) for key in wanted}

    return Player(
        one=lambda n: evaluate(keys[:1], n)[keys[0]],
        all=lambda n: evaluate(keys, n),
        value=lambda result: result.value,
        values=lambda results: {key: result.value for key, result in results.items()},
    )


def growthbook_core(features: list[Feature], subjects: list[Subject]) -> Player:
    """The function below that client, which costs less."""
    core, types = peer("growthbook.core"), peer("growthbook.common_types")
    shared = types.GlobalContext(
        options=types.Options(),
        features=types.features_from_dict({feature.key: growthbook_feature(feature) for feature in features}),
    )
    users = [types.UserContext(attributes={"id": subject.key, **subject.attributes}) for subject in subjects]
    keys = [feature.key for feature in features]

    def evaluate(key: str, n: int) -> Any:
        return core.eval_feature(key, types.EvaluationContext(users[n], shared, types.StackContext()))

    return replace(
        growthbook(features, subjects),
        one=lambda n: evaluate(keys[0], n),
        all=lambda n: {key: evaluate(key, n) for key in keys},
    )


def growthbook_feature(feature: Feature) -> dict[str, Any]:
    """A feature of GrowthBook's: a rule for each of ours, and one that is our experiment."""
    experiment = split_of(feature)
    segments = {segment: {"plan": plan, "country": {"$in": COUNTRIES}} for plan, segment in PLANS.items()}
    rules = [{"condition": segments[rule.key], "force": rule.value} for rule in feature.rules]
    split = {
        "key": experiment.key,
        "seed": experiment.seed,
        "hashVersion": 2,
        "coverage": experiment.rollout / FULL,
        "variations": [variant.value for variant in experiment.variants],
        "weights": [variant.weight / 100 for variant in experiment.variants],
    }
    return {"defaultValue": None, "rules": [*rules, split]}


FLAGS = {"splits": splits, "targeted": targeted}
PEERS: dict[str, tuple[str, Callable[[list[Feature], list[Subject]], Player]]] = {
    "flagsmith-flag-engine": ("flagsmith", flagsmith),
    "flagsmith-flag-engine, trimmed": ("flagsmith", flagsmith_trimmed),
    "growthbook": ("growthbook", growthbook),
    "growthbook.core": ("growthbook", growthbook_core),
}


def peer(module: str) -> Any:
    """A peer's module. They are for developing only, so nothing else of the benchmarks needs them."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        raise SystemExit(f"{missing}: `make setup` installs the peers") from missing
