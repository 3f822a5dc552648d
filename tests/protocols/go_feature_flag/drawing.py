"""Random features, segments and subjects: most of them such that the vendor's evaluator can decide them too."""

import random
from time import time
from typing import Any

from decisions.engine.conditions.binding import Binder
from decisions.engine.types import (
    FULL,
    Experiment,
    Feature,
    Layer,
    Override,
    Prerequisite,
    Ramp,
    Rule,
    Status,
    Step,
    Variant,
)
from decisions.snapshots import EnvironmentSnapshot
from tests.builders import EVERYONE
from tests.protocols.go_feature_flag.builders import a_snapshot

COUNTRIES = ["DE", "AT", "de", "D", ""]
WORDS = ["beta", "beta-7", "x-beta", "Beta", "é☃😀", "", "5", "true", 'a"b', "<&>"]
NUMBERS = [0, 1, 17, 18, 18.0, 18.5, -3, 2**31, 2**40, -(2**40), 0.1]
ANYTHING = [
    *COUNTRIES,
    *WORDS,
    *NUMBERS,
    True,
    False,
    None,
    [],
    ["DE"],
    ["AT", 18],
    [True, None],
    [["DE"]],
    {},
    {"a": 1},
]
NAMES = ["country", "plan", "age", "pro", "id", "key", "anonymous", "weird name"]


def a_tree(segments: list[str], depth: int = 3) -> Any:
    """A random tree; some of what it asks, the evaluator cannot."""
    if depth and random.random() < 0.35:
        return {
            random.choice(["all", "any", "none"]): [a_tree(segments, depth - 1) for _ in range(random.randint(1, 3))]
        }
    if segments and random.random() < 0.15:
        return {"operator": random.choice(["in_segment", "not_in_segment"]), "value": random.choice(segments)}
    return a_leaf()


def a_leaf() -> Any:
    if random.random() < 0.04:
        return random.choice([EVERYONE, *_FOREIGN])
    operator, value = random.choice(_LEAVES)()
    name = random.choice(NAMES)
    if name == "anonymous":
        return {"attribute": name, "operator": "equals", "value": True}
    leaf = {"attribute": name, "operator": operator}
    return leaf if value is None else leaf | {"value": value}


_FOREIGN = [
    {"attribute": "app.version", "operator": "equals", "value": "1"},
    {"attribute": "version", "operator": "semver_gt", "value": "1.2.3"},
    {"attribute": "age", "operator": "equals", "value": 2**31},
    {"attribute": "country", "operator": "percentage", "value": 50},
    {"attribute": "anonymous", "operator": "exists"},
    {"attribute": "age", "operator": "modulo", "value": [2, 1]},
    {"attribute": "plan", "operator": "matches", "value": "^b"},
]
_LEAVES: list[Any] = [
    lambda: (random.choice(["equals", "not_equals"]), random.choice([*COUNTRIES, *WORDS, 1, 18, 18.5, True, False])),
    lambda: (random.choice(["in", "not_in"]), random.sample([*COUNTRIES, *WORDS, 1, 18, 18.5, True], 4)),
    lambda: (random.choice(["contains", "not_contains", "starts_with", "ends_with"]), random.choice(WORDS) or "b"),
    lambda: (random.choice(["gt", "gte", "lt", "lte"]), random.choice([0, 1, 17.5, 18, -3, 0.1])),
    lambda: ("between", sorted(random.sample([0, 1, 17.5, 18, -3, 19], 2))),
    lambda: (random.choice(["exists", "not_exists"]), None),
]


def random_features(count: int) -> EnvironmentSnapshot:
    """An environment with random segments and features, of which the evaluator can decide most."""
    trees: dict[str, Any] = {}
    for number in range(6):
        trees[f"s{number}"] = a_tree(list(trees))
    binder = Binder(trees)
    features = [a_random_feature(f"f{number}", binder, list(trees), number) for number in range(count)]
    return a_snapshot(features, trees)


