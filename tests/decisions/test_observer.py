"""What was seen is counted by the hour, exposures are noted once, and what a client reports is stored once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.observer import BUFFER, Event, Exposed, Observer
from decisions.snapshots import EnvironmentSnapshot, read
from experiments.models import Event as EventRow
from experiments.models import Exposure
from features.models import Usage
from tenants.models import Environment
from tests.builders import a_feature, a_running_experiment, an_environment

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = an_environment()
    a_running_experiment(environment, a_feature(environment, key="checkout"))
    a_feature(environment, key="plain", state={"status": "on"})
    return environment


@pytest.fixture
def snapshot(environment: Environment) -> EnvironmentSnapshot:
    snapshot = read(environment.pk)
    assert snapshot is not None
    return snapshot


@pytest.fixture
def observer() -> Iterator[Observer]:
    observer = Observer()
    yield observer
    observer.close()


def see(observer: Observer, snapshot: EnvironmentSnapshot, feature: str, user: str | None) -> None:
    subject = Subject(user)
    observer.seen(snapshot.environment_id, decide(snapshot.features, feature, subject), subject, "teapot")


def total(feature: str) -> int:
    return sum(Usage.objects.filter(feature_key=feature).values_list("count", flat=True))


def test_evaluations_are_added_up_by_outcome(observer: Observer, snapshot: EnvironmentSnapshot) -> None:
    for number in range(100):
        see(observer, snapshot, "checkout", f"u{number}")
        see(observer, snapshot, "plain", None)
    observer.flush()
    see(observer, snapshot, "plain", None)
    observer.flush()

    outcomes = set(Usage.objects.filter(feature_key="checkout").values_list("outcome", flat=True))
    assert (total("checkout"), total("plain")) == (100, 101)
    assert outcomes == {"control", "treatment"}


def test_an_exposure_is_noted_the_first_time_only(observer: Observer, snapshot: EnvironmentSnapshot) -> None:
    for _ in range(3):
        see(observer, snapshot, "checkout", "u1")
        observer.flush()
    Observer().report(snapshot, [Exposed(next(iter(snapshot.experiments)), "control", "u2", NOW)] * 2, "teapot")

    assert Exposure.objects.count() == 2
    assert Exposure.objects.get(subject="u2").first_at == NOW


def test_an_unknown_feature_counts_nothing(observer: Observer, snapshot: EnvironmentSnapshot) -> None:
    see(observer, snapshot, "nothing", "u1")
    observer.flush()

    assert not Usage.objects.exists()


def test_what_no_database_can_store_is_left_out(observer: Observer, snapshot: EnvironmentSnapshot) -> None:
    for user in ("a\x00b", "\ud800", "u" * 600, ""):
        see(observer, snapshot, "checkout", user)
    observer.count(snapshot.environment_id, "k" * 200, "on", 1)
    observer.count(snapshot.environment_id, "plain", "on", -1)
    observer.count(snapshot.environment_id, "plain", "on", 10**12)
    observer.flush()

    assert not Exposure.objects.exists()
    assert total("plain") == 0


def test_the_same_event_is_stored_once(observer: Observer, snapshot: EnvironmentSnapshot) -> None:
    first = Event("paid", "u1", NOW, value=9.5, properties={"currency": "EUR"})
    again = Event("paid", "u1", NOW, value=9.5, properties={"currency": "EUR"})
    later = Event("paid", "u1", NOW + timedelta(seconds=1), value=9.5)
    named = [Event("paid", "u1", NOW, event_id="e" * 500), Event("other", "u2", NOW, event_id="e" * 500)]

    assert observer.report(snapshot, [first, again, later, *named], "teapot") == 5
    observer.report(snapshot, [again], "teapot")

    assert EventRow.objects.count() == 3


def test_an_exposure_to_an_unknown_experiment_is_kept_as_an_event(
    observer: Observer, snapshot: EnvironmentSnapshot
) -> None:
    observer.report(snapshot, [Exposed("no-such", "a", "u1", NOW)], "teapot")

    event = EventRow.objects.get()
    assert (event.name, event.properties) == ("exposure", {"experiment": "no-such", "variant": "a"})


def test_events_of_impossible_times_are_of_now(observer: Observer, snapshot: EnvironmentSnapshot) -> None:
    observer.report(snapshot, [Event("paid", "u1", datetime.max.replace(tzinfo=UTC))], "teapot")

    assert abs(EventRow.objects.get().happened_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_closing_stores_what_was_seen(snapshot: EnvironmentSnapshot) -> None:
    observer = Observer()
    see(observer, snapshot, "plain", None)

    observer.close()

    assert total("plain") == 1


def test_the_buffer_is_bounded(observer: Observer) -> None:
    assert observer._seen.maxlen == BUFFER
