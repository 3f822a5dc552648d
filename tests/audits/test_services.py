"""The chain of changes: what was written cannot be altered without it showing."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.models import Change
from audits.services import SYSTEM, Actor, Place, broken_link, fingerprint, is_same, next_number, record_change
from tenants.models import Project
from tests.builders import a_project

pytestmark = pytest.mark.django_db

storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=5)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | storable,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(storable, inner, max_size=3),
    max_leaves=8,
)
NASTY: list[Any] = [
    *[1e22, -0.0, 0.0, 1e-7, 1e16, 1e15, 1.5e300, 5e-324, 0.1 + 0.2, 123456789012345680.0, 2**53 + 1, -(2**63)],
    *[
        "用户☃ é \u2028 \\ \" '",
        "",
        True,
        None,
        [],
        {},
        [1, [2.0, [{"a": [-0.0, {"ü": 1e21}]}]]],
        {"": {"b": 1, "aa": 2}},
    ],
]


def a_change(project: Project, actor: Actor = SYSTEM, **after: Any) -> Change:
    return record_change("project.updated", project, actor=actor, place=Place(project.pk), after=after)


def a_chain(length: int = 5) -> Project:
    """A project with so many changes, its creation counted."""
    project = a_project()
    for number in range(2, length + 1):
        a_change(project, step=number)
    return project


def tamper(statement: str, *values: Any) -> None:
    """What somebody with the database's password could do."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def broken_at(project: Project) -> int | None:
    change = broken_link(project.pk)
    return change.number if change else None


@pytest.mark.parametrize("value", NASTY, ids=ascii)
def test_a_change_read_back_has_the_fingerprint_it_was_written_with(value: Any) -> None:
    change = a_change(a_project(), value=value, inside={"deep": [value]})

    assert fingerprint(Change.objects.get(pk=change.pk)) == change.hash
    assert broken_link(change.project_id) is None


@given(value=json_values)
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_survives_the_round_trip(value: Any) -> None:
    change = a_change(a_project(), value=value)

    assert fingerprint(Change.objects.get(pk=change.pk)) == change.hash


def test_what_json_does_not_know_is_written_as_text() -> None:
    moment = timezone.now()

    change = a_change(a_project(), percent=Decimal("12.500"), expires_at=moment)

    change.refresh_from_db()
    assert change.after == {"percent": "12.500", "expires_at": str(moment)}


def test_a_change_says_who_did_what_to_what_and_where() -> None:
    project = a_project(name="Shop")

    change = a_change(project, Actor("user:3", "Grace " * 60, "request-1"), name="Shop")

    change.refresh_from_db()
    assert (change.action, change.object_type, change.object_id) == ("project.updated", "tenants.project", project.pk)
    assert (change.object_name, change.actor, change.request_id) == ("Shop", "user:3", "request-1")
    assert (change.project_id, change.environment_id, len(change.actor_name)) == (project.pk, None, 255)


def test_changes_are_numbered_and_chained_within_their_project() -> None:
    one, other = a_chain(), a_chain()

    changes = list(Change.objects.in_project(one.pk).in_chain_order())

    assert [change.number for change in changes] == [1, 2, 3, 4, 5]
    assert [change.previous_hash for change in changes] == ["", *(change.hash for change in changes[:-1])]
    assert (broken_at(one), broken_at(other)) == (None, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "user:1"),
        ("actor_name", "somebody else"),
        ("action", "project.created"),
        ("object_type", "tenants.other"),
        ("object_id", 0),
        ("object_name", "another"),
        ("request_id", "other"),
        ("environment_id", 1),
        ("after", "{}"),
        ("before", '{"step": 3}'),
        ("created_at", "2001-01-01 00:00:00+00:00"),
        ("previous_hash", ""),
        ("hash", "0" * 64),
    ],
)
def test_a_changed_column_is_found(column: str, value: object) -> None:
    project = a_chain()

    tamper(f"UPDATE audits_change SET {column} = %s WHERE project_id = %s AND number = 3", value, project.pk)

    assert broken_at(project) == 3


def test_a_change_with_a_new_fingerprint_of_its_own_is_found_at_the_next() -> None:
    project = a_chain()
    change = Change.objects.get(project_id=project.pk, number=3)
    change.actor = "user:1"

    tamper("UPDATE audits_change SET actor = 'user:1', hash = %s WHERE id = %s", fingerprint(change), change.pk)

    assert broken_at(project) == 4


@pytest.mark.parametrize(("number", "found"), [(1, 2), (3, 4), (5, 5)], ids=["first", "middle", "last"])
def test_a_removed_change_is_found(number: int, found: int) -> None:
    project = a_chain()

    tamper("DELETE FROM audits_change WHERE project_id = %s AND number = %s", project.pk, number)

    assert broken_at(project) == found


def test_a_chain_that_was_removed_as_a_whole_is_missed() -> None:
    project = a_chain()

    tamper("DELETE FROM audits_change WHERE project_id = %s", project.pk)

    assert broken_at(project) == 1
    with pytest.raises(CommandError, match=f"broken at change 1 of project {project.pk}"):
        call_command("verify_audit")


def test_operators_are_told_that_all_chains_hold() -> None:
    for _ in range(2):
        a_chain()
    said = StringIO()

    call_command("verify_audit", stdout=said)

    assert said.getvalue() == "The chains of 2 projects hold.\n"


def test_a_removed_change_is_found_although_the_rest_was_numbered_again() -> None:
    project = a_chain()

    tamper("DELETE FROM audits_change WHERE project_id = %s AND number = 3", project.pk)
    for number in (4, 5):
        tamper(
            "UPDATE audits_change SET number = %s WHERE project_id = %s AND number = %s", number - 1, project.pk, number
        )

    assert broken_at(project) == 3


@pytest.mark.parametrize("number", [0, 6])
def test_an_inserted_change_is_found(number: int) -> None:
    project = a_chain()
    last = Change.objects.in_project(project.pk).latest("number")
    names = [field.attname for field in Change._meta.concrete_fields if field.attname not in {"id", "number"}]

    columns = ", ".join(names)
    tamper(
        f"INSERT INTO audits_change (number, {columns}) SELECT %s, {columns} FROM audits_change WHERE id = %s",
        number,
        last.pk,
    )

    assert broken_at(project) == number


def test_each_kind_counts_for_itself_in_each_project() -> None:
    numbers = [
        next_number(1, "decision"),
        next_number(1, "change", 10),
        next_number(2, "decision"),
        next_number(1, "decision"),
    ]

    assert numbers == [1, 10, 1, 2]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 0}, {"a": False}, False),
        ({"a": [1, {"b": 0}]}, {"a": [1, {"b": False}]}, False),
        ({"a": Decimal("50.000")}, {"a": Decimal(50)}, True),
        ({"a": 0.0}, {"a": -0.0}, True),
        ({"a": 10**16}, {"a": 1e16}, True),
        ({"a": None}, {"a": ""}, False),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}, True),
    ],
)
def test_values_are_the_same_as_a_database_sees_them(before: dict[str, Any], after: dict[str, Any], same: bool) -> None:
    assert is_same(before, after) is same
