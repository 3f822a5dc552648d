"""Schedules as they are stored and as the engine takes them: steps, and a percentage that moves with time.

Stored: `[{"at": "2026-12-01T09:00:00Z", "status": "on", "percent": 20, "value": …}]` and
`{"start": "…", "from": 10, "end": "…", "to": 50}`; moments in ISO 8601, percentages in percent.
"""

from collections.abc import Callable
from typing import Any

from decisions.engine.conditions.operators import instant, is_number
from decisions.engine.types import Ramp, Status, Step

STEPS_MAX = 100
_STEP_FIELDS = {"at", "status", "percent", "value"}
_RAMP_FIELDS = {"start", "from", "end", "to"}


def steps_of(stored: Any) -> tuple[Step, ...]:
    """The steps that are well formed; a broken one, which nothing lets in, is never taken."""
    rows = stored if isinstance(stored, list) else []
    return tuple(_step(row) for row in rows if _step_complaint(row, lambda value: None) is None)


def ramp_of(stored: Any) -> Ramp | None:
    """The ramp, or None if there is none or it is broken."""
    if stored is None or ramp_complaint(stored) is not None:
        return None
    start, end = instant(stored["start"]), instant(stored["end"])
    assert start is not None  # noqa: S101  the complaint above is about this
    assert end is not None  # noqa: S101
    return Ramp(start.timestamp(), round(stored["from"] * 1000), end.timestamp(), round(stored["to"] * 1000))


def steps_complaint(stored: Any, value_complaint: Callable[[Any], str | None]) -> str | None:
    """Everything that is wrong with a schedule, or None. `value_complaint` judges the values that it would serve."""
    if not isinstance(stored, list) or len(stored) > STEPS_MAX:
        return f"Must be a list of at most {STEPS_MAX} steps."
    complaints = [(number, _step_complaint(row, value_complaint)) for number, row in enumerate(stored, 1)]
    return " ".join(f"Step {number}: {complaint}" for number, complaint in complaints if complaint) or None


def ramp_complaint(stored: Any) -> str | None:
    """What is wrong with a ramp, or None."""
    if not isinstance(stored, dict) or stored.keys() != _RAMP_FIELDS:
        return "Must have exactly start, from, end and to."
    start, end = instant(stored["start"]), instant(stored["end"])
    if start is None or end is None:
        return "The start and the end must be moments in ISO 8601."
    if start >= end:
        return "The start must be before the end."
    if not _is_percent(stored["from"]) or not _is_percent(stored["to"]):
        return "Both percentages must be from 0 to 100."
    return None


def _step(row: dict[str, Any]) -> Step:
    at = instant(row["at"])
    assert at is not None  # noqa: S101  it was checked
    return Step(
        at=at.timestamp(),
        status=Status(row["status"]) if "status" in row else None,
        rollout=round(row["percent"] * 1000) if "percent" in row else None,
        value=row.get("value"),
        sets_value="value" in row,
    )


def _step_complaint(row: Any, value_complaint: Callable[[Any], str | None]) -> str | None:
    if not isinstance(row, dict) or "at" not in row or len(row) == 1 or not row.keys() <= _STEP_FIELDS:
        return "must have at, and what changes then: status, percent or value."
    if instant(row["at"]) is None:
        return "at must be a moment in ISO 8601."
    if "status" in row and row["status"] not in list(Status):
        return f"status must be one of {', '.join(Status)}."
    if "percent" in row and not _is_percent(row["percent"]):
        return "percent must be from 0 to 100."
    return value_complaint(row["value"]) if "value" in row else None


def _is_percent(value: object) -> bool:
    return is_number(value) and 0 <= value <= 100  # type: ignore[operator]
