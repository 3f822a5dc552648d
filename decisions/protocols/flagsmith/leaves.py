"""Single conditions in Flagsmith's terms, each with what keeps out the values on which its engines differ from ours.

They have no types: text that looks like a number is one, `true` equals any text, and text and booleans have an order.
"""

import json
import re
from collections.abc import Callable
from math import ceil, floor
from typing import Any, NamedTuple

from decisions.engine.conditions.operators import is_boolean, is_number, is_text
from decisions.protocols.flagsmith.values import is_number_like

EXACT = 2**53
OF_NUMBERS = frozenset("-+.e0123456789")
OF_BOOLEANS = ("True", "False", "true", "false")


class Inexpressible(Exception):
    """What Flagsmith's clients cannot be told; the message says what and why."""


class Condition(NamedTuple):
    """One condition of a rule."""

    property_: str
    operator: str
    value: str


class Clause(NamedTuple):
    """One rule of a segment: ALL, ANY or NONE of its conditions. Of ALL there is one, or none at all."""

    type: str
    conditions: tuple[Condition, ...]

    @property
    def is_any(self) -> bool:
        return self.type != "NONE"

    def opposite(self) -> "Clause":
        """What holds where this does not."""
        return Clause("NONE" if self.is_any else "ANY", self.conditions)

    def document(self) -> dict[str, Any]:
        return {"type": self.type, "rules": [], "conditions": [condition._asdict() for condition in self.conditions]}


Clauses = tuple[Clause, ...]
Test = tuple[str, str]
"""An operator and a value."""

IS_TEXT: tuple[Test, Test] = (("CONTAINS", ""), ("REGEX", "^$"))  # to JavaScript's, empty text contains nothing
IS_BOOLEAN: tuple[Test, Test] = (("EQUAL", "true"), ("EQUAL", "false"))  # or that text
NONE_OF = '{"none": […]} of these values'
IS_ANYTHING: tuple[Test, Test] = (("IS_SET", ""), ("IS_NOT_SET", ""))


def any_of(name: str, *tests: Test) -> Clause:
    return Clause("ANY", tuple(Condition(name, operator, value) for operator, value in tests))


def none_of(name: str, *tests: Test) -> Clause:
    return any_of(name, *tests).opposite()


def numbers_only(name: str) -> Clause:
    """Keeps out text and booleans."""
    return none_of(name, *IS_TEXT, *IS_BOOLEAN)


def number(value: float) -> str:
    """A number as every engine reads it."""
    text = str(int(value)) if abs(value) <= EXACT and value == int(value) else repr(value)
    if abs(value) > EXACT or not is_number_like(text):
        raise Inexpressible(f"Flagsmith's clients do not read the number {value} exactly")
    return text


def boolean(value: bool) -> str:
    return "true" if value else "false"


def compares(operator: str) -> Callable[[str, Any], Clauses]:
    """Order. An engine compares whole numbers with whole numbers only: beside 5.5 that is the next one to it."""
    nearest = ceil if operator.startswith("GREATER") else floor
    inclusive = operator.removesuffix("_INCLUSIVE") + "_INCLUSIVE"

    def leaf(name: str, expected: Any) -> Clauses:
        tests = [(operator, number(expected))]
        if expected != int(expected):
            tests.append((inclusive, number(nearest(expected))))
        return any_of(name, *tests), numbers_only(name)

    return leaf


at_least, at_most = compares("GREATER_THAN_INCLUSIVE"), compares("LESS_THAN_INCLUSIVE")


def between(name: str, expected: Any) -> Clauses:
    return at_least(name, expected[0])[0], *at_most(name, expected[1])


def is_in(name: str, expected: list[Any]) -> Clauses:
    """One of several values of one type."""
    if all(map(is_number, expected)):
        return any_of(name, *(("EQUAL", number(value)) for value in expected)), numbers_only(name)
    if all(map(is_boolean, expected)):
        return any_of(name, *(("EQUAL", boolean(value)) for value in expected)), none_of(name, *IS_TEXT)
    if not all(map(is_text, expected)):
        raise Inexpressible("Flagsmith's clients compare with values of one type at a time")
    if number_like := [text for text in expected if is_number_like(text)]:
        raise Inexpressible(f"Flagsmith's clients take the text {number_like[0]!r} for a number")
    return (any_of(name, ("IN", listed(expected))),)


def not_in(name: str, expected: list[Any]) -> Clauses:
    """Another value of the same type."""
    if all(map(is_number, expected)):
        equal = [("EQUAL", number(value)) for value in expected]
        return any_of(name, ("IS_SET", "")), none_of(name, *IS_TEXT, *IS_BOOLEAN, *equal)
    if all(map(is_boolean, expected)):
        others = [("EQUAL", boolean(value)) for value in (True, False) if value not in expected]
        return (any_of(name, *others), none_of(name, *IS_TEXT)) if others else (none_of(name, *IS_ANYTHING),)
    raise Inexpressible(f"Flagsmith's clients cannot tell other text from numbers; {NONE_OF} can be told")


