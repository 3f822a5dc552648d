"""Who reads which part of the log, and that a page of it costs the same however long it is."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from audits.models import Change, Decision
from audits.serializers import AuditQuery
from audits.views import matching
from decisions.engine.public_ids import FEATURE, public_id
from tenants.models import Environment
from tenants.roles import Role
from tests.audits.builders import MOMENT, a_record, stored
from tests.builders import a_member, a_user, an_environment

pytestmark = pytest.mark.django_db

FEATURES, ROWS = 20, 2_000


def a_decision(environment: Environment) -> None:
    stored(a_record(project_id=environment.project_id, environment_id=environment.pk))


@pytest.mark.parametrize("role", Role)
def test_a_member_reads_the_log_of_its_own_projects_only(role: Role) -> None:
    ours, theirs = an_environment(), an_environment()
    for environment in (ours, theirs):
        a_decision(environment)
    member = a_member(ours, role)

    assert {row.project_id for row in Decision.objects.visible_to(member)} == {ours.project_id}
    assert {row.project_id for row in Change.objects.visible_to(member)} == {ours.project_id}


def test_superusers_read_everything_and_strangers_nothing() -> None:
    environment = an_environment()
    a_decision(environment)

    assert Decision.objects.visible_to(a_user(superuser=True)).count() == 1
    for stranger in (a_user(), AnonymousUser(), a_user(superuser=True, is_active=False)):
        assert not Decision.objects.visible_to(stranger).exists()
        assert not Change.objects.visible_to(stranger).exists()


def test_newest_first_is_by_time_and_then_by_id() -> None:
    for name, seconds in (("a", 0), ("b", 1), ("c", 0), ("d", -1)):
        stored(a_record(request_id=name, decided_at=MOMENT + timedelta(seconds=seconds)))

    assert [row.request_id for row in Decision.objects.newest_first()] == ["b", "c", "a", "d"]
    assert [row.request_id for row in Decision.objects.in_environment(2)] == []


def plan(query: AuditQuery) -> str:
    """How the database goes about the first page."""
    return matching(query, 1)[:51].explain()


def fill(rows: int) -> None:
    """A log of one environment, in which every feature has its share."""
    records = [
        a_record(
            request_id=f"request-{number}",
            user_id=f"user-{number % 50}",
            feature_number=number % FEATURES + 1,
            decided_at=MOMENT + timedelta(seconds=number),
        )
        for number in range(rows)
    ]
    stored(*records)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audits_decision")


def test_the_first_page_comes_from_the_index_without_sorting() -> None:
    fill(ROWS)
    query = AuditQuery.model_validate({"feature_id": public_id(FEATURE, 7)})

    found = plan(query)

    assert "decision_by_feature" in found
    assert "Sort" not in found
    assert "TEMP B-TREE" not in found
    assert [row.number for row in matching(query, 1)[:3]] == [1987, 1967, 1947]


def test_a_span_of_time_is_a_span_of_the_index() -> None:
    fill(ROWS)

    span = {"from": MOMENT, "to": MOMENT + timedelta(minutes=10)}
    found = plan(AuditQuery.model_validate({"feature_id": public_id(FEATURE, 7), **span}))

    assert "decision_by_feature" in found
    assert "Sort" not in found
    assert "TEMP B-TREE" not in found
