"""Random conditions, subjects and features: everything that can be configured, and everything that may be sent."""

import random
from datetime import UTC, datetime
from typing import Any

from decisions.engine.conditions.binding import Binder
from decisions.engine.evaluate import compile_snapshot
from decisions.engine.types import (
    FULL,
    Experiment,
    Feature,
    Layer,
    Override,
    Prerequisite,
    Ramp,
    Rule,
    Segment,
    Status,
    Step,
    Variant,
)
from decisions.snapshots import About, EnvironmentSnapshot, Grant
from tenants.roles import RIGHTS, Kind

NOW = 1_800_000_000.0  # the beginning of a minute, so that ramps stand where they are asked

NAMES = ["plan", "app", "app.version", "app.build.number", "id"]
VALUES: list[Any] = [
    "DE", "de", "", "5", 5, 5.0, 0, 1, True, False, -3, 1.5, "1.2.3", "1.10.0", "1.2.3-rc.1", "1.2.3+b", "v1.2.3",
    "x\n", "a.b", "abc", "abc\n", "a/b", "é", None, ["DE"], ["abc", 5], [True], [0], [1], [""], [None], [{}], [[]], {},
    {"version": "1.2.4"}, {"version": 5}, {"build": {"number": "5"}}, {"build": [5]}, [1, True, "abc"], 10**12,
]  # fmt: skip
SCALARS: list[Any] = ["DE", "abc", "5", "", 5, 1, 0, True, False, 1.5, "abc\n", "a/b", "[x]", "é"]
PATTERNS = ["^a", "c$", "^[a-z]+$", "D.*", "^.+$", "(a|b)c", "[0-9]{1,3}", r"\d+", r"^\w+$", r"\s$", "[^a]*", "a?b*",
            r"x\n", "[a-]", "^$", "(?:ab)+", "a|^b$", r"\.", "[.]b"]  # fmt: skip
VERSIONS = ["1.2.3", "1.10.0", "0.0.1", "1.2.4", "99999.0.0"]
EXPECTED: dict[str, Any] = {
    **dict.fromkeys(["equals", "not_equals"], lambda: random.choice(SCALARS)),
    **dict.fromkeys(["in", "not_in"], lambda: random.sample(SCALARS, random.randint(1, 4))),
    **dict.fromkeys(
        ["contains", "not_contains", "starts_with", "ends_with"],
        lambda: random.choice(["a", "DE", "\n", "a.b", "5", "/"]),
    ),
    "matches": lambda: random.choice(PATTERNS),
    **dict.fromkeys(["gt", "gte", "lt", "lte"], lambda: random.choice([0, 1, 1.5, 5, -3])),
    "between": lambda: sorted(random.sample([-3, 0, 1, 1.5, 5, 7], 2)),
    **dict.fromkeys(
        ["semver_eq", "semver_gt", "semver_gte", "semver_lt", "semver_lte"], lambda: random.choice(VERSIONS)
    ),
    **dict.fromkeys(["exists", "not_exists"], lambda: None),
}
SEGMENTS = {
    "germans": Segment(1, "germans", "Germans", {"attribute": "plan", "operator": "in", "value": ["DE", "de"]}),
    "others": Segment(2, "others", "Others", {"operator": "not_in_segment", "value": "germans"}),
    "some": Segment(3, "some", "Some", {"attribute": "id", "operator": "percentage", "value": 40}),
}
BINDER = Binder({key: segment.tree for key, segment in SEGMENTS.items()})


def a_leaf() -> dict[str, Any]:
    operator = random.choice(list(EXPECTED))
    value = EXPECTED[operator]()
    return {"attribute": random.choice(NAMES), "operator": operator} | ({} if value is None else {"value": value})


def a_tree(depth: int = 3) -> dict[str, Any]:
    """A tree that GrowthBook can express."""
    chance = random.random()
    if depth == 0 or chance < 0.5:
        return a_leaf()
    if chance < 0.54:
        return {"everyone": True}
    if chance < 0.6:
        return {
            "operator": random.choice(["in_segment", "not_in_segment"]),
            "value": random.choice(["germans", "others"]),
        }
    return {random.choice(["all", "any", "none"]): [a_tree(depth - 1) for _ in range(random.randint(1, 3))]}


def attributes(number: int | None = None) -> dict[str, Any]:
    """What may be said of a subject: mostly with a key that all SDKs read alike, sometimes without."""
    said = {name: random.choice(VALUES) for name in ("plan", "app") if random.random() < 0.8}
    company = {} if random.random() < 0.2 else {"company": random.choice(["acme", "umbrella", 17, "ü"])}
    key = random.choice([f"user-{number}", f"user-{number}", number or 1, "5", "ann", "", None])
    return said | company | ({} if key is None else {"id": key})


