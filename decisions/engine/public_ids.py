"""The ids that people and applications see: a kind and a number that counts within the project, such as feat-001."""

import re

FEATURE, EXPERIMENT, VARIANT, DECISION = "feat", "exp", "var", "dec"
_DIGITS = re.compile(r"[0-9]{3,18}")


def public_id(kind: str, number: int) -> str:
    """The id of a number; at least three digits."""
    return f"{kind}-{number:03d}"


def optional_id(kind: str, number: int | None) -> str | None:
    """The id of a number that may be missing."""
    return None if number is None else public_id(kind, number)


def number_of(kind: str, text: str) -> int | None:
    """The number of an id as `public_id` writes it; None for anything else, so that every thing has one id."""
    prefix, _, digits = text.rpartition("-")
    if prefix != kind or not _DIGITS.fullmatch(digits):
        return None
    number = int(digits)
    return number if public_id(kind, number) == text and number < 2**31 else None
