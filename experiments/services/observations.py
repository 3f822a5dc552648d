"""What applications and protocols tell of subjects: who met which variant, and what they did then."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from experiments.models import Event, Exposure

BATCH = 500


class Exposed(NamedTuple):
    """A subject met a variant."""

    environment_id: int
    experiment_number: int
    variant_key: str
    subject: str
    first_at: datetime
    source: str


class Happened(NamedTuple):
    """A subject did something. The same `event_id` is stored once in an environment."""

    environment_id: int
    name: str
    subject: str
    value: float | None
    properties: dict[str, Any]
    happened_at: datetime
    source: str
    event_id: str


def record_exposures(exposures: Iterable[Exposed]) -> None:
    """Keep the first time of each. Doing it twice changes nothing."""
    rows = [Exposure(**exposed._asdict()) for exposed in sorted(exposures)]
    Exposure.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


def record_events(events: Iterable[Happened]) -> None:
    """Keep events, each once. Doing it twice changes nothing."""
    rows = [Event(**happened._asdict()) for happened in sorted(events, key=lambda happened: happened.event_id)]
    Event.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
