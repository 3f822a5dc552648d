"""What providers report: evaluations that they made themselves, and what users did then."""

from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from decisions.engine.conditions.operators import is_number
from decisions.engine.types import Feature, Status, Subject
from decisions.observer import Event, Exposed
from decisions.protocols._base import Call, Kind, Refusal, Reply
from decisions.protocols.go_feature_flag import counters
from decisions.protocols.go_feature_flag.context import check_type
from decisions.protocols.go_feature_flag.evaluation import SDK_DEFAULT

INVALID = "collectEvalData: invalid input data"
TRACKING = "tracking"
MILLISECONDS = 9_999_999_999
"""Later than any date in seconds: such a date is in milliseconds."""


class Batch(msgspec.Struct):
    """A report. Every event is looked at by itself, for one bad one shall not lose the others."""

    events: list[Any]
    meta: dict[str, Any] | None = None


class Ingested(msgspec.Struct):
    """How many events there were, good or bad."""

    ingestedContentCount: int


class Told(NamedTuple):
    """An event with what every event needs."""

    name: str
    subject: str
    at: datetime
    given: dict[str, Any]


_decoder = msgspec.json.Decoder(Batch)


def collect(call: Call) -> Reply:
    """POST /v1/data/collector: what providers evaluated themselves, and what users did. Not 200 means: send again."""
    check_type(call)
    batch = read(call.request.body)
    counters.count("collect_eval_data", len(batch.events))
    told = [found for event in batch.events if (found := told_of(event))]
    evaluations = [event for event in told if event.given.get("kind") != TRACKING]
    count(call, evaluations)
    tracked = tracked_of([event for event in told if event.given.get("kind") == TRACKING], batch.meta or {})
    call.report([*exposures_of(call, evaluations), *tracked])
    return Reply(Ingested(len(batch.events)))


def read(body: bytes) -> Batch:
    """The report in a body. It may hold more values than a question; each is checked before it is stored."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(Kind.MALFORMED, f"{INVALID}: {error}") from error


def told_of(event: Any) -> Told | None:
    """An event that says what, who and when; None for one that does not."""
    if not isinstance(event, dict):
        return None
    name, subject, at = event.get("key"), event.get("userKey"), moment(event.get("creationDate"))
    if not isinstance(name, str) or not isinstance(subject, str) or at is None or not (name and subject):
        return None
    return Told(name, subject, at, event)


def moment(given: Any) -> datetime | None:
    """A date in seconds or milliseconds since 1970."""
    if not is_number(given) or given < 0:
        return None
    seconds = int(str(int(given))[:10]) if given > MILLISECONDS else given
    return datetime.fromtimestamp(seconds, UTC)


def count(call: Call, evaluations: list[Told]) -> None:
    """Count evaluations under the names that our own are counted under; failed ones are none."""
    counts: Counter[tuple[str, str]] = Counter()
    for event in evaluations:
        feature = call.snapshot.definitions.get(event.name)
        if feature and event.name in call.features and event.given.get("default") is not True:
            counts[event.name, outcome_of(feature, event.given.get("variation"))] += 1
    for (key, outcome), times in counts.items():
        call.count(key, outcome, times)


def outcome_of(feature: Feature, variation: Any) -> str:
    """The variant, or "on" or "off"."""
    experiments = (feature.experiment, *(rule.experiment for rule in feature.rules))
    variants = {variant.key for found in experiments if found for variant in found.variants}
    if isinstance(variation, str) and variation in variants:
        return variation
    return "off" if variation in ("off", SDK_DEFAULT) else "on"


def exposures_of(call: Call, evaluations: list[Told]) -> list[Exposed]:
    """Who took part in an experiment.

    An event does not tell those who take part from those who got the control for other reasons. So the decision is made
    again, which can be done where the user's key alone decides it.
    """
    found: dict[tuple[str, str], Exposed] = {}
    for event in evaluations:
        feature = call.snapshot.definitions.get(event.name)
        if feature is None or not is_by_key(feature) or (event.name, event.subject) in found:
            continue
        decision = call.decide(event.name, Subject(event.subject, {}, event.at.timestamp()))
        experiment, variant = decision.experiment, decision.variant
        if decision.in_experiment and experiment and variant and variant.key == event.given.get("variation"):
            found[event.name, event.subject] = Exposed(experiment.key, variant.key, event.subject, event.at)
    return list(found.values())


def is_by_key(feature: Feature) -> bool:
    """Whether the experiment of a feature asks nothing of its subjects but their key."""
    experiment = feature.experiment
    if experiment is None or feature.status is not Status.EXPERIMENT or experiment.hash_attribute:
        return False
    return not (experiment.audience or feature.rules or feature.prerequisites)


def tracked_of(events: list[Told], meta: dict[str, Any]) -> list[Event]:
    """What users did. A batch that is sent again is stored once, and an event that happened twice in it twice."""
    seen: Counter[bytes] = Counter()
    found = []
    for event in events:
        content = msgspec.json.encode(event.given, order="deterministic")
        seen[content] += 1
        event_id = sha256(b"%d %b" % (seen[content], content)).hexdigest()
        found.append(tracked(event, meta, event_id))
    return found


def tracked(event: Told, meta: dict[str, Any], event_id: str) -> Event:
    """Only what was tracked is kept, not who the user is."""
    details = event.given.get("trackingEventDetails")
    properties = dict(details) if isinstance(details, dict) else {}
    value = properties.pop("value", None)
    if value is not None and not is_number(value):
        properties["value"], value = value, None
    if meta:
        properties["exporterMetadata"] = meta
    return Event(event.name, event.subject, event.at, value, properties, event_id)
