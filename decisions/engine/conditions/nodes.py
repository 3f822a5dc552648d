"""Trees as they are asked: each part is a function made once, for all subjects, and can explain itself."""

from __future__ import annotations  # closures are made by the thousand: none is to carry types of its own

from collections.abc import Callable
from typing import Any

from decisions.engine.bucketing import is_inside
from decisions.engine.conditions.attributes import MISSING, Attribute, shown, written
from decisions.engine.conditions.operators import OPERATORS, PERCENTAGE, Broken, Test, exact_texts, is_number, is_scalar
from decisions.engine.types import Holds, Known, Subject


class Node:
    """A bound part of a tree. `holds` is what it asks; all else is for people."""

    __slots__ = ("holds",)
    holds: Holds
    size = 1
    """How many conditions it asks at most, those of segments counted as often as they are asked."""
    depth = 0
    """How many segments it asks one inside the other at most."""
    lone_segment: Holds | None = None
    """What the segment asks, where being in it is all that is asked."""

    def __call__(self, subject: Subject) -> bool:
        return self.holds(subject, None)

    def explain(self, subject: Subject) -> dict[str, Any]:
        """This part, each part below it, and whether it matched."""
        raise NotImplementedError


class Group(Node):
    """Parts that hold together: all of them, any of them, or none of them."""

    __slots__ = ("depth", "kind", "parts", "size")

    def __init__(self, kind: str, parts: tuple[Node, ...]) -> None:
        self.kind, self.parts = kind, parts
        self.size, self.depth = sum(part.size for part in parts), max(part.depth for part in parts)
        self.holds = GROUPS[kind](tuple(part.holds for part in parts))

    def explain(self, subject: Subject) -> dict[str, Any]:
        return {self.kind: [part.explain(subject) for part in self.parts], "matched": self(subject)}


def _all(parts: tuple[Holds, ...]) -> Holds:
    if len(parts) == 2:
        one, other = parts
        return lambda subject, known: one(subject, known) and other(subject, known)

    def holds(subject: Subject, known: Known | None) -> bool:
        for part in parts:  # noqa: SIM110  a generator costs more than most conditions
            if not part(subject, known):
                return False
        return True

    return holds


def _any(parts: tuple[Holds, ...]) -> Holds:
    def holds(subject: Subject, known: Known | None) -> bool:
        for part in parts:  # noqa: SIM110  as above
            if part(subject, known):
                return True
        return False

    return holds


def _none(parts: tuple[Holds, ...]) -> Holds:
    any_holds = _any(parts)
    return lambda subject, known: not any_holds(subject, known)


GROUPS: dict[str, Callable[[tuple[Holds, ...]], Holds]] = {"all": _all, "any": _any, "none": _none}


class Everyone(Node):
    """Holds for every subject; said on purpose."""

    __slots__ = ()

    def __init__(self) -> None:
        self.holds = lambda subject, known: True

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

    __slots__ = ()

    def __init__(self, name: str, operator: str, expected: Any) -> None:
        super().__init__(name, operator, expected)
        spec = OPERATORS[operator]
        self.holds = _compares(self.actual, spec.bind(expected), wanted=not spec.is_negative)
        if texts := exact_texts(operator, expected):
            self.holds = _is_one_of(name, texts, wanted=not spec.is_negative, otherwise=self.holds)


def _compares(attribute: Attribute, test: Test, *, wanted: bool) -> Holds:
    name, elsewhere = attribute.name, attribute.elsewhere

    def holds(subject: Subject, known: Known | None) -> bool:
        actual = subject.attributes.get(name, MISSING)
        if actual is MISSING:
            actual = elsewhere(subject)
        answer = test(actual)
        if answer is None and isinstance(actual, (list, tuple)):  # no test compares a list as such
            return _holds_in(actual, test, wanted=wanted)
        return answer is wanted

    return holds


def _is_one_of(name: str, texts: frozenset[str], *, wanted: bool, otherwise: Holds) -> Holds:
    """What most conditions ask of most subjects, without a call."""

    def holds(subject: Subject, known: Known | None) -> bool:
        actual = subject.attributes.get(name)
        return (actual in texts) is wanted if type(actual) is str else otherwise(subject, known)

    return holds


def _holds_in(values: list[Any] | tuple[Any, ...], test: Test, *, wanted: bool) -> bool:
    answers = {test(value) for value in values} - {None}
    return True in answers if wanted else answers == {False}


class Exists(Leaf):
    """The attribute is there and not null, or is not."""

    __slots__ = ()

    def __init__(self, name: str, operator: str) -> None:
        super().__init__(name, operator)
        self.holds = _exists(self.actual, wanted=operator == "exists")


def _exists(attribute: Attribute, *, wanted: bool) -> Holds:
    def holds(subject: Subject, known: Known | None) -> bool:
        actual = attribute(subject)
        return (actual is not MISSING and actual is not None) is wanted

    return holds


class Percentage(Leaf):
    """The attribute's bucket is within the first `expected` percent; `seed` tells one such condition from another."""

    __slots__ = ("seed",)

    def __init__(self, name: str, expected: Any, seed: Any) -> None:
        super().__init__(name, PERCENTAGE, expected)
        if not is_number(expected) or not 0 <= expected <= 100:
            raise Broken("the value must be a percentage from 0 to 100")
        if not isinstance(seed, str) or not seed:
            raise Broken("the seed must be text that is not empty")
        self.seed = seed
        self.holds = _percentage(self.actual, seed, round(expected * 1000))


def _percentage(attribute: Attribute, seed: str, rollout: int) -> Holds:
    def holds(subject: Subject, known: Known | None) -> bool:
        actual = attribute(subject)
        return is_scalar(actual) and actual != "" and is_inside(seed, written(actual), rollout)

    return holds


class InSegment(Node):
    """The subject is in another segment, or is not."""

    __slots__ = ("depth", "key", "lone_segment", "operator", "segment", "size")

    def __init__(self, operator: str, key: str, segment: Node) -> None:
        self.operator, self.key, self.segment = operator, key, segment
        self.size, self.depth = segment.size, segment.depth + 1
        wanted = operator == "in_segment"
        self.holds, self.lone_segment = _in_segment(segment.holds, wanted=wanted), segment.holds if wanted else None

    def explain(self, subject: Subject) -> dict[str, Any]:
        inner = self.segment.explain(subject)
        return {"operator": self.operator, "value": self.key, "segment": inner, "matched": self(subject)}


def _in_segment(segment: Holds, *, wanted: bool) -> Holds:
    """Asks a segment once for all features that are decided together, since many mean the same one."""

    def holds(subject: Subject, known: Known | None) -> bool:
        if known is None:
            return segment(subject, None)
        answer = known.get(segment)
        if answer is None:
            answer = known[segment] = segment(subject, known)
        return answer

    return holds if wanted else _none((holds,))


class Nobody(Node):
    """Stands for a tree that is broken: matches no subject, and says why."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.holds = lambda subject, known: False

    def explain(self, subject: Subject) -> dict[str, Any]:
        return {"broken": self.reason, "matched": False}
