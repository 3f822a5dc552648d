"""Trees as they are asked: every part is a function of the subject, and can explain itself."""

from collections.abc import Mapping
from typing import Any

from decisions.engine.bucketing import is_inside
from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, Broken, is_number, is_scalar, kind_of
from decisions.engine.types import Subject

MISSING: Any = object()


class Node:
    """A bound part of a tree."""

    __slots__ = ()

    def __call__(self, subject: Subject) -> bool:
        raise NotImplementedError

    def explain(self, subject: Subject) -> dict[str, Any]:
        """This part, each part below it, and whether it matched."""
        raise NotImplementedError


class Group(Node):
    """Parts that hold together: all of them, any of them, or none of them."""

    __slots__ = ("kind", "parts")

    def __init__(self, kind: str, parts: tuple[Node, ...]) -> None:
        self.kind, self.parts = kind, parts

    def explain(self, subject: Subject) -> dict[str, Any]:
        return {self.kind: [part.explain(subject) for part in self.parts], "matched": self(subject)}


class All(Group):
    __slots__ = ()

    def __call__(self, subject: Subject) -> bool:
        for part in self.parts:  # noqa: SIM110  a generator costs more than most conditions
            if not part(subject):
                return False
        return True


class AnyOf(Group):
    __slots__ = ()

    def __call__(self, subject: Subject) -> bool:
        for part in self.parts:  # noqa: SIM110  as above
            if part(subject):
                return True
        return False


class NoneOf(Group):
    __slots__ = ()

    def __call__(self, subject: Subject) -> bool:
        for part in self.parts:  # noqa: SIM110  as above
            if part(subject):
                return False
        return True


class Everyone(Node):
    """Holds for every subject; said on purpose."""

    __slots__ = ()

    def __call__(self, subject: Subject) -> bool:
        return True

    def explain(self, subject: Subject) -> dict[str, Any]:
        return {"everyone": True, "matched": True}


class Leaf(Node):
    """One attribute, one operator, one expected value."""

    __slots__ = ("expected", "name", "operator", "path")

    def __init__(self, name: str, operator: str, expected: Any = None) -> None:
        self.name, self.operator, self.expected = name, operator, expected
        self.path = tuple(name.split("."))

    def actual(self, subject: Subject) -> Any:
        """The attribute's value, or MISSING: the whole name first, then as a path into nested objects."""
        attributes = subject.attributes
        if self.name in attributes:
            return attributes[self.name]
        if self.name in ("id", "key"):
            return MISSING if subject.key is None else subject.key
        if len(self.path) == 1:
            return MISSING
        value: Any = attributes
        for step in self.path:
            if not isinstance(value, Mapping) or step not in value:
                return MISSING
            value = value[step]
        return value

    def explain(self, subject: Subject) -> dict[str, Any]:
        actual = self.actual(subject)
        found = {"attribute": self.name, "operator": self.operator, "value": self.expected}
        if actual is not MISSING:
            found["actual"] = actual
        return found | {"matched": self(subject)}


class Compares(Leaf):
    """Any value of the attribute passes the test; for a negative operator, none does."""

    __slots__ = ("is_negative", "takes", "test")

    def __init__(self, name: str, operator: str, expected: Any) -> None:
        super().__init__(name, operator, expected)
        spec = OPERATORS[operator]
        self.test, self.takes, self.is_negative = spec.bind(expected), spec.takes, spec.is_negative
        if operator == "not_equals":  # text is not unequal to a number: they do not compare
            kind = kind_of(expected)
            self.takes = lambda value: is_scalar(value) and kind_of(value) == kind

    def __call__(self, subject: Subject) -> bool:
        actual = self.actual(subject)
        if isinstance(actual, (list, tuple)):
            judged = [value for value in actual if self.takes(value)]
            return bool(judged) and any(map(self.test, judged)) is not self.is_negative
        return self.takes(actual) and self.test(actual) is not self.is_negative


class Exists(Leaf):
    """The attribute is there and not null, or is not."""

    __slots__ = ()

    def __call__(self, subject: Subject) -> bool:
        actual = self.actual(subject)
        return (actual is not MISSING and actual is not None) is (self.operator == "exists")


class Percentage(Leaf):
    """The attribute's bucket is within the first `expected` percent; `seed` tells one such condition from another."""

    __slots__ = ("rollout", "seed")

    def __init__(self, name: str, expected: Any, seed: str) -> None:
        super().__init__(name, PERCENTAGE, expected)
        if not is_number(expected) or not 0 <= expected <= 100:
            raise Broken("the value must be a percentage from 0 to 100")
        self.rollout, self.seed = round(expected * 1000), seed

    def __call__(self, subject: Subject) -> bool:
        actual = self.actual(subject)
        if not is_scalar(actual) or actual == "":
            return False
        return is_inside(self.seed, written(actual), self.rollout)


def written(value: Any) -> str:
    """A scalar as text, as JavaScript writes it, so that a number buckets alike whoever sends it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)


class InSegment(Node):
    """The subject is in another segment, or is not."""

    __slots__ = ("key", "operator", "segment")

    def __init__(self, operator: str, key: str, segment: Node) -> None:
        self.operator, self.key, self.segment = operator, key, segment

    def __call__(self, subject: Subject) -> bool:
        return self.segment(subject) is (self.operator == "in_segment")

    def explain(self, subject: Subject) -> dict[str, Any]:
        inner = self.segment.explain(subject)
        return {"operator": self.operator, "value": self.key, "segment": inner, "matched": self(subject)}


class Nobody(Node):
    """Stands for a tree that is broken: matches no subject, and says why."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __call__(self, subject: Subject) -> bool:
        return False

    def explain(self, subject: Subject) -> dict[str, Any]:
        return {"broken": self.reason, "matched": False}
