"""Random configurations and identities, with all the values that Flagsmith's engines read in ways of their own."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from audits.services import SYSTEM
from decisions.protocols.flagsmith.leaves import LEAVES
from experiments import services as experiments
from experiments.models import Experiment
from features import services as features
from features.models import Feature
from tenants.models import Environment
from tests.builders import (
    a_feature,
    a_layer,
    a_project,
    a_rule,
    a_segment,
    a_variant,
    an_environment,
    an_experiment,
    in_segment,
)

TEXTS = [
    "pro",
    "free",
    "a,b",
    "[x]",
    "de",
    "DE ",
    "7up",
    "v1",
    "x@y.com",
    "é☃",
    "pro:semver",
    "Tr",
    "e",
    "none",
    "a.c",
    "\n",
]
NUMBER_LIKE = ["5", "007", "-3", "1.5", "5.0", "-0", "18"]
NUMBERS = [0, 1, 5, -3, 18, 1.5, -2.5, 5.0, 0.1, 2**53, 2**60, 1e-7]
VERSIONS = ["1.2.3", "1.10.0", "2.0.0-rc.1", "1.2.3+build"]
VALUES: list[Any] = [
    *TEXTS, *NUMBER_LIKE, *NUMBERS, *VERSIONS, True, False, "True", "true", "false", "", " ", "v1.2.3", "1.2",
    "1.2.3\n", "pro\n", "xpro", "prox", "a", "b", "x@y.com\n", "1.2.٣", "9" * 19 + ".0.0", "1.2.3-" + "a" * 300,
    "abc", "ABC", "1e-07",
]  # fmt: skip
NUMERIC = ("gt", "gte", "lt", "lte", "between")
"""What is mostly asked of the attribute `n`, and little else is: so text that looks like a number is one there."""
SEGMENTS = {
    "germans": {"attribute": "a", "operator": "in", "value": ["de", "at"]},
    "others": {"none": [{"operator": "in_segment", "value": "germans"}]},
}


def a_value(operator: str) -> Any:
    """What an operator may compare with."""
    if operator in ("in", "not_in"):
        pool: list[Any] = random.choice([TEXTS, TEXTS, NUMBERS, [True, False], [*TEXTS, *NUMBER_LIKE]])
        return random.sample(pool, random.randint(1, min(3, len(pool))))
    if operator.startswith("semver"):
        return random.choice(VERSIONS)
    if operator in ("gt", "gte", "lt", "lte"):
        return random.choice(NUMBERS)
    if operator == "between":
        return sorted(random.sample(NUMBERS, 2))
    if operator in ("equals", "not_equals"):
        return random.choice([*TEXTS, *NUMBERS, *NUMBER_LIKE, True, False])
    return random.choice([*TEXTS, *NUMBER_LIKE])


def a_leaf() -> dict[str, Any]:
    if random.random() < 0.1:
        return {"operator": random.choice(["in_segment", "not_in_segment"]), "value": random.choice([*SEGMENTS])}
    operator, attribute = random.choice([*LEAVES, "not_contains"]), random.choice("abc")
    if operator in NUMERIC and random.random() < 0.8:
        attribute = "n"
    if operator in ("exists", "not_exists"):
        return {"attribute": attribute, "operator": operator}
    return {"attribute": attribute, "operator": operator, "value": a_value(operator)}


def a_tree(depth: int = 3) -> dict[str, Any]:
    if depth == 0 or random.random() < 0.4:
        return {"everyone": True} if random.random() < 0.03 else a_leaf()
    return {random.choice(["all", "any", "none"]): [a_tree(depth - 1) for _ in range(random.randint(1, 3))]}


def attributes() -> dict[str, Any]:
    return {name: random.choice(VALUES) for name in "abcn" if random.random() < 0.8}


TYPES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "string": ["red", "green", "", "5", "a,b"],
    "number": [1, 2.5, -1, -2, 0],
    "json": [{"a": [1, None]}, [], "text", 1, None],
}
WEIGHTS = ([50, 50], [1, 2, 3], [0, 100, 0], [33, 33, 34], [1, 0, 0], [10, 20, 70])


def a_random_environment(features_made: int = 100) -> Environment:
    """Segments, and features with everything that features can have."""
    project = a_project(bucketing="flagsmith")
    environment = an_environment(project)
    for key, conditions in SEGMENTS.items():
        a_segment(project, key=key, name=key.capitalize(), conditions=conditions)
    made: list[Feature] = []
    for number in range(features_made):
        made.append(a_random_feature(environment, f"f{number}", made))
    return environment


def a_random_feature(environment: Environment, key: str, others: list[Feature]) -> Feature:
    value_type = random.choice([*TYPES])
    values = TYPES[value_type]
    feature = a_feature(environment, key=key, value_type=value_type, is_server_only=random.random() < 0.05)
    state: dict[str, Any] = {
        "on_value": random.choice(values),
        "off_value": random.choice(values),
        **a_schedule(values),
    }
    kind = random.choice(["on", "on", "on", "off", "experiment", "experiment"])
    if kind == "experiment":
        state["active_experiment"] = a_random_experiment(environment, feature, values)
    features.set_state(feature, environment, status=kind, actor=SYSTEM, **state)
    for _ in range(random.choice([0, 0, 1, 2, 3])):
        a_random_rule(feature, environment, values)
    for identifier in random.sample(IDENTIFIERS, random.choice([0, 0, 1, 3])):
        features.set_override(
            feature,
            environment,
            identifier=identifier,
            value=random.choice(values),
            expires_at=a_moment(),
            actor=SYSTEM,
        )
    if others and random.random() < 0.15:
        required = random.choice(others)
        features.set_prerequisite(
            feature, environment, required=required, enabled=random.choice([True, False]), actor=SYSTEM
        )
    return feature


def a_random_rule(feature: Feature, environment: Environment, values: list[Any]) -> None:
    conditions = random.choice([in_segment(random.choice([*SEGMENTS])), a_tree(2), a_tree(1), a_tree(0)])
    served: dict[str, Any] = {"value": random.choice(values)}
    if random.random() < 0.2:
        served = {"experiment": a_random_experiment(environment, feature, values)}
    whole = random.choice([100, 100, 100, 100, 0, 40])
    a_rule(feature, environment, conditions=conditions, rollout_percent=whole, is_on=random.random() < 0.9, **served)


def a_random_experiment(environment: Environment, feature: Feature, values: list[Any]) -> Experiment:
    """Most of them as Flagsmith has them."""
    weights = random.choice(WEIGHTS)
    details: dict[str, Any] = {"seed": str(random.randint(1, 10**9))}
    if random.random() < 0.1:
        details |= random.choice(
            [{"bucketing": "growthbook"}, {"rollout_percent": 50}, {"hash_attribute": "c"}, {"seed": "x"}]
        )
    if random.random() < 0.3:
        details["audience"] = environment.project.segments.get(key=random.choice([*SEGMENTS]))
    experiment = an_experiment(environment, feature, **details)
    control = random.choice([0, len(weights) - 1, None])
    same = random.choice(values)
    for index, weight in enumerate(weights):
        value = same if feature.value_type == "boolean" and random.random() < 0.9 else random.choice([*values, None])
        a_variant(experiment, key=f"v{index}", weight=weight, is_control=index == control, value=value)
    if random.random() < 0.05:
        layer = a_layer(environment.project)
        experiments.hold_slots(experiment, layer, slots=5_000, actor=SYSTEM)
    return experiments.start(experiment, actor=SYSTEM) if random.random() < 0.9 else experiment


def a_schedule(values: list[Any]) -> dict[str, Any]:
    """Mostly nothing; what lies behind, and what is to come."""
    chance = random.random()
    if chance < 0.1:
        step = {"at": a_moment_written(), "status": random.choice(["on", "off"]), "value": random.choice(values)}
        return {"steps": [step, {"at": a_moment_written(), "percent": random.choice([0, 100])}]}
    if chance < 0.2:
        start = datetime.now(UTC) + timedelta(days=random.choice([-20, -5, 5]))
        end = start + timedelta(days=10)
        return {
            "ramp": {"start": start.isoformat(), "from": random.choice([0, 100]), "end": end.isoformat(), "to": 100}
        }
    return {"rollout_percent": random.choice([0, 30])} if chance < 0.3 else {}


def a_moment() -> datetime | None:
    days = random.choice([None, None, -1, 1])
    return None if days is None else datetime.now(UTC) + timedelta(days=days)


def a_moment_written() -> str:
    return (datetime.now(UTC) + timedelta(days=random.choice([-3, -1, 1]))).isoformat()


IDENTIFIERS = ["ann@example.com", "bob", "42", "ünï☃", "u, v"]
"""Those who have overrides. None that Python's clients take for another number: that is in the documentation."""


def an_identity() -> tuple[str, dict[str, Any]]:
    """Somebody, and what they say of themselves."""
    identifier = random.choice(IDENTIFIERS) if random.random() < 0.1 else f"user-{random.randrange(10**9)}"
    return identifier, {name: value for name, value in attributes().items() if value != ""}
