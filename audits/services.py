"""Writing to the log: every edit leaves one change, chained to the one before it."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from audits.models import Change, Sequence

Row = TypeVar("Row", bound=models.Model)
REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a stable id such as "user:3", a name people know, the request it came with, and why."""

    id: str
    name: str
    request_id: str = ""
    reason: str = ""


SYSTEM = Actor("system", "Switchyard")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a change belongs: its project, and its environment if it concerns only one."""

    project_id: int
    environment_id: int | None = None


@transaction.atomic
def record_change(
    action: str,
    obj: models.Model,
    *,
    actor: Actor,
    place: Place,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Change:
    """Append a change to its project's chain. Call it in the transaction of the edit, when the rows are stored."""
    sequence = next_number(place.project_id, "change")
    previous = Change.objects.in_project(place.project_id).filter(number=sequence - 1).first()
    change = Change(
        **asdict(place),
        number=sequence,
        actor=actor.id,
        actor_name=actor.name[:255],
        request_id=actor.request_id[:255],
        reason=actor.reason[:REASON_LENGTH],
        action=action,
        object_type=str(obj._meta.label_lower),
        object_id=obj.pk,
        object_name=str(obj)[:255],
        before=_plain(before),
        after=_plain(after),
        created_at=timezone.now(),
        previous_hash=previous.hash if previous else "",
    )
    change.hash = fingerprint(change)
    change.save()
    return change


def change(
    row: Row,
    changes: Mapping[str, Any],
    *,
    check: Callable[[Row], None] | None = None,
    fixed: Collection[str] = (),
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Set fields, validate the whole row and save them: what they were and are, or None if nothing changed.

    `check` says more of what is right than the row's own `full_clean`, and calls it. What is `fixed` stays as it was
    made, because something outside knows the row by it.
    """
    before = {name: getattr(row, name) for name in changes}
    if touched := [name for name in changes if name in fixed and changes[name] != before[name]]:
        raise ValidationError(dict.fromkeys(touched, "This cannot be changed."))
    for name, value in changes.items():
        setattr(row, name, value)
    (check or _full_clean)(row)
    after = {name: getattr(row, name) for name in changes}
    if is_same(before, after):
        return None
    row.save(update_fields=list(changes))
    return before, after


def values_of(row: models.Model, *names: str) -> dict[str, Any]:
    """What a row says in some of its fields; rows that it refers to by what people call them."""
    values = {name: getattr(row, name) for name in names}
    return {name: str(value) if isinstance(value, models.Model) else value for name, value in values.items()}


def check_all(row: models.Model, complaints: Mapping[str, Any], **options: Any) -> None:
    """Refuse a row for all that is wrong with it at once: what its own `full_clean` says, and the `complaints`."""
    found: dict[str, Any] = {}
    try:
        row.full_clean(**options)
    except ValidationError as error:
        found = dict(error.error_dict)
    if found or complaints:
        raise ValidationError({**complaints, **found})


def _full_clean(row: models.Model) -> None:
    row.full_clean()


def is_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether an edit changes nothing. Python calls 1 and True equal; for a stored value they are not."""
    return before == after and _canonical(before) == _canonical(after)


def _canonical(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, default=lambda value: float(value) if isinstance(value, Decimal) else str(value))
    return json.dumps(json.loads(text, parse_float=_stored_float), sort_keys=True)


def lock_chain(project_id: int) -> None:
    """Wait until nobody else edits a project, and let nobody until the transaction ends."""
    _locked_sequence(project_id, "change")


def next_number(project_id: int, kind: str, count: int = 1) -> int:
    """Lock a project's sequence and take `count` numbers from it; answers the last of them."""
    sequence = _locked_sequence(project_id, kind)
    sequence.last += count
    sequence.save(update_fields=["last"])
    return sequence.last


def _locked_sequence(project_id: int, kind: str) -> Sequence:
    Sequence.objects.bulk_create([Sequence(project_id=project_id, kind=kind)], ignore_conflicts=True)
    return Sequence.objects.select_for_update().get(project_id=project_id, kind=kind)


def fingerprint(change: Change) -> str:
    """SHA-256 over every field of a change, the previous hash included, as canonical JSON."""
    fields = {
        field.attname: getattr(change, field.attname)
        for field in change._meta.concrete_fields
        if field.attname not in {"id", "hash", "created_at"}
    }
    fields["created_at"] = change.created_at.isoformat()
    if not change.reason:  # older changes had none
        del fields["reason"]
    return sha256(json.dumps(fields, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def broken_link(project_id: int) -> Change | None:
    """The first change of a project that does not follow from the one before it; None when the chain holds.

    Where the chain ends too early, it is an empty change in the place of the first that is missing.
    """
    previous, expected = "", 1
    for change in Change.objects.in_project(project_id).in_chain_order().iterator():
        if change.number != expected or change.previous_hash != previous or change.hash != fingerprint(change):
            return change
        previous, expected = change.hash, expected + 1
    was_longer = Sequence.objects.filter(project_id=project_id, kind="change", last__gte=expected).exists()
    return Change(project_id=project_id, number=expected) if was_longer else None


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Values as both databases give them back, so that a row read back has the fingerprint it was written with."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(values or {}), default=str), parse_float=_stored_float)
    return plain


def _stored_float(text: str) -> float | int:
    """PostgreSQL keeps numbers as decimals: it forgets a negative zero, and writes out large exponents."""
    number = float(text)
    return int(number) if number.is_integer() and "e" in text else number + 0.0