def a_random_feature(key: str, binder: Binder, segments: list[str], number: int) -> Feature:
    values = random.choice([(True, False), ("new", "old"), (2, 1.5), ({"a": [1]}, {})])
    experiment = an_experiment(key, binder, segments, values) if random.random() < 0.6 else None
    rules = tuple(a_rule(key, f"r{n}", binder, segments, values) for n in range(random.choice([0, 0, 1, 2])))
    return Feature(
        key=key,
        number=number,
        status=random.choice(
            [Status.ON, Status.EXPERIMENT, Status.EXPERIMENT] if experiment else [Status.ON, Status.ON, Status.OFF]
        ),
        on_value=values[0],
        off_value=values[1],
        rollout=random.choice([FULL] * 8 + [0, 50_000]),
        experiment=experiment,
        rules=rules,
        overrides={user: Override(random.choice(values)) for user in random.sample(USERS, random.choice([0, 0, 3]))},
        prerequisites=some_prerequisites(number),
        steps=some_steps(values) if experiment is None and random.random() < 0.15 else (),
        ramp=Ramp(0, 0, time() * 2, FULL) if random.random() < 0.03 else None,
    )


WEIGHTS = [{"control": 50, "b": 50}, {"a": 10, "control": 50, "z": 40}, {"a": 1, "b": 1, "c": 1}, {"b": 1}]
USERS = [f"user-{number}" for number in range(30)]


def some_prerequisites(number: int) -> tuple[Prerequisite, ...]:
    if not number or random.random() < 0.85:
        return ()
    needed = f"f{random.randrange(number)}"
    value = random.choice([True, "new", 2])
    return random.choice(
        [
            (Prerequisite(needed),),
            (Prerequisite(needed, enabled=False),),
            (Prerequisite(needed, enabled=None, value=value, needs_value=True),),
            (Prerequisite("nowhere"),),
        ]
    )


def some_steps(values: tuple[Any, Any]) -> tuple[Step, ...]:
    at = [random.choice([1.5, time() - 1_000, time() + 10_000]) for _ in range(random.randint(1, 3))]
    return tuple(
        Step(
            moment,
            status=random.choice([None, Status.ON, Status.OFF]),
            rollout=random.choice([None, FULL, 0]),
            value=random.choice([*values, values[0]]),
            sets_value=random.random() < 0.4,
        )
        for moment in at
    )


def a_rule(key: str, name: str, binder: Binder, segments: list[str], values: tuple[Any, Any]) -> Rule:
    tree = a_tree(segments)
    return Rule(
        name,
        binder.bind(tree),
        value=random.choice(values),
        rollout=random.choice([FULL] * 12 + [0, 30_000]),
        experiment=an_experiment(key, binder, segments, values) if random.random() < 0.25 else None,
        is_on=random.random() < 0.9,
        tree=tree,
    )


def an_experiment(key: str, binder: Binder, segments: list[str], values: tuple[Any, Any]) -> Experiment:
    """Mostly one that the evaluator assigns as we do."""
    weights = random.choice(
        [{"control": 50, "b": 50}, {"a": 10, "control": 50, "z": 40}, {"a": 1, "b": 1, "c": 1}, {"b": 1}]
    )
    has_control = random.random() < 0.8
    variants = tuple(
        Variant(name, weight, is_control=has_control and name == "control", value=random.choice([*values, None]))
        for name, weight in weights.items()
    )
    audience = a_tree(segments, 1) if random.random() < 0.2 else None
    return Experiment(
        public_id="exp-001",
        key="colours",
        seed=random.choice([key] * 12 + ["another"]),
        variants=variants,
        is_running=random.random() < 0.9,
        rollout=random.choice([FULL] * 15 + [50_000]),
        bucketing=random.choice(["go_feature_flag"] * 15 + ["growthbook"]),
        audience=binder.bind(audience) if audience else None,
        layer=Layer("l", "l") if random.random() < 0.04 else None,
        audience_tree=audience,
    )


def random_subject() -> tuple[str, dict[str, Any]]:
    """A key, and attributes of every kind."""
    attributes: dict[str, Any] = {
        name: random.choice(ANYTHING) for name in random.sample(NAMES, random.randint(0, len(NAMES)))
    }
    if "anonymous" in attributes:
        attributes["anonymous"] = random.choice([True, False, "yes"])
    if random.random() < 0.5:
        attributes.update(country=random.choice(COUNTRIES), age=random.choice(NUMBERS))
    return random.choice([random.choice(USERS), f"user-{random.random()}", "ü☃😀"]), attributes
