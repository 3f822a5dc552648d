"""Log rows for tests."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from audits.models import Decision, Request
from audits.partitions import is_partitioned
from audits.records import Record

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def a_record(**changes: Any) -> Record:
    """A decision of an environment and project that need not exist: the log holds plain values."""
    fields: dict[str, Any] = {
        "project_id": 1,
        "environment_id": 1,
        "request_id": "request-1",
        "user_id": "user-1",
        "feature_number": 1,
        "feature_key": "new_checkout",
        "feature_name": "New checkout",
        "experiment_number": 1,
        "experiment_name": "Colours",
        "variant_number": 2,
        "variant_key": "treatment",
        "is_control": False,
        "reason": "assigned",
        "payload": {"ui": "v2"},
        "protocol": "feature_hub",
        "revision": "0123456789abcdef",
        "decided_at": MOMENT,
    }
    return Record(**fields | changes)


def stored(*records: Record) -> None:
    """Put decisions into the log, numbered as they come, as the recorder does."""
    rows: Iterable[Decision] = (Decision(**record._asdict(), number=n) for n, record in enumerate(records, 1))
    made = Decision.objects.bulk_create(rows, batch_size=500)
    if is_partitioned():
        Request.objects.bulk_create(map(request_of, made), batch_size=500)


def request_of(decision: Decision) -> Request:
    """What keeps a decision's request id on PostgreSQL."""
    names = ("environment_id", "request_id", "decided_at")
    return Request(decision_id=decision.pk, **{name: getattr(decision, name) for name in names})
