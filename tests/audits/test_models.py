"""The log is written once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audits.models import Change, Decision
from tests.audits.builders import MOMENT, a_record, stored
from tests.builders import a_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(request: pytest.FixtureRequest) -> Decision | Change:
    """One row of each of the two logs."""
    if request.param is Change:
        return Change.objects.in_project(a_project().pk).get()
    stored(a_record())
    return Decision.objects.get()


both_logs = pytest.mark.parametrize("entry", [Decision, Change], indirect=True)


@both_logs
def test_an_entry_cannot_be_saved_again(entry: Decision | Change) -> None:
    with pytest.raises(TypeError, match="is a log entry and cannot be changed"):
        entry.save()


@both_logs
def test_an_entry_cannot_be_deleted(entry: Decision | Change) -> None:
    with pytest.raises(TypeError, match="is a log entry and cannot be deleted"):
        entry.delete()


@both_logs
def test_entries_cannot_be_updated_or_deleted_together(entry: Decision | Change) -> None:
    everything: Any = type(entry)._default_manager.all()

    with pytest.raises(TypeError, match="cannot be changed"):
        everything.update(project_id=0)
    with pytest.raises(TypeError, match="cannot be deleted"):
        everything.delete()
    with pytest.raises(TypeError, match="cannot be changed"), transaction.atomic():
        everything.bulk_update([entry], ["project_id"])

    assert everything.get().project_id != 0


def test_the_database_too_refuses_a_second_decision_under_a_request_id() -> None:
    stored(a_record())

    with pytest.raises(IntegrityError), transaction.atomic():
        stored(a_record(decided_at=MOMENT + timedelta(days=30)))


def test_entries_say_what_they_are() -> None:
    stored(a_record())

    assert str(Decision.objects.get()) == "dec-001: user-1 got treatment of new_checkout"
    assert str(Change.objects.in_project(a_project(name="Shop").pk).get()) == "project.created Shop by Switchyard"
