"""Who reads which part of the log, and that a page of it costs the same however long it is."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audits import paging
from audits.admin.decisions import DecisionSearch
from audits.models import Change, Decision
from audits.paging import Order, page_of
from audits.serializers import AuditQuery
from audits.views import matching
from decisions.engine.public_ids import FEATURE, public_id
from tenants.models import Environment
from tenants.roles import Role
from tests.audits.builders import MOMENT, a_record, stored
from tests.builders import a_member, a_user, an_environment

pytestmark = pytest.mark.django_db

FEATURES, ROWS = 20, 100_000


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


def plan(rows: Any) -> str:
    """How the database goes about a page."""
    return str(rows[:51].explain())


def fill(rows: int = ROWS) -> None:
    """A log of one environment, in which every feature and every user has its share: one decision, many times."""
    stored(a_record())
    with connection.cursor() as cursor:
        cursor.execute(FILL[connection.vendor].format(same=SAME, rows=rows, features=FEATURES))
        cursor.execute("ANALYZE audits_decision")


SAME = ", ".join(
    str(field.column)
    for field in Decision._meta.concrete_fields
    if field.column not in {"id", "request_id", "user_id", "feature_number", "number", "decided_at"}
)
FILL = {
    vendor: f"""
        WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {{rows}})
        INSERT INTO audits_decision (request_id, user_id, feature_number, number, decided_at, {{same}})
        SELECT 'filled-' || n, 'user-' || n % 5000, n % {{features}} + 1, n, {moment}, {{same}}
        FROM audits_decision CROSS JOIN series
    """
    for vendor, moment in (
        ("postgresql", "decided_at + n * interval '1 second'"),
        ("sqlite", "datetime(decided_at, '+' || n || ' seconds')"),
    )
}


def comes_from(index: str, found: str) -> bool:
    """Whether a page comes out of an index. PostgreSQL may sort the few rows that an index found, and does not bother
    with the index of a partition that is empty."""
    return index in found and "TEMP B-TREE" not in found and "Seq Scan on audits_decision_first" not in found


QUERIES: dict[str, tuple[dict[str, Any], str]] = {
    "feature": ({"feature_id": public_id(FEATURE, 7)}, "decision_by_feature"),
    "feature and time": (
        {"feature_id": public_id(FEATURE, 7), "from": MOMENT, "to": MOMENT + timedelta(hours=9)},
        "decision_by_feature",
    ),
}


@pytest.mark.parametrize("asked", QUERIES)
def test_a_page_comes_from_the_index_without_sorting(asked: str) -> None:
    fill()
    query, index = QUERIES[asked]

    rows = matching(AuditQuery.model_validate(query), 1)

    assert comes_from(index, plan(rows))
    assert len(rows[:51]) == 51


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "decision_by_time"),
        ({"since": MOMENT, "until": MOMENT + timedelta(hours=9)}, "decision_by_time"),
        ({"feature": "feat-007"}, "decision_by_feature"),
        ({"user": "user-7"}, "decision_by_user"),
        ({"user": "user-7", "feature": "feat-008"}, "decision_by_"),
        ({"variant": "nothing"}, "decision_by_time"),
        ({"reason": "feature_off"}, "decision_by_time"),
        ({"feature": "feat-007", "variant": "nothing", "reason": "assigned"}, "decision_by_feature"),
    ],
    ids=str,
)
def test_every_search_in_the_admin_uses_an_index_and_looks_at_a_bounded_number_of_rows(
    asked: dict[str, Any], index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "WINDOW", 2_000)
    fill()
    form = DecisionSearch({"environment": "1", **asked}, places={1: "here"})
    assert form.is_valid()

    with CaptureQueriesContext(connection) as queries:
        rows, narrowed = site.get_model_admin(Decision).searched(None, Decision.objects.all(), form)  # type: ignore[attr-defined]
        page = page_of(rows, narrowed, Order("decided_at"), size=50)

    pages = [query["sql"] for query in queries if "audits_decision" in query["sql"]]
    assert 1 <= len(pages) <= 2
    for sql in pages:
        with connection.cursor() as cursor:
            cursor.execute(f"{'EXPLAIN QUERY PLAN' if connection.vendor == 'sqlite' else 'EXPLAIN'} {sql}")
            found = "\n".join(str(row) for row in cursor.fetchall())
        assert comes_from(index, found), found
    assert page.is_cut == bool(asked.keys() & {"variant", "reason"})
