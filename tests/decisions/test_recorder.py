"""The recorder: batches, answers from what is stored, and never keeps anybody waiting in vain."""

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from django.db import OperationalError, connections

from audits.models import Decision
from audits.records import Record
from audits.services import SYSTEM
from decisions import recorder as module
from decisions import sinks
from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.protocols._base import Kind, Refusal
from decisions.protocols.feature_hub import Ask, record_of
from decisions.recorder import Recorder
from decisions.sinks import DatabaseSink, Draft, Entry, ForgetfulSink, Outcome, Sink
from decisions.snapshots import EnvironmentSnapshot, Shelf
from features import services as features
from tenants.models import Environment
from tests.builders import a_feature, an_environment

SINKS: dict[str, Callable[[], Sink]] = {
    "DatabaseSink": lambda: DatabaseSink(Shelf()),
    "ForgetfulSink": ForgetfulSink,
}


def test_every_sink_is_in_the_suite() -> None:
    classes = {name for name, kind in inspect.getmembers(sinks, inspect.isclass) if hasattr(kind, "write")}

    assert classes - {"Sink"} == SINKS.keys()


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = an_environment()
    a_feature(environment, key="checkout", state={"status": "on"})
    return environment


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest) -> Sink:
    return SINKS[request.param]()


@pytest.fixture
def running() -> Iterator[Callable[[Sink], Recorder]]:
    """Start recorders; they are closed with the test."""
    started: list[Recorder] = []

    def start(sink: Sink) -> Recorder:
        started.append(Recorder(sink))
        return started[-1]

    yield start
    for recorder in started:
        recorder.close()
    connections.close_all()


def snapshot_of(environment: Environment) -> EnvironmentSnapshot:
    snapshot = Shelf().load(environment.pk)
    assert snapshot is not None
    return snapshot


def draft_for(request_id: str, user_id: str = "ann") -> Draft:
    """What a protocol hands in: a decision on `checkout`."""

    def draft(snapshot: EnvironmentSnapshot) -> Record:
        decision = decide(snapshot.features, "checkout", Subject(user_id))
        return record_of(snapshot, Ask(request_id, "checkout", user_id), decision)

    return draft


def an_entry(environment: Environment, request_id: str, user_id: str = "ann") -> Entry:
    snapshot, draft = snapshot_of(environment), draft_for(request_id, user_id)
    return Entry(snapshot, request_id, draft, draft(snapshot))


def users(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.user_id for outcome in outcomes if isinstance(outcome, Record)]


def test_a_sink_answers_every_entry_in_order(environment: Environment, sink: Sink) -> None:
    entries = [an_entry(environment, f"r{number}", f"user-{number}") for number in range(30)]

    assert users(sink.write(entries)) == [f"user-{number}" for number in range(30)]


def test_a_sink_takes_an_empty_batch(environment: Environment, sink: Sink) -> None:
    assert sink.write([]) == []


def test_a_sink_hands_a_refused_draft_back(environment: Environment, sink: Sink) -> None:
    refusal = Refusal(Kind.INVALID, "no")
    entry = Entry(snapshot_of(environment), "r1", lambda snapshot: refusal, refusal)

    assert sink.write([entry]) == [refusal]
    assert not Decision.objects.exists()


def test_a_request_id_is_stored_once_and_answered_as_stored(environment: Environment) -> None:
    sink = DatabaseSink(Shelf())

    first = sink.write([an_entry(environment, "r1", "ann"), an_entry(environment, "r1", "bob")])
    later = sink.write([an_entry(environment, "r1", "eve"), an_entry(environment, "r2", "eve")])

    assert users(first) == ["ann", "ann"]
    assert users(later) == ["ann", "eve"]
    assert Decision.objects.count() == 2


def test_one_request_id_in_two_environments_is_two_requests(environment: Environment) -> None:
    other = an_environment()
    a_feature(other, key="checkout")

    DatabaseSink(Shelf()).write([an_entry(environment, "r1"), an_entry(other, "r1")])

    assert Decision.objects.filter(request_id="r1").count() == 2


def test_a_decision_on_an_old_revision_is_made_again(environment: Environment) -> None:
    entry = an_entry(environment, "r1")
    feature = environment.project.features.get()
    features.switch(feature, environment, status="off", actor=SYSTEM)

    [stored] = DatabaseSink(Shelf()).write([entry])

    environment.refresh_from_db()
    assert isinstance(stored, Record)
    assert (stored.reason, stored.revision) == ("feature_off", environment.revision)


def test_numbers_count_within_the_project_without_gaps_in_a_batch(environment: Environment) -> None:
    DatabaseSink(Shelf()).write([an_entry(environment, f"r{number}") for number in range(10)])

    assert sorted(Decision.objects.values_list("number", flat=True)) == list(range(1, 11))


@dataclass
class Gated:
    """A sink whose first batch waits until it is let through."""

    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        self.batches.append(len(batch))
        self.entered.set()
        assert self.gate.wait(10)
        return [entry.outcome for entry in batch]


def test_what_arrives_during_a_commit_is_the_next_batch(
    environment: Environment, running: Callable[[Sink], Recorder]
) -> None:
    sink = Gated()
    recorder, snapshot = running(sink), snapshot_of(environment)
    first = recorder.submit(snapshot, "r0", draft_for("r0"))
    assert sink.entered.wait(10)

    others = [recorder.submit(snapshot, f"r{number}", draft_for(f"r{number}")) for number in range(1, 251)]
    sink.gate.set()

    assert first.result(10).request_id == "r0"
    assert [future.result(10).request_id for future in others] == [f"r{number}" for number in range(1, 251)]
    assert sink.batches == [1, 200, 50]


