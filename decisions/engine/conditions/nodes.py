"""Trees as they are asked: every part is a function of the subject, and can explain itself."""

from typing import Any

from decisions.engine.bucketing import is_inside
from decisions.engine.conditions.attributes import MISSING, Attribute, shown, written
from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, Broken, is_number, is_scalar
from decisions.engine.types import Subject


class Node:
    """A bound part of a tree."""

    __slots__ = ()
    size = 1
    """How many conditions it asks at most, those of segments counted as often as they are asked."""
    depth = 0
    """How many segments it asks one inside the other at most."""

    def __call__(self, subject: Subject) -> bool:
        raise NotImplementedError

    def explain(self, subject: Subject) -> dict[str, Any]:
        """This part, each part below it, and whether it matched."""
        raise NotImplementedError


class Group(Node):
    """Parts that hold together: all of them, any of them, or none of them."""

    __slots__ = ("depth", "kind", "parts", "size")

    def __init__(self, kind: str, parts: tuple[Node, ...]) -> None:
        self.kind, self.parts = kind, parts
        self.size, self.depth = sum(part.size for part in parts), max(part.depth for part in parts)

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

    __slots__ = ("actual", "expected", "operator")

    def __init__(self, name: str, operator: str, expected: Any = None) -> None:
        self.actual, self.operator, self.expected = Attribute(name), operator, expected

    def explain(self, subject: Subject) -> dict[str, Any]:
        actual = self.actual(subject)
        found = {"attribute": self.actual.name, "operator": self.operator, "value": shown(self.expected)}
        if actual is not MISSING:
            found["actual"] = shown(actual)
        return found | {"matched": self(subject)}


class Compares(Leaf):
    """Any value of the attribute passes the test; for a negative operator, none does and one could have."""

    __slots__ = ("test", "wanted")

    def __init__(self, name: str, operator: str, expected: Any) -> None:
        super().__init__(name, operator, expected)
        spec = OPERATORS[operator]
        self.test, self.wanted = spec.bind(expected), not spec.is_negative

    def __call__(self, subject: Subject) -> bool:
        actual = self.actual(subject)
        if not isinstance(actual, (list, tuple)):
            return self.test(actual) is self.wanted
        answers = {self.test(value) for value in actual} - {None}
        return True in answers if self.wanted else answers == {False}


class Exists(Leaf):
    """The attribute is there and not null, or is not."""

    __slots__ = ()

    def __call__(self, subject: Subject) -> bool:
        actual = self.actual(subject)
        return (actual is not MISSING and actual is not None) is (self.operator == "exists")


class Percentage(Leaf):
    """The attribute's bucket is within the first `expected` percent; `seed` tells one such condition from another."""

    __slots__ = ("rollout", "seed")

    def __init__(self, name: str, expected: Any, seed: Any) -> None:
        super().__init__(name, PERCENTAGE, expected)
        if not is_number(expected) or not 0 <= expected <= 100:
            raise Broken("the value must be a percentage from 0 to 100")
        if not isinstance(seed, str) or not seed:
            raise Broken("the seed must be text that is not empty")
        self.rollout, self.seed = round(expected * 1000), seed

    def __call__(self, subject: Subject) -> bool:
        actual = self.actual(subject)
        if not is_scalar(actual) or actual == "":
            return False
        return is_inside(self.seed, written(actual), self.rollout)


class InSegment(Node):
    """The subject is in another segment, or is not."""

    __slots__ = ("depth", "key", "operator", "segment", "size")

    def __init__(self, operator: str, key: str, segment: Node) -> None:
        self.operator, self.key, self.segment = operator, key, segment
        self.size, self.depth = segment.size, segment.depth + 1

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
