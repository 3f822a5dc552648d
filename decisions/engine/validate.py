"""What may be stored: limits and shapes, checked before an edit is saved. Each check answers a complaint or None."""

import json
import unicodedata
from collections.abc import Sequence
from math import isfinite
from typing import Any

KEY_LENGTH = 128
NAME_LENGTH = 255
SEED_LENGTH = 255
IDENTIFIER_LENGTH = 512
REQUEST_ID_LENGTH = 255
WEIGHT_MAX = 1_000_000
BODY_LIMIT = 1024 * 1024  # bytes
JSON_DEPTH = 32
JSON_NODES = 10_000
JSON_TEXT = 65_536
INTEGER_MAX = 2**63 - 1
VARIANTS_MAX = 100

_FORBIDDEN_IN_KEYS = frozenset("/?#")


def text(value: str, *, length: int) -> str | None:
    """Text that both databases store and every encoder writes: no NUL, no lone surrogate, not too long."""
    if len(value) > length:
        return f"must be at most {length} characters long, this has {len(value)}"
    if "\x00" in value:
        return "must not contain NUL characters"
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return "must not contain lone surrogates"
    return None


def key(value: str) -> str | None:
    """A name that travels in URLs and configuration: visible, normalised, without `/ ? #`."""
    if not value.strip():
        return "must not be empty"
    if complaint := text(value, length=KEY_LENGTH):
        return complaint
    if value != value.strip():
        return "must not begin or end with white space"
    if any(c in _FORBIDDEN_IN_KEYS or unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} for c in value):
        return "must not contain / ? # or control characters"
    if not unicodedata.is_normalized("NFC", value):
        return "must be in Unicode normal form C"
    return None


def name(value: str) -> str | None:
    """A title that people read: not empty, and storable."""
    return text(value, length=NAME_LENGTH) if value.strip() else "must not be empty"


def integer(value: object, *, lowest: int, highest: int) -> str | None:
    """A whole number within bounds. A bool is not a number."""
    if isinstance(value, bool) or not isinstance(value, int):
        return f"must be a whole number, not {type(value).__name__}"
    if not lowest <= value <= highest:
        return f"must be between {lowest} and {highest}"
    return None


def weight(value: object) -> str | None:
    """An arm's share relative to the other arms."""
    return integer(value, lowest=0, highest=WEIGHT_MAX)


def runnable(weights: Sequence[int]) -> str | None:
    """Whether an experiment of these arms can assign anybody."""
    if not weights:
        return "an experiment needs at least one variant before it can run"
    if not any(weights):
        return "an experiment needs at least one variant with a weight above zero before it can run"
    return None


def json_value(value: Any, *, nodes: int = JSON_NODES) -> str | None:
    """A JSON value that both databases store and give back unchanged: bounded, finite, clean text."""
    counted = 0
    level: list[Any] = [value]
    for _depth in range(JSON_DEPTH + 1):
        counted += len(level)
        if counted > nodes:
            return f"must not hold more than {nodes} values"
        for item in level:
            if complaint := _scalar(item):
                return complaint
        level = [child for item in level for child in _children(item)]
        if not level:
            return None
    return f"must not be nested deeper than {JSON_DEPTH} levels"


def _children(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    return list(item) if isinstance(item, list | tuple) else []


def _scalar(item: Any) -> str | None:
    if isinstance(item, str):
        return text(item, length=JSON_TEXT)
    if isinstance(item, float) and not isfinite(item):
        return "must not contain NaN or Infinity"
    if isinstance(item, int | float) and abs(item) > INTEGER_MAX:  # PostgreSQL gives large floats back as integers
        return "must not contain integers beyond 64 bits"
    return None


class JsonRefused(ValueError):
    """Bytes that are not JSON as we accept it. `position` counts characters; `malformed` tells syntax from limits."""

    def __init__(self, message: str, position: int = 0, *, malformed: bool = True) -> None:
        super().__init__(message)
        self.message, self.position, self.malformed = message, position, malformed


def parse_json(body: bytes, *, nodes: int = JSON_NODES) -> Any:
    """Bytes to a JSON value within the limits of `json_value`, or one `JsonRefused` that says what is wrong."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise JsonRefused("the body is not UTF-8", error.start) from error
    except json.JSONDecodeError as error:
        raise JsonRefused(error.msg, error.pos) from error
    except RecursionError as error:
        raise JsonRefused(f"must not be nested deeper than {JSON_DEPTH} levels", malformed=False) from error
    except JsonRefused:
        raise
    except ValueError as error:  # an integer of more digits than Python converts
        raise JsonRefused("must not contain integers beyond 64 bits", malformed=False) from error
    if complaint := json_value(value, nodes=nodes):
        raise JsonRefused(complaint, malformed=False)
    return value


def _refuse_constant(name: str) -> Any:
    raise JsonRefused(f"{name} is not a JSON value")