def test_a_full_queue_refuses_and_goes_on(
    environment: Environment, running: Callable[[Sink], Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE", 2)
    sink = Gated()
    recorder, snapshot = running(sink), snapshot_of(environment)
    waiting = [recorder.submit(snapshot, "r0", draft_for("r0"))]
    assert sink.entered.wait(10)
    waiting += [recorder.submit(snapshot, f"r{number}", draft_for(f"r{number}")) for number in (1, 2)]

    with pytest.raises(Refusal) as refused:
        recorder.submit(snapshot, "r3", draft_for("r3"))
    sink.gate.set()

    assert refused.value.kind is Kind.UNAVAILABLE
    assert [future.result(10).request_id for future in waiting] == ["r0", "r1", "r2"]


@dataclass
class Allergic:
    """A sink that fails on every batch with a certain request in it."""

    error: Exception

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        if any(entry.request_id == "bad" for entry in batch):
            raise self.error
        return [entry.outcome for entry in batch]


def test_a_bad_row_does_not_take_others_with_it(environment: Environment, running: Callable[[Sink], Recorder]) -> None:
    recorder, snapshot = running(Allergic(ValueError("no"))), snapshot_of(environment)

    futures = {name: recorder.submit(snapshot, name, draft_for(name)) for name in ("a", "bad", "b")}

    assert [futures[name].result(10).request_id for name in ("a", "b")] == ["a", "b"]
    with pytest.raises(Refusal, match="could not be stored"):
        futures["bad"].result(10)


def test_a_database_that_is_away_is_unavailable_and_then_forgotten(
    environment: Environment, running: Callable[[Sink], Recorder]
) -> None:
    recorder, snapshot = running(Allergic(OperationalError("gone"))), snapshot_of(environment)

    with pytest.raises(Refusal) as refused:
        recorder.submit(snapshot, "bad", draft_for("bad")).result(10)

    assert refused.value.kind is Kind.UNAVAILABLE
    assert recorder.submit(snapshot, "good", draft_for("good")).result(10).request_id == "good"


@dataclass
class Away:
    """A sink whose database is away until it is told otherwise."""

    tries: int = 0
    is_back: bool = False
    error: BaseException = field(default_factory=lambda: OperationalError("gone"))

    def write(self, batch: Sequence[Entry]) -> list[Outcome]:
        self.tries += 1
        if not self.is_back:
            raise self.error
        return [entry.outcome for entry in batch]


def test_while_the_database_is_away_callers_are_refused_at_once_but_for_one_who_tries(
    environment: Environment, running: Callable[[Sink], Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("decisions.recorder.AWAY_SECONDS", 3_600.0)
    sink = Away()
    recorder, snapshot = running(sink), snapshot_of(environment)
    for name in ("first", "second"):
        with pytest.raises(Refusal):
            recorder.submit(snapshot, name, draft_for(name)).result(10)

    for number in range(50):
        with pytest.raises(Refusal, match="try again"):
            recorder.submit(snapshot, f"r{number}", draft_for(f"r{number}"))
    assert sink.tries == 2

    sink.is_back, recorder._try_again_at = True, 0.0
    assert recorder.submit(snapshot, "tries", draft_for("tries")).result(10).request_id == "tries"
    assert recorder.submit(snapshot, "others", draft_for("others")).result(10).request_id == "others"


def test_nobody_waits_for_a_batch_that_would_have_ended_the_thread(
    environment: Environment, running: Callable[[Sink], Recorder]
) -> None:
    sink = Away(error=SystemExit(1))
    recorder, snapshot = running(sink), snapshot_of(environment)

    with pytest.raises(Refusal) as refused:
        recorder.submit(snapshot, "r1", draft_for("r1")).result(10)
    sink.is_back = True

    assert refused.value.kind is Kind.INTERNAL
    assert recorder.submit(snapshot, "r2", draft_for("r2")).result(10).request_id == "r2"


def test_closing_stores_what_is_queued_and_takes_no_more(environment: Environment) -> None:
    recorder, snapshot = Recorder(DatabaseSink(Shelf())), snapshot_of(environment)
    futures = [recorder.submit(snapshot, f"r{number}", draft_for(f"r{number}")) for number in range(300)]

    recorder.close()

    assert Decision.objects.count() == 300
    assert all(future.done() for future in futures)
    with pytest.raises(Refusal, match="try again"):
        recorder.submit(snapshot, "late", draft_for("late"))


def test_closing_what_never_started_is_nothing() -> None:
    Recorder(ForgetfulSink()).close()


def test_a_caller_who_left_does_not_stop_the_row(environment: Environment, running: Callable[[Sink], Recorder]) -> None:
    recorder, snapshot = running(DatabaseSink(Shelf())), snapshot_of(environment)

    recorder.submit(snapshot, "r1", draft_for("r1")).cancel()
    with suppress(Refusal):
        recorder.submit(snapshot, "r2", draft_for("r2")).result(10)

    assert set(Decision.objects.values_list("request_id", flat=True)) == {"r1", "r2"}