def listed(texts: list[str]) -> str:
    """Texts between commas, which the oldest engines read as well; as JSON where that would not be the same."""
    joined = ",".join(texts)
    is_plain = joined.split(",") == texts and joined == joined.strip() and joined[:1] not in ("", "[")
    return joined if is_plain else json.dumps(texts, ensure_ascii=False)


def plain(text: str) -> str:
    """Text that no number and no boolean contains when an engine writes it as text."""
    if OF_NUMBERS.issuperset(text) or text.endswith(":semver"):
        raise Inexpressible(f"Flagsmith's clients take text such as {text!r} for something else")
    return text


def pattern(text: str) -> str:
    """Text within a regular expression of any dialect."""
    return re.sub(r"([\\.^$|?*+()\[\]{}])", r"\\\1", plain(text))


def contains(name: str, expected: str) -> Clauses:
    return (any_of(name, ("CONTAINS", plain(expected))),)


def starts_with(name: str, expected: str) -> Clauses:
    if any(word.startswith(expected) for word in OF_BOOLEANS):
        raise Inexpressible(f"Flagsmith's clients take booleans for text that starts with {expected!r}")
    return (any_of(name, ("REGEX", f"^{pattern(expected)}")),)


def ends_with(name: str, expected: str) -> Clauses:
    """To Python a text ends before its last newline as well."""
    if any(word.endswith(expected) for word in OF_BOOLEANS):
        raise Inexpressible(f"Flagsmith's clients take booleans for text that ends with {expected!r}")
    ending = rf"^[\s\S]*{pattern(expected)}"
    return any_of(name, ("REGEX", f"{ending}$")), none_of(name, ("REGEX", f"{ending}\n$"))


# What one of their version parsers takes and ours does not: a "v" before it, other characters, great numbers or length.
NO_VERSION = tuple(
    ("REGEX", regex) for regex in ("^[^0-9]", r"^[\s\S]*[^0-9A-Za-z.+-]", "^[0-9.]*[0-9]{19}", r"^[\s\S]{257}")
)


def version(operator: str) -> Callable[[str, Any], Clauses]:
    return lambda name, expected: (
        any_of(name, (operator, f"{expected}:semver")),
        none_of(name, *IS_BOOLEAN, *NO_VERSION),
    )


LEAVES: dict[str, Callable[[str, Any], Clauses]] = {
    "equals": lambda name, expected: is_in(name, [expected]),
    "not_equals": lambda name, expected: not_in(name, [expected]),
    "in": is_in,
    "not_in": not_in,
    "contains": contains,
    "starts_with": starts_with,
    "ends_with": ends_with,
    "gt": compares("GREATER_THAN"),
    "gte": at_least,
    "lt": compares("LESS_THAN"),
    "lte": at_most,
    "between": between,
    "semver_eq": version("EQUAL"),
    "semver_gt": version("GREATER_THAN"),
    "semver_gte": version("GREATER_THAN_INCLUSIVE"),
    "semver_lt": version("LESS_THAN"),
    "semver_lte": version("LESS_THAN_INCLUSIVE"),
    "exists": lambda name, expected: (any_of(name, ("IS_SET", "")),),
    "not_exists": lambda name, expected: (any_of(name, ("IS_NOT_SET", "")),),
}
"""What can be told: an attribute's name and the expected value to clauses that all hold. Raises `Inexpressible`."""

ORDER = {"gt", "gte", "lt", "lte", "between", "modulo"}
EQUALITY = {"equals", "in"}
INEQUALITY = {"not_equals", "not_in"}
TEXT = {"contains", "starts_with", "ends_with"}
WHATEVER = {"not_contains", "matches", "before", "after", "percentage"}


def counts_as_number(operator: Any, expected: Any) -> bool:
    """Whether a condition can hold for a number."""
    return operator in ORDER or (operator in EQUALITY | INEQUALITY and any(map(is_number, _members(expected))))


def counts_as_text(operator: Any, expected: Any) -> bool:
    """Whether a condition can hold for text that looks like a number."""
    texts = [member for member in _members(expected) if is_text(member)]
    if operator in EQUALITY:
        return any(map(is_number_like, texts))
    if operator in TEXT:
        return any(OF_NUMBERS.issuperset(text) for text in texts)
    return operator in WHATEVER or (operator in INEQUALITY and bool(texts))


def _members(expected: Any) -> list[Any]:
    return expected if isinstance(expected, list) else [expected]
