"""Decisions in GO Feature Flag's words: one flag, and all flags."""

from collections.abc import Callable, Iterable
from time import time
from typing import Any, NamedTuple

import msgspec

from decisions.engine.bucketing import shares_of, weights_of
from decisions.engine.types import FULL, Decision, Experiment, Fault, Feature, Reason, Status, Subject
from decisions.protocols._base import Call, Reply
from decisions.protocols._fragments import Fragments
from decisions.protocols.go_feature_flag import context, counters
from decisions.protocols.go_feature_flag.configuration import Configuration, configuration_of
from decisions.protocols.go_feature_flag.variations import Variations
from decisions.snapshots import EnvironmentSnapshot

SDK_DEFAULT = "SdkDefault"
NOW = b"\0"
"""Where the time goes in what is encoded beforehand. JSON itself never has this byte."""
EMPTY_KEY = "Error: Empty targeting key"
NO_ATTRIBUTE = "impossible to find bucketingKey in context: nested key not found: "
FAULTS = {
    Fault.FLAG_NOT_FOUND: ("FLAG_NOT_FOUND", ""),
    Fault.TARGETING_KEY_MISSING: ("TARGETING_KEY_MISSING", EMPTY_KEY),
    Fault.VARIANT_REQUIRED: ("FLAG_CONFIG", "impossible to find the variation"),
    Fault.WEIGHT_REQUIRED: ("FLAG_CONFIG", "impossible to find the variation"),
}

encode = msgspec.json.encode


class Evaluated(msgspec.Struct):
    """The answer about one flag, in upstream's order."""

    trackEvents: bool
    variationType: str
    failed: bool
    version: str
    reason: str
    errorCode: str
    errorDetails: str | msgspec.UnsetType
    value: Any
    cacheable: bool
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class FlagState(msgspec.Struct):
    """The answer about one flag of all."""

    value: Any
    timestamp: int | msgspec.Raw
    variationType: str
    trackEvents: bool
    errorCode: str
    reason: str
    errorDetails: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class AllFlags(msgspec.Struct):
    """The answers about all flags; `valid` says that none of them is an error."""

    flags: dict[str, FlagState]
    valid: bool


class Worded(NamedTuple):
    """What a decision is called. Without a value the caller's own default holds."""

    variation: str
    reason: str
    version: str = ""
    error_code: str = ""
    error_details: str = ""
    is_cacheable: bool = True
    metadata: dict[str, str] | None = None

    @property
    def has_value(self) -> bool:
        return self.variation != ""


class Wording:
    """The words for the decisions of one snapshot, found when they are first needed."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._variations: dict[str, Variations] = {}
        self._for_somebody, self._for_nobody = Words(self._worded), Words(self._worded_for_nobody)

    def words(self, subject: Subject) -> "Words":
        return self._for_somebody if subject.key else self._for_nobody

    def _worded(self, decision: Decision) -> Worded:
        if decision.fault is Fault.FLAG_NOT_FOUND:
            return error_of(decision, "")
        key = decision.feature.key
        feature, version = self.configuration.snapshot.definitions[key], self.configuration.version(key)
        if decision.fault:
            return error_of(decision, version)
        if decision.reason is Reason.OFF:
            return Worded("", "DISABLED", version, is_cacheable=not changes_with_time(feature))
        variations = self._variations.setdefault(key, Variations(feature))
        rule = decision.rule if decision.reason is not Reason.NOT_IN_AUDIENCE else None
        return Worded(
            variations.of(decision),
            reason_of(decision, feature),
            version,
            is_cacheable=not changes_with_time(feature),
            metadata={"evaluatedRuleName": rule.key} if rule else None,
        )

    def _worded_for_nobody(self, decision: Decision) -> Worded:
        """A subject without a key mostly gets an error: upstream looks at the key before anything else."""
        worded = self._worded(decision)
        if worded.error_code or not self.configuration.of(decision.feature.key).needs_key:
            return worded
        return Worded("", "ERROR", worded.version, "TARGETING_KEY_MISSING", EMPTY_KEY, is_cacheable=False)


class Words:
    """What decisions are called, and the answers in those words, each encoded once."""

    def __init__(self, worded: Callable[[Decision], Worded]) -> None:
        self.worded = Fragments(worded)
        self.answers = Fragments(lambda decision: encode(answer_of(decision, self.worded.of(decision))))
        self.states = Fragments(lambda decision: named_state(decision, self.worded.of(decision)))


def wording_of(snapshot: EnvironmentSnapshot) -> Wording:
    """The words for a snapshot's decisions, kept with it."""
    return snapshot.keep("go_feature_flag.wording", lambda: Wording(configuration_of(snapshot)))


