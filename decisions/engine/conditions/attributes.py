"""What is known about a subject: finding it, and writing it as text."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from decisions.engine.conditions.operators import is_number
from decisions.engine.types import Subject

MISSING: Any = object()
_SHOWN_DEPTH = 10
_EXACT = 2**53
_LARGEST = 1024  # bits; Python refuses to write integers of many digits, and to JavaScript these are infinite


class Attribute:
    """Finds a subject's attribute: the whole name first, then the key as `id` and `key`, then as a dotted path."""

    __slots__ = ("name", "path")

    def __init__(self, name: str) -> None:
        self.name, self.path = name, tuple(name.split("."))

    def __call__(self, subject: Subject) -> Any:
        """The value, or MISSING."""
        value = subject.attributes.get(self.name, MISSING)
        return value if value is not MISSING else self.elsewhere(subject)

    def elsewhere(self, subject: Subject) -> Any:
        """The value where it is not among the attributes by its whole name, or MISSING."""
        if self.name in ("id", "key"):
            return MISSING if subject.key is None else subject.key
        if len(self.path) == 1:
            return MISSING
        value: Any = subject.attributes
        for step in self.path:
            if not isinstance(value, Mapping) or step not in value:
                return MISSING
            value = value[step]
        return value


def written(value: Any) -> str:
    """A scalar as text, as JavaScript writes it, so that a number buckets alike whoever sends it.

    Whole numbers that arrive with all their digits keep them: ids beyond 2**53 must not fall together.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _written_float(value)
    if isinstance(value, int) and value.bit_length() > _LARGEST:
        return "Infinity" if value > 0 else "-Infinity"
    return str(value)


def _written_float(value: float) -> str:
    """ECMAScript's Number::toString: the same shortest digits as Python's, the exponent at other sizes."""
    if value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    if 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(repr(value)):f}"
    return repr(value).replace("e-0", "e-")


def shown(value: Any, depth: int = _SHOWN_DEPTH) -> Any:
    """A value as JSON can hold it, whatever it is; what JSON does not know is named by its type."""
    if isinstance(value, float) and not is_number(value):
        return str(value)
    if isinstance(value, int) and value.bit_length() > _LARGEST:
        return written(value)
    if value is None or isinstance(value, bool) or is_number(value):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if depth and isinstance(value, (list, tuple)):
        return [shown(item, depth - 1) for item in value]
    if depth and isinstance(value, Mapping):
        return {str(shown(name)): shown(item, depth - 1) for name, item in value.items()}
    return f"<{type(value).__name__}>"
