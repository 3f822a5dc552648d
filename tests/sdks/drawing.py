"""Random conditions, subjects and flags, in the words that a vendor has in common with us."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from decisions.engine.conditions.binding import Binder
from decisions.engine.types import FULL, Condition, Experiment, Feature, Override, Rule, Status, Subject, Variant

NARROW = "abcXYZ019 _-:,.\"'\\\n\x00\x7fé"
BASIC = NARROW + "ÿĀж用户☃\ue000\uffff"
EVERY = BASIC + "😀🏳\U0010ffff"

TEXTS = ("pro", "free", "prosumer", "de", "a.c", "x*", "é☃")
VERSIONS = ("1.2.3", "1.10.0", "1.2.3-rc.1", "1.2.3-rc.2", "1.2.3-beta", "2.0.0+build", "0.0.9")
MOMENTS = ("2026-06-01T12:00:00Z", "2026-06-01T11:59:59Z", "2027-01-01T00:00:00Z", "1999-12-31T23:59:59Z")
NUMBERS = (0, 1, 5, 18, 18.5, 2.0, 40)
PATTERNS = ("^p", "[de]+$", "a.c", "r[eo]")
NAMES = ("a", "b", "c")
EVERYONE = {"everyone": True}


@dataclass(frozen=True)
class Language:
    """What a vendor understands as we do: operators with what may be asked by them, and values of attributes."""

    operators: Mapping[str, Callable[[], Any]]
    values: Sequence[Any]
    names: Sequence[str] = NAMES

    def leaf(self) -> dict[str, Any]:
        operator = random.choice(list(self.operators))
        return {
            "attribute": random.choice(self.names),
            "operator": operator,
            "value": self.operators[operator](),
        }

    def tree(self, segments: Sequence[str] = (), depth: int = 3) -> dict[str, Any]:
        """A condition with groups up to `depth` deep, which may name any of the segments."""
        kind = random.random()
        if depth and kind < 0.5:
            parts = [self.tree(segments, depth - 1) for _ in range(random.randint(1, 3))]
            return {random.choice(["all", "any", "none"]): parts}
        if segments and kind < 0.65:
            return {"operator": random.choice(["in_segment", "not_in_segment"]), "value": random.choice(segments)}
        return EVERYONE if kind > 0.97 else self.leaf()

    def segments(self, count: int = 3) -> dict[str, Any]:
        """Segments, each of which may name those before it."""
        found: dict[str, Any] = {}
        for number in range(count):
            found[f"s{number}"] = self.tree(list(found))
        return found

    def attributes(self) -> dict[str, Any]:
        """Any value under any name, or none; a name with a dot leads into an object, which is always there."""
        found: dict[str, Any] = {}
        for name in self.names:
            outer, _, inner = name.partition(".")
            within = found.setdefault(outer, {}) if inner else found
            if name != "id" and random.random() < 0.8:
                within[inner or outer] = random.choice(self.values)
        return found

    def subject(self) -> Subject:
        return Subject(
            f"user-{random.randint(0, 9_999)}", {**self.attributes(), "company": f"company-{random.randint(0, 999)}"}
        )


def one_of(values: Sequence[Any]) -> Callable[[], Any]:
    return lambda: random.choice(values)


def some_of(values: Sequence[Any]) -> Callable[[], list[Any]]:
    return lambda: random.sample(list(values), random.randint(1, 4))


def two_of(numbers: Sequence[float]) -> Callable[[], list[float]]:
    return lambda: sorted(random.sample(list(numbers), 2))


def divisor_and_remainder() -> list[int]:
    divisor = random.randint(1, 4)
    return [divisor, random.randrange(divisor)]


def nothing() -> None:
    return None


def text(alphabet: str) -> str:
    """One to twelve characters."""
    return "".join(random.choices(alphabet, k=random.randint(1, 12)))


def split(count: int, step: int) -> list[int]:
    """As many multiples of `step`, adding up to exactly 100 %; some of them may be nought."""
    bounds = sorted(random.randint(0, FULL // step) for _ in range(count - 1))
    return [(high - low) * step for low, high in zip([0, *bounds], [*bounds, FULL // step], strict=True)]


class Flags:
    """The flags of an environment: how the engine has them, and how their conditions were said."""

    def __init__(self, language: Language) -> None:
        self.language, self.segments = language, language.segments()
        self.features: list[Feature] = []
        self.trees: dict[Condition, Any] = {}
        self._binder = Binder(self.segments)

    def condition(self) -> Condition:
        """A new one, whose tree is kept."""
        tree = self.language.tree(list(self.segments))
        found = self._binder.bind(tree)
        self.trees[found] = tree
        return found

    def rule(self, key: str, **changes: Any) -> Rule:
        return Rule(**{"key": key, "condition": self.condition(), "value": f"value of {key}", **changes})

    def overrides(self, subjects: Sequence[Subject]) -> dict[str, Override]:
        """For some subjects, which differ."""
        return {str(subject.key): Override(f"for {subject.key}") for subject in subjects if random.random() < 0.2}


def an_experiment(key: str, *, step: int, **changes: Any) -> Experiment:
    """A control and up to three arms, in any order; now and then one that does not run."""
    names = ["control", *(f"arm-{number}" for number in range(random.randint(1, 3)))]
    random.shuffle(names)
    weights = split(len(names), step)
    variants = tuple(
        Variant(f"{key}-{name}", weight, number, is_control=name == "control", value=f"{name} of {key}")
        for number, (name, weight) in enumerate(zip(names, weights, strict=True))
    )
    is_running = random.random() < 0.9
    return Experiment(**{"public_id": "exp-001", "key": key, "seed": key, "variants": variants,
                         "is_running": is_running, **changes})  # fmt: skip


def control_value(feature: Feature, experiment: Experiment) -> Any:
    """What those get who take no part."""
    return next((variant.value for variant in experiment.variants if variant.is_control), feature.off_value)


def a_status() -> Status:
    """Mostly something that has to be decided."""
    return random.choices(list(Status), weights=[1, 4, 5])[0]
