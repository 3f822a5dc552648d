"""What a leaf may ask of an attribute: one small function an operator, in one table. Every test is total."""

from __future__ import annotations  # closures are made by the thousand: none is to carry types of its own

from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from operator import eq, ge, gt, le, lt
from typing import Any, NamedTuple

import re2

from decisions.engine import versions

PATTERN_LENGTH = 1_000
SUBJECT_LENGTH = 4_096

Test = Callable[[Any], bool | None]
"""Whether one value of an attribute matches; None for a value of a type that does not compare."""


class Broken(ValueError):
    """A condition that cannot be asked; the message says why."""


class Operator(NamedTuple):
    """`bind` turns the expected value into a test, and raises `Broken` for one that makes no sense."""

    bind: Callable[[Any], Test]
    words: str
    is_negative: bool = False


def is_number(value: object) -> bool:
    """A bool is not a number, nor is NaN."""
    return type(value) is int or (type(value) is float and isfinite(value))


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def is_scalar(value: object) -> bool:
    return isinstance(value, (str, bool)) or is_number(value)


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


def kind_of(value: object) -> Callable[[object], bool]:
    """What tells a scalar's own kind. Scalars of different kinds never compare."""
    return next(kind for kind in (is_text, is_boolean, is_number) if kind(value))


def _equals(expected: Any) -> Test:
    _need(is_scalar(expected), "the value must be text, a number or a boolean")
    if is_text(expected):
        return lambda actual: actual == expected if isinstance(actual, str) else None
    is_same_kind = kind_of(expected)
    return lambda actual: actual == expected if is_same_kind(actual) else None


def _in(expected: Any) -> Test:
    _need(isinstance(expected, list) and bool(expected), "the value must be a list that is not empty")
    _need(all(map(is_scalar, expected)), "the list must hold text, numbers or booleans")
    if all(map(is_text, expected)):
        texts = frozenset(expected)
        return lambda actual: actual in texts if isinstance(actual, str) else None
    members = {(kind_of(member), member) for member in expected}
    kinds = {kind for kind, _ in members}
    return lambda actual: (
        (kind_of(actual), actual) in members if is_scalar(actual) and kind_of(actual) in kinds else None
    )


def _text(compare: Callable[[str, str], bool]) -> Callable[[Any], Test]:
    def bind(expected: Any) -> Test:
        _need(is_text(expected) and bool(expected), "the value must be text that is not empty")
        return lambda actual: compare(actual, expected) if isinstance(actual, str) else None

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
    except UnicodeEncodeError as error:
        raise Broken("the regular expression must not contain lone surrogates") from error
    return lambda actual: _search(pattern, actual) if is_text(actual) and len(actual) <= SUBJECT_LENGTH else None


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _search(pattern: Any, text: str) -> bool | None:
    try:
        return pattern.search(text) is not None
    except UnicodeEncodeError:  # a lone surrogate
        return None


def _number(compare: Callable[[float, float], bool]) -> Callable[[Any], Test]:
    def bind(expected: Any) -> Test:
        _need(is_number(expected), "the value must be a number")
        return lambda actual: compare(actual, expected) if is_number(actual) else None

    return bind


def _between(expected: Any) -> Test:
    is_pair = isinstance(expected, list) and len(expected) == 2
    _need(is_pair and all(map(is_number, expected)), "the value must be two numbers")
    lowest, highest = expected
    _need(lowest <= highest, "the first number must not be above the second")
    return lambda actual: lowest <= actual <= highest if is_number(actual) else None


def _moment(compare: Callable[[datetime, datetime], bool]) -> Callable[[Any], Test]:
    def bind(expected: Any) -> Test:
        moment = instant(expected)
        if moment is None:
            raise Broken("the value must be a moment in ISO 8601")
        return lambda actual: compare(then, moment) if (then := instant(actual)) else None

    return bind


def _version(compare: Callable[[versions.Version, versions.Version], bool]) -> Callable[[Any], Test]:
    def bind(expected: Any) -> Test:
        version = versions.parse(expected)
        if version is None:
            raise Broken("the value must be a semantic version, such as 1.2.3")
        return lambda actual: compare(other, version) if (other := versions.parse(actual)) else None

    return bind


def _modulo(expected: Any) -> Test:
    is_pair = isinstance(expected, list) and len(expected) == 2
    is_whole = is_pair and all(isinstance(number, int) and not isinstance(number, bool) for number in expected)
    _need(is_whole, "the value must be two whole numbers: divisor and remainder")
    divisor, remainder = expected
    _need(divisor > 0, "the divisor must be above zero")
    _need(0 <= remainder < divisor, "the remainder must be from zero to below the divisor")
    return lambda actual: int(actual) % divisor == remainder if is_number(actual) and actual % 1 == 0 else None


OPERATORS: dict[str, Operator] = {
    "equals": Operator(_equals, "is"),
    "not_equals": Operator(_equals, "is not", is_negative=True),
    "in": Operator(_in, "is one of"),
    "not_in": Operator(_in, "is none of", is_negative=True),
    "contains": Operator(_text(str.__contains__), "contains"),
    "not_contains": Operator(_text(str.__contains__), "does not contain", is_negative=True),
    "starts_with": Operator(_text(str.startswith), "starts with"),
    "ends_with": Operator(_text(str.endswith), "ends with"),
    "matches": Operator(_matches, "matches"),
    "gt": Operator(_number(gt), "is above"),
    "gte": Operator(_number(ge), "is at least"),
    "lt": Operator(_number(lt), "is below"),
    "lte": Operator(_number(le), "is at most"),
    "between": Operator(_between, "is between"),
    "before": Operator(_moment(lt), "is before"),
    "after": Operator(_moment(gt), "is after"),
    "semver_eq": Operator(_version(eq), "is version"),
    "semver_gt": Operator(_version(gt), "is above version"),
    "semver_gte": Operator(_version(ge), "is at least version"),
    "semver_lt": Operator(_version(lt), "is below version"),
    "semver_lte": Operator(_version(le), "is at most version"),
    "modulo": Operator(_modulo, "leaves, when divided by"),
}
EXACT = {"equals", "not_equals", "in", "not_in"}
PRESENCE = {"exists": "is known", "not_exists": "is not known"}
SEGMENTS = {"in_segment": "is in", "not_in_segment": "is not in"}
PERCENTAGE = "percentage"


def exact_texts(operator: str, expected: Any) -> frozenset[str]:
    """The texts that an operator looks for, if it looks for whole texts and for nothing else."""
    members = expected if isinstance(expected, list) else [expected]
    return frozenset(members) if operator in EXACT and all(map(is_text, members)) else frozenset()