def a_rollout() -> int:
    return random.choice([FULL, FULL, 0, 50_000, 12_345, 99_999, 1, random.randint(0, FULL)])


def a_value() -> Any:
    return random.choice(["a", "b", "", 1, 0, 2.5, True, False, {"x": [1]}, ["y"]])


def an_experiment(key: str) -> Experiment:
    """One that GrowthBook can express."""
    count = random.randint(1, 4)
    variants = tuple(
        Variant(f"v{index}", random.choice([0, 1, 50, 333]), index, index == 0, random.choice([None, a_value()]))
        for index in range(count)
    )
    tree = a_tree(2) if random.random() < 0.4 else None
    layer = random.random() < 0.3
    return Experiment(
        f"exp-{key}",
        key,
        random.choice(["", "seed", key]),
        variants,
        is_running=random.random() < 0.9,
        rollout=a_rollout(),
        hash_attribute=random.choice(["", "", "company"]),
        audience=BINDER.bind(tree) if tree else None,
        audience_tree=tree,
        layer=Layer("layer", "layer-seed") if layer else None,
        slots=random.choice([(), ((0, 3000),), ((100, 2000), (5000, 10_000))]) if layer else (),
    )


def a_rule(key: str) -> Rule:
    tree = random.choice([a_tree(), {"all": [{"operator": "in_segment", "value": "some"}, a_tree(1)]}])
    return Rule(
        key,
        BINDER.bind(tree),
        a_value(),
        a_rollout(),
        an_experiment(f"{key}-experiment") if random.random() < 0.2 else None,
        is_on=random.random() < 0.9,
        steps=(Step(NOW - 5, rollout=a_rollout()), Step(NOW + 5, status=Status.OFF)) if random.random() < 0.1 else (),
        ramp=a_ramp(),
        tree=tree,
    )


def a_ramp() -> Ramp | None:
    if random.random() < 0.9:
        return None
    return Ramp(NOW - random.choice([-9, 0, 7_000]), random.randint(0, FULL), NOW + 60_000, random.randint(0, FULL))


def an_override() -> Override:
    return Override(a_value(), random.choice([None, None, NOW - 1, NOW + 1]))


def a_feature(number: int, others: list[Feature] | None = None) -> Feature:
    """A feature of any kind; it may need one of the others."""
    key, needs = f"feature-{number}", random.choice(others) if others and random.random() < 0.25 else None
    return Feature(
        key,
        number,
        status=random.choice([Status.OFF, Status.ON, Status.ON, Status.EXPERIMENT, Status.EXPERIMENT]),
        on_value=a_value(),
        off_value=random.choice([a_value(), None]),
        rollout=a_rollout(),
        experiment=an_experiment(f"experiment-{number}") if random.random() < 0.9 else None,
        rules=tuple(a_rule(f"rule-{number}-{index}") for index in range(random.choice([0, 0, 1, 2, 3]))),
        overrides={
            name: an_override()
            for name in random.sample(["5", "ann", "user-7", "user-8", "0.5"], random.choice([0, 0, 2]))
        },
        prerequisites=(a_prerequisite(needs),) if needs else (),
        steps=(Step(NOW - 1, status=Status.ON, value=a_value(), sets_value=True),) if random.random() < 0.1 else (),
        ramp=a_ramp(),
        is_server_only=random.random() < 0.1,
    )


def a_prerequisite(feature: Feature) -> Prerequisite:
    needs_value = random.random() < 0.3
    return Prerequisite(feature.key, random.choice([True, True, False, None]), feature.on_value, needs_value)


def features(count: int) -> list[Feature]:
    found: list[Feature] = []
    for number in range(count):
        found.append(a_feature(number, found))
    return found


def a_grant(kind: Kind = Kind.SERVER, **changes: Any) -> Grant:
    return Grant(1, kind, RIGHTS[kind], **changes)


def a_snapshot(found: list[Feature], revision: str = "r1") -> EnvironmentSnapshot:
    """An environment of these features, as one revision serves it."""
    definitions = {feature.key: feature for feature in found}
    compiled = compile_snapshot(found)
    every = [feature.experiment for feature in found] + [rule.experiment for feature in found for rule in feature.rules]
    return EnvironmentSnapshot(
        environment_id=1,
        project_id=1,
        revision=revision,
        changed_at=datetime.fromtimestamp(NOW, UTC),
        about=About("e", "E", "public", 1, "p", "P", 1, "o", "O", False, False, True, True),
        features=compiled,
        public_features={key: compiled[key] for key, feature in definitions.items() if not feature.is_server_only},
        definitions=definitions,
        segments=SEGMENTS,
        experiments={experiment.key: experiment for experiment in every if experiment},
        layers=("layer",),
        grants={},
    )
