"""Remote evaluation: every feature already decided for one subject, and nothing of how."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from decisions.engine.bucketing import growthbook_bucket
from decisions.engine.choices.outcomes import served_value
from decisions.engine.conditions.attributes import MISSING, Attribute, written
from decisions.engine.types import FULL, Decision, Experiment, Feature, Reason, Subject, Variant
from decisions.protocols._base import Call, Kind, Refusal, Reply
from decisions.protocols._fragments import Fragments
from decisions.protocols.growthbook.bodies import read
from decisions.protocols.growthbook.document import dated
from decisions.protocols.growthbook.experiments import KEY, SCHEME, written_arms
from decisions.protocols.growthbook.stream import STREAMS
from decisions.protocols.growthbook.subjects import key_of

REACHED = {Reason.ASSIGNED, Reason.NOT_IN_AUDIENCE, Reason.NOT_IN_LAYER, Reason.NOT_IN_ROLLOUT, Reason.UNDECIDED}
"""Where a feature has come to its experiment, so that a forced variation counts."""
FORCED = 1_000
"""How many forced variations or features one call may name."""

_encode = msgspec.json.encode


class Asked(msgspec.Struct, rename="camel"):
    """Who asks, and what people who try things out want to see instead."""

    attributes: dict[str, Any] = {}
    forced_variations: dict[str, int] = {}
    forced_features: list[tuple[str, Any]] = []
    url: str = ""


class Evaluated(msgspec.Struct, rename="camel"):
    """A features document in which nothing is left to decide."""

    features: dict[str, Any]
    date_updated: str
    status: int = 200


def evaluate(call: Call, client_key: str) -> Reply:
    """POST /api/eval/{client_key}: all features decided for one subject, with the exposures to report when read."""
    asked = read(call, Asked)
    if max(len(asked.forced_variations), len(asked.forced_features)) > FORCED:
        raise Refusal(Kind.MALFORMED, f"at most {FORCED} variations or features can be forced")
    pieces = call.snapshot.keep("growthbook.pieces", lambda: Fragments(pieces_of))
    answer = Answer(asked, call.decide_all(call.subject(key_of(asked.attributes), asked.attributes)), pieces)
    features = b"{%b}" % b",".join([answer.of(key) for key in answer.decisions])
    _, date = dated(features)
    body = b'{"status":200,"features":%b,"dateUpdated":%b}' % (features, _encode(date))
    return Reply(body, headers=(("Cache-Control", "no-store"), STREAMS))


class Pieces(NamedTuple):
    """What all who get a decision are told alike: its name, its value, and its exposure, with gaps for who it is."""

    name: bytes
    value: bytes
    exposure: list[bytes]
    """What stands between the gaps; nothing where the decision assigns nobody."""
    whole: list[bytes]
    """The feature under its name with its exposure, likewise."""


GAP = b"\0"
"""First for the value that was hashed, then for where that stands between 0 and 1. JSON itself never has this byte."""


def pieces_of(decision: Decision) -> Pieces:
    experiment, variant = decision.experiment, decision.variant
    exposure = b""
    if experiment and variant and decision.in_experiment:
        exposure = _encode(_track(decision.feature, experiment, variant))
    name, value = _encode(decision.feature.key), _encode(decision.value)
    return Pieces(name, value, exposure.split(GAP) if exposure else [], _told(name, value, exposure).split(GAP))


def _told(name: bytes, value: bytes, exposures: bytes) -> bytes:
    """A feature under its name."""
    if not exposures:
        return b'%b:{"defaultValue":%b}' % (name, value)
    return b'%b:{"defaultValue":%b,"rules":[{"force":%b,"tracks":[%b]}]}' % (name, value, value, exposures)


class Answer:
    """What one subject gets, with what was forced on it."""

    def __init__(self, asked: Asked, decisions: Mapping[str, Decision], pieces: Fragments[Pieces]) -> None:
        self.subject, self.decisions, self.pieces = Subject(None, asked.attributes), decisions, pieces
        self._whos: dict[str, tuple[Any, bytes]] = {}
        self.forced_values = dict(asked.forced_features)
        self.forced_variations = asked.forced_variations | _query(asked.url)
        self._is_forced = bool(self.forced_values or self.forced_variations)

    def of(self, key: str) -> bytes:
        """One feature under its name: its value, and the exposures that come with reading it, those of its
        prerequisites first."""
        decision = self.decisions[key]
        name, value, exposure, whole = self.pieces.of(decision)
        if not self._is_forced and not decision.feature.prerequisites:
            return b"".join(self._filled(whole, decision.experiment)) if exposure else whole[0]
        if key in self.forced_values:
            return b'%b:{"defaultValue":%b}' % (name, _encode(self.forced_values[key]))
        index = self._forced(decision)
        if index is not None and decision.experiment:
            value = _encode(served_value(decision.feature, decision.experiment.variants[index]))
        return _told(name, value, b",".join(self._tracks(key, frozenset())))

    def _forced(self, decision: Decision) -> int | None:
        """The variation that the caller wants, by name or in the query of its page."""
        experiment = decision.experiment
        if not self.forced_variations or experiment is None or decision.reason not in REACHED:
            return None
        index = self.forced_variations.get(experiment.key)
        return index if index is not None and 0 <= index < len(experiment.variants) else None

    def _tracks(self, key: str, seen: frozenset[str]) -> Iterator[bytes]:
        decision = self.decisions.get(key)
        if decision is None or key in seen or key in self.forced_values:
            return
        for needed in decision.feature.prerequisites:
            yield from self._tracks(needed.feature_key, seen | {key})
        exposure = self.pieces.of(decision).exposure
        if exposure and self._forced(decision) is None:
            yield b"".join(self._filled(exposure, decision.experiment))

    def _filled(self, pieces: Sequence[bytes], experiment: Experiment | None) -> Iterable[bytes]:
        """An exposure whose gaps are filled. Only GrowthBook's own scheme has the second one."""
        assert experiment  # noqa: S101  nobody is exposed to anything else
        value, who = self._who(experiment.hash_attribute or KEY)
        if experiment.bucketing != SCHEME:
            return pieces[0], who, pieces[1]
        bucket = growthbook_bucket(experiment.seed or experiment.key, written(value)) / 10_000
        return pieces[0], who, pieces[1], _encode(bucket), pieces[2]

    def _who(self, attribute: str) -> tuple[Any, bytes]:
        """The subject's value of an attribute, and the same in JSON; most experiments ask for the same one."""
        if attribute not in self._whos:
            value = Attribute(attribute)(self.subject)
            self._whos[attribute] = value, b"null" if value is MISSING else _encode(value)
        return self._whos[attribute]


