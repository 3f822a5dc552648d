"""How often features were evaluated: counts that are added up by the hour."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction


class Counted(NamedTuple):
    """What is counted together."""

    environment_id: int
    hour: datetime
    feature_key: str
    outcome: str


_ADD = """
INSERT INTO features_usage (environment_id, hour, feature_key, outcome, count) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (environment_id, hour, feature_key, outcome) DO UPDATE SET count = features_usage.count + excluded.count
"""


@transaction.atomic
def add_usage(counts: Mapping[Counted, int]) -> None:
    """Add counts to those that are stored. In one order: two processes never wait for each other in a circle."""
    adapt = connection.ops.adapt_datetimefield_value
    rows = [(key.environment_id, adapt(key.hour), key.feature_key, key.outcome, counts[key]) for key in sorted(counts)]
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, rows)
