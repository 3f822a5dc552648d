"""What an edit changed, field by field, as people read it: nothing is left out, and what differs is marked."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

SAME, REMOVED, ADDED = "same", "removed", "added"
LINES_MAX = 2_000
"""Beyond it, two values are shown one after the other: looking for what they share would take too long."""
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its two sides in words, or line by line where a side has structure. `None` is a side without it."""

    name: str
    before: str | None
    after: str | None
    lines: tuple[tuple[str, str], ...] = ()

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


def fields_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Field]:
    """Every field that is noted on either side; those that changed come first."""
    names = sorted({*before, *after})
    found = [_field(name, before.get(name, _ABSENT), after.get(name, _ABSENT)) for name in names]
    return sorted(found, key=lambda field: not field.is_changed)


def _field(name: str, before: object, after: object) -> Field:
    old, new = _written(before), _written(after)
    if name.endswith("percent"):
        old, new = _without_zeros(old), _without_zeros(new)
    title = name.removesuffix("_id").replace("_", " ")
    if not any(isinstance(value, dict | list) and value for value in (before, after)):
        return Field(title, old, new)
    return Field(title, old, new, tuple(_lines(*(side.split("\n") if side is not None else [] for side in (old, new)))))


def _written(value: object) -> str | None:
    """A value: text as it is, the rest as JSON."""
    if value is _ABSENT:
        return None
    if isinstance(value, str):
        return value or '""'
    return json.dumps(value, indent=2 if isinstance(value, dict | list) else None, ensure_ascii=False, sort_keys=True)


def _without_zeros(text: str | None) -> str | None:
    """A percentage as people write it: decimals are stored with all of their digits."""
    return text.rstrip("0").rstrip(".") if text and "." in text else text


def _lines(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    """The lines of both, each with what became of it."""
    if len(old) + len(new) > LINES_MAX:
        yield from ((REMOVED, line) for line in old)
        yield from ((ADDED, line) for line in new)
        return
    for word, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if word == "equal":
            yield from ((SAME, line) for line in old[a:b])
        else:
            yield from ((REMOVED, line) for line in old[a:b])
            yield from ((ADDED, line) for line in new[c:d])


def done(action: str) -> str:
    """What an edit did, in words: feature.created is created feature."""
    noun, _, verb = action.rpartition(".")
    return f"{verb} {noun}".replace("_", " ").strip()
