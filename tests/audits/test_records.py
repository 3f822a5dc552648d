"""What is stored under a request id is found as it was written, in few queries."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audits.partitions import is_partitioned
from audits.records import find, key_of, known
from tests.audits.builders import a_record, stored

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"experiment_number": None, "experiment_name": "", "variant_number": None, "is_control": None, "payload": {}},
        {"payload": {"ü": [1e-7, 0.0, 2**53 + 1, None, True, {"": "☃"}]}, "is_control": True},
        {"request_id": "r" * 255, "user_id": "用户☃" * 100, "feature_key": "'; DROP TABLE", "feature_name": "% %s"},
    ],
    ids=["assigned", "without experiment", "nested payload", "odd text"],
)
def test_what_is_stored_is_found_as_it_was(changes: dict[str, Any]) -> None:
    record = a_record(**changes)
    stored(record)

    assert find([key_of(record)]) == {key_of(record): record}
    assert known([key_of(record)]) == {key_of(record)}


def test_the_same_request_id_in_another_environment_is_another_decision() -> None:
    here, there = a_record(), a_record(environment_id=2, user_id="user-2")
    stored(here, there)

    assert find([(1, "request-1")]) == {(1, "request-1"): here}
    assert find([(1, "request-1"), (2, "request-1")]) == {(1, "request-1"): here, (2, "request-1"): there}


def test_what_is_not_there_is_not_found() -> None:
    stored(a_record())

    for look in (find, known):
        assert not look([(1, "other"), (2, "request-1"), (1, "REQUEST-1")])
        assert not look([])


@pytest.mark.parametrize("look", [find, known])
def test_a_batch_takes_as_many_queries_as_there_are_environments(look: Any) -> None:
    stored(*(a_record(environment_id=n % 2, request_id=str(n)) for n in range(200)))

    with CaptureQueriesContext(connection) as queries:
        found = look((n % 2, str(n)) for n in range(200))

    each = 2 if look is find and is_partitioned() else 1
    assert (len(found), len(queries)) == (200, 2 * each)