def error_of(decision: Decision, version: str) -> Worded:
    code, details = FAULTS[decision.fault or Fault.FLAG_NOT_FOUND]
    experiment = decision.experiment
    if decision.fault is Fault.TARGETING_KEY_MISSING and experiment and experiment.hash_attribute:
        details = f"{NO_ATTRIBUTE}{experiment.hash_attribute}"
    return Worded("", "ERROR", version, code, details, is_cacheable=False)


def reason_of(decision: Decision, feature: Feature) -> str:
    """Whether a rule matched, and whether a percentage decided."""
    is_split = splits(decision)
    if is_targeted(decision):
        return "TARGETING_MATCH_SPLIT" if is_split else "TARGETING_MATCH"
    if is_split:
        return "SPLIT"
    return "DEFAULT" if has_targeting(feature, decision.feature.status) else "STATIC"


def has_targeting(feature: Feature, status: Status) -> bool:
    """Whether the feature's flag has rules, or would have."""
    if feature.rules or feature.overrides or feature.prerequisites:
        return True
    return status is Status.EXPERIMENT and has_audience(feature.experiment)


def is_targeted(decision: Decision) -> bool:
    """Whether one of the rules that the feature's flag has, or would have, matched."""
    if decision.rule or decision.reason in (Reason.OVERRIDE, Reason.PREREQUISITE):
        return True
    return decision.in_experiment and has_audience(decision.experiment)


def has_audience(experiment: Experiment | None) -> bool:
    return experiment is not None and experiment.is_running and experiment.audience is not None


def splits(decision: Decision) -> bool:
    """Whether a percentage decided; everybody or nobody is none."""
    if decision.reason in (Reason.ASSIGNED, Reason.NOT_IN_LAYER) and decision.experiment:
        return FULL not in shares_of(weights_of(decision.experiment))
    if decision.reason is Reason.NOT_IN_ROLLOUT and decision.experiment is None:
        return decision.feature.rollout > 0 or decision.feature.ramp is not None
    return decision.reason in (Reason.ROLLOUT, Reason.NOT_IN_ROLLOUT)


def changes_with_time(feature: Feature) -> bool:
    """Whether a client that keeps an answer may soon be wrong though nobody edited anything."""
    if any(override.expires_at is not None for override in feature.overrides.values()):
        return True
    return bool(feature.steps or feature.ramp) or any(rule.steps or rule.ramp for rule in feature.rules)


def evaluate(call: Call, flag: str) -> Reply:
    """POST /v1/feature/{flag}/eval: one flag for one user. Always 200: without a value, with the default."""
    counters.count("flag_evaluations")
    question = context.read(call)
    words = wording_of(call.snapshot).words(question.subject)
    decision = call.decide(flag, question.subject)
    worded = words.worded.of(decision)
    if not worded.error_code:
        call.seen(decision, question.subject)
    if worded.has_value:
        return Reply(words.answers.of(decision))
    return Reply(answer_of(decision, worded, question.default))


def answer_of(decision: Decision, worded: Worded, default: Any = None) -> Evaluated:
    return Evaluated(
        trackEvents=True,
        variationType=worded.variation or SDK_DEFAULT,
        failed=worded.error_code != "",
        version=worded.version,
        reason=worded.reason,
        errorCode=worded.error_code,
        errorDetails=worded.error_details or msgspec.UNSET,
        value=decision.value if worded.has_value else default,
        cacheable=worded.is_cacheable,
        metadata=worded.metadata or msgspec.UNSET,
    )


def all_flags(call: Call) -> Reply:
    """POST /v1/allflags: all flags for one user, or those of `flagList`. A prefetch, which counts nothing."""
    counters.count("all_flag_evaluations")
    question = context.read(call)
    words = wording_of(call.snapshot).words(question.subject)
    hidden = Reason.OFF if call.snapshot.about.hide_disabled_flags else None
    decisions = [one for one in decisions_of(call, question) if one.reason is not hidden]
    is_valid = b"false" if any(one.error_code for one in words.worded.each(decisions)) else b"true"
    body = b'{"flags":{%b},"valid":%b}' % (b",".join(words.states.each(decisions)), is_valid)
    return Reply(body.replace(NOW, b"%d" % time()))


def decisions_of(call: Call, question: context.Question) -> Iterable[Decision]:
    """The decisions that are asked for; flags that there are not are left out."""
    if question.flag_list is None:
        return call.decide_all(question.subject).values()
    asked = dict.fromkeys(question.flag_list)
    return [call.decide(key, question.subject) for key in asked if key in call.features]


def named_state(decision: Decision, worded: Worded) -> bytes:
    """The answer about one flag under its name, as a part of a JSON object, with `NOW` for the time."""
    state = FlagState(
        decision.value if worded.has_value else None,
        msgspec.Raw(NOW),
        worded.variation,
        True,
        worded.error_code,
        worded.reason,
        worded.error_details or msgspec.UNSET,
        worded.metadata or msgspec.UNSET,
    )
    return b"%b:%b" % (encode(decision.feature.key), encode(state))
