"""What a leaf may ask of an attribute: one small function an operator, in one table. Every test is total."""

from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from typing import Any, NamedTuple

import re2

from decisions.engine import versions

PATTERN_LENGTH = 1_000
SUBJECT_LENGTH = 4_096

Test = Callable[[Any], bool]
"""Whether one value of an attribute matches."""


class Broken(ValueError):
    """A condition that cannot be asked; the message says why."""


class Operator(NamedTuple):
    """`bind` turns the expected value into a test, and raises `Broken` for one that makes no sense."""

    bind: Callable[[Any], Test]
    words: str
    takes: Callable[[Any], bool] = lambda value: True
    """Whether an actual value is of a type that this operator can judge, given that it is a scalar."""
    is_negative: bool = False


def is_number(value: object) -> bool:
    """A bool is not a number, nor is NaN."""
    return type(value) is int or (type(value) is float and isfinite(value))


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_scalar(value: object) -> bool:
    return isinstance(value, (str, bool)) or is_number(value)


def kind_of(value: object) -> str:
    """Scalars of different kinds never compare."""
    return "boolean" if isinstance(value, bool) else "number" if is_number(value) else "text"


def instant(value: object) -> datetime | None:
    """A moment written as ISO 8601; one without an offset is in UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _need(is_right: bool, complaint: str) -> None:
    if not is_right:
        raise Broken(complaint)


def _equals(expected: Any) -> Test:
    _need(is_scalar(expected), "the value must be text, a number or a boolean")
    kind = kind_of(expected)
    return lambda actual: kind_of(actual) == kind and bool(actual == expected)


def _in(expected: Any) -> Test:
    _need(isinstance(expected, list) and bool(expected), "the value must be a list that is not empty")
    _need(all(map(is_scalar, expected)), "the list must hold text, numbers or booleans")
    members = {(kind_of(member), member) for member in expected}
    return lambda actual: (kind_of(actual), actual) in members


def _text(compare: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def bind(expected: Any) -> Test:
        _need(is_text(expected) and bool(expected), "the value must be text that is not empty")
        return lambda actual: is_text(actual) and compare(actual, expected)

    return bind


def _matches(expected: Any) -> Test:
    _need(is_text(expected) and bool(expected), "the value must be a regular expression")
    _need(len(expected) <= PATTERN_LENGTH, f"the regular expression must be at most {PATTERN_LENGTH} characters long")
    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(expected, options)
    except re2.error as error:
        raise Broken(f"RE2 refuses the regular expression: {_reason(error)}") from error
    return lambda actual: is_text(actual) and len(actual) <= SUBJECT_LENGTH and _search(pattern, actual)


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _search(pattern: Any, text: str) -> bool:
    try:
        return pattern.search(text) is not None
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _number(compare: Callable[[float, float], bool]) -> Callable[[Any], Test]:
    def bind(expected: Any) -> Test:
        _need(is_number(expected), "the value must be a number")
        return lambda actual: is_number(actual) and compare(actual, expected)

    return bind


def _between(expected: Any) -> Test:
    is_pair = isinstance(expected, list) and len(expected) == 2
    _need(is_pair and all(map(is_number, expected)), "the value must be two numbers")
    lowest, highest = expected
    _need(lowest <= highest, "the first number must not be above the second")
    return lambda actual: is_number(actual) and lowest <= actual <= highest


def _moment(compare: Callable[[datetime, datetime], bool]) -> Callable[[Any], Test]:
    def bind(expected: Any) -> Test:
        moment = instant(expected)
        if moment is None:
            raise Broken("the value must be a moment in ISO 8601")
        return lambda actual: (then := instant(actual)) is not None and compare(then, moment)

    return bind


def _version(compare: Callable[[versions.Version, versions.Version], bool]) -> Callable[[Any], Test]:
    def bind(expected: Any) -> Test:
        version = versions.parse(expected)
        if version is None:
            raise Broken("the value must be a semantic version, such as 1.2.3")
        return lambda actual: (other := versions.parse(actual)) is not None and compare(other, version)

    return bind


def _modulo(expected: Any) -> Test:
    is_pair = isinstance(expected, list) and len(expected) == 2
    is_whole = is_pair and all(isinstance(number, int) and not isinstance(number, bool) for number in expected)
    _need(is_whole, "the value must be two whole numbers: divisor and remainder")
    divisor, remainder = expected
    _need(divisor > 0, "the divisor must be above zero")
    _need(0 <= remainder < divisor, "the remainder must be from zero to below the divisor")
    return lambda actual: is_number(actual) and actual == actual // 1 and actual % divisor == remainder


OPERATORS: dict[str, Operator] = {
    "equals": Operator(_equals, "is", is_scalar),
    "not_equals": Operator(_equals, "is not", is_scalar, is_negative=True),
    "in": Operator(_in, "is one of", is_scalar),
    "not_in": Operator(_in, "is none of", is_scalar, is_negative=True),
    "contains": Operator(_text(lambda a, b: b in a), "contains", is_text),
    "not_contains": Operator(_text(lambda a, b: b in a), "does not contain", is_text, is_negative=True),
    "starts_with": Operator(_text(str.startswith), "starts with", is_text),
    "ends_with": Operator(_text(str.endswith), "ends with", is_text),
    "matches": Operator(_matches, "matches", is_text),
    "gt": Operator(_number(lambda a, b: a > b), "is above", is_number),
    "gte": Operator(_number(lambda a, b: a >= b), "is at least", is_number),
    "lt": Operator(_number(lambda a, b: a < b), "is below", is_number),
    "lte": Operator(_number(lambda a, b: a <= b), "is at most", is_number),
    "between": Operator(_between, "is between", is_number),
    "before": Operator(_moment(lambda a, b: a < b), "is before", is_text),
    "after": Operator(_moment(lambda a, b: a > b), "is after", is_text),
    "semver_eq": Operator(_version(lambda a, b: a == b), "is version", is_text),
    "semver_gt": Operator(_version(lambda a, b: a > b), "is above version", is_text),
    "semver_gte": Operator(_version(lambda a, b: a >= b), "is at least version", is_text),
    "semver_lt": Operator(_version(lambda a, b: a < b), "is below version", is_text),
    "semver_lte": Operator(_version(lambda a, b: a <= b), "is at most version", is_text),
    "modulo": Operator(_modulo, "leaves, when divided by", is_number),
}
PRESENCE = {"exists": "is known", "not_exists": "is not known"}
SEGMENTS = {"in_segment": "is in", "not_in_segment": "is not in"}
PERCENTAGE = "percentage"