def _query(url: str) -> dict[str, int]:
    """The whole numbers in a page's query: `?experiment=1` shows a variation."""
    try:
        found = parse_qs(urlsplit(url).query, max_num_fields=FORCED)
    except ValueError:
        return {}
    return {name: int(values[0]) for name, values in found.items() if values[0].isascii() and values[0].isdecimal()}


def _track(feature: Feature, experiment: Experiment, variant: Variant) -> dict[str, Any]:
    """An exposure as the SDK's tracking callback wants it. The variations that the subject did not get are blank."""
    attribute, value = experiment.hash_attribute or KEY, served_value(feature, variant)
    arms = written_arms(feature, experiment)
    index = experiment.variants.index(variant)
    return {
        "experiment": {
            "key": experiment.key,
            "seed": experiment.seed or experiment.key,
            "hashVersion": 2,
            "hashAttribute": attribute,
            "variations": [value if place == index else {} for place in range(len(arms))],
            "weights": [share / FULL for _, share in arms],
            "coverage": experiment.rollout / FULL,
            "meta": [{"key": arm.key} for arm, _ in arms],
        },
        "result": {
            "key": variant.key,
            "featureId": feature.key,
            "inExperiment": True,
            "hashUsed": True,
            "variationId": index,
            "value": value,
            "hashAttribute": attribute,
            "hashValue": msgspec.Raw(GAP),
            "stickyBucketUsed": False,
            **({"bucket": msgspec.Raw(GAP)} if experiment.bucketing == SCHEME else {}),
        },
    }
