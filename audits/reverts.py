"""Taking a change back: an edit like any other, by the person who clicks, through the same services.

The log knows no services. Each app says which of its actions it can undo: `settings.AUDIT_REVERTS` names its table.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db import models, transaction
from django.utils.module_loading import import_string

from audits.models import Change
from audits.services import REASON_LENGTH, Actor, is_same, lock_chain

Edit = Callable[[Actor], object]
Undo = Callable[[Change, Any], Edit]
"""How to undo a change, for a person: an edit that only waits for its actor. Raises PermissionDenied where the person's
role does not permit it, and ValidationError where it cannot be done any more."""


def undo_of(change: Change) -> Undo | None:
    """How changes of this kind are undone; None if they cannot be."""
    for name in settings.AUDIT_REVERTS:
        table: Mapping[str, Undo] = import_string(name)
        if change.action in table:
            return table[change.action]
    return None


@transaction.atomic
def revert(change: Change, user: Any, *, actor: Actor) -> Change:
    """Take a change back: the change that this makes says which one. Nobody else edits the project meanwhile."""
    lock_chain(change.project_id)
    undo = undo_of(change)
    if undo is None:
        raise ValidationError("A change of this kind cannot be reverted.")
    last = Change.objects.in_project(change.project_id).latest("number").number
    reason = f"Revert of change {change.number}" + (f": {actor.reason}" if actor.reason else "")
    undo(change, user)(replace(actor, reason=reason[:REASON_LENGTH]))
    made = Change.objects.in_project(change.project_id).filter(number__gt=last).order_by("number").first()
    if made is None:
        raise ValidationError("There is nothing to revert: everything is as it was before this change.")
    return made


def row_of(model: type[models.Model], change: Change, user: Any, right: Any) -> Any:
    """The row that was changed, if the person may edit it."""
    manager: Any = model._default_manager
    if not manager.filter(pk=change.object_id).exists():
        raise ValidationError(f"{change.object_name} is not there any more.")
    return permitted(manager.filter(pk=change.object_id), user, right)


def permitted(rows: Any, user: Any, right: Any) -> Any:
    """The one row, if the person has a right on it."""
    row = rows.permitting(user, right).first()
    if row is None:
        raise PermissionDenied("Your role does not permit this edit.")
    return row


def check_unmoved(row: models.Model, change: Change) -> None:
    """Whether a row is still as the change left it, in the fields that it changed."""
    expected = decoded(row, change.after)
    now = {name: getattr(row, name) for name in expected}
    moved = [name for name in expected if not is_same({name: now[name]}, {name: expected[name]})]
    if moved:
        fields = ", ".join(name.removesuffix("_id").replace("_", " ") for name in moved)
        raise ValidationError(f"{row} was changed again since, in: {fields}. Revert the later change first.")


def decoded(row: models.Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the row's fields have them; JSON knows neither decimals nor moments. Names of rows become the rows."""
    return {name: _decoded(row, name, value) for name, value in values.items()}


def _decoded(row: models.Model, name: str, value: Any) -> Any:
    try:
        field = row._meta.get_field(name)
    except FieldDoesNotExist as error:
        raise ValidationError(f"{name} cannot be set back.") from error
    if value is None or isinstance(field, models.JSONField):
        return value
    if isinstance(field, models.ForeignKey) and name == field.name:
        return named(field.related_model, value, row)
    return field.to_python(value)  # type: ignore[union-attr]


def named(model: Any, name: str, row: Any) -> Any:
    """The row that a change calls by its name, among those beside `row`; there must be exactly one."""
    beside = model._default_manager.in_project(project_of(row))
    found = [each for each in beside if str(each) == name]
    if len(found) != 1:
        raise ValidationError(f"There are {len(found)} rows called {name} now; set it by hand.")
    return found[0]


def project_of(row: Any) -> int:
    """The project that something belongs to, however it reaches it."""
    while not hasattr(row, "project_id"):
        row = next(owner for name in ("environment", "state", "experiment") if (owner := getattr(row, name, None)))
    return int(row.project_id)


def fields_back(model: Any, right: Any, update: Callable[..., object]) -> Undo:
    """For changes that say what some fields of a row were and are: they become again what they were."""

    def undo(change: Change, user: Any) -> Edit:
        row = row_of(model, change, user, right)
        check_unmoved(row, change)
        values = decoded(row, change.before)
        return lambda actor: update(row, actor=actor, **values)

    return undo


def gone_again(model: Any, right: Any, remove: Callable[..., object]) -> Undo:
    """For changes that made a row: it goes, unless that is refused."""

    def undo(change: Change, user: Any) -> Edit:
        row = row_of(model, change, user, right)
        check_unmoved(row, change)
        return lambda actor: remove(row, actor=actor)

    return undo
