"""The GrowthBook API: one feature for one subject, over HTTP. Wire: docs/protocols/growthbook_api.md."""

from typing import Any

import msgspec
import pydantic

from decisions.engine.types import Decision, Fault, Reason
from decisions.protocols import _fastapi
from decisions.protocols._base import (
    Call,
    Example,
    Kind,
    Protocol,
    Question,
    Refusal,
    Reply,
    Request,
    Route,
    Told,
)
from decisions.protocols._fragments import Fragments
from decisions.protocols.growthbook.features import OVERRIDES, ROLLOUT
from decisions.protocols.growthbook.subjects import key_of

TOKEN = "Client-Token"  # noqa: S105  the name of a header
FORCED, DEFAULT = "force", "defaultValue"
SOURCES = {
    Reason.ASSIGNED: "experiment",
    Reason.OVERRIDE: FORCED,
    Reason.PREREQUISITE: "prerequisite",
    Reason.ROLLOUT: FORCED,
}
RULES = {Reason.OVERRIDE: OVERRIDES, Reason.ROLLOUT: ROLLOUT}
"""The rules that have no name here, by the names that they have in the features document."""


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """A request as it should be, read fast. Fields that nobody knows are checked as JSON too: by the slow reader."""

    feature_key: str
    user_attributes: dict[str, Any]


class FeatureRequest(pydantic.BaseModel):
    """The same request, read slowly, for its complaints: this document promises those of FastAPI."""

    feature_key: str
    user_attributes: dict[str, Any]


class Experiment(msgspec.Struct):
    """The experiment that the value comes from."""

    key: str


class FeatureResult(msgspec.Struct, rename={"rule_id": "ruleId"}):
    """What one subject gets from one feature. Always these six fields."""

    value: Any
    source: str
    on: bool
    off: bool
    rule_id: str | None
    experiment: Experiment | None


def evaluate_feature(call: Call) -> Reply:
    """POST /evaluate_feature: decide one feature, and count that it was asked for."""
    asked = _fastapi.read_fast(call, Ask, FeatureRequest)
    subject = call.subject(key_of(asked.user_attributes), asked.user_attributes)
    decision = call.decide(asked.feature_key, subject)
    call.seen(decision, subject)
    return Reply(call.snapshot.keep("growthbook_api", lambda: Fragments(encoded)).of(decision))


def encoded(decision: Decision) -> bytes:
    return msgspec.json.encode(result_of(decision))


def result_of(decision: Decision) -> FeatureResult:
    """A decision in GrowthBook's words. What is empty is off."""
    value = decision.value
    return FeatureResult(
        value=value,
        source=_source(decision),
        on=bool(value),
        off=not value,
        rule_id=_rule_id(decision),
        experiment=Experiment(decision.experiment.key) if decision.in_experiment and decision.experiment else None,
    )


def _source(decision: Decision) -> str:
    if decision.fault is Fault.FLAG_NOT_FOUND:
        return "unknownFeature"
    return SOURCES.get(decision.reason, FORCED if decision.rule else DEFAULT)


def _rule_id(decision: Decision) -> str | None:
    """The rule that decided; an experiment that stands for itself is a rule of its own name."""
    if decision.rule:
        return decision.rule.key
    return decision.experiment.key if decision.in_experiment and decision.experiment else RULES.get(decision.reason)


def find_key(request: Request) -> str | None:
    """The token. Without it, FastAPI lists the header among all else that is wrong with the request."""
    token = request.headers.get(TOKEN.lower())
    if token is None:
        raise Refusal(Kind.MALFORMED, "malformed request", _complaints(request))
    return token


def _complaints(request: Request) -> list[dict[str, Any]]:
    missing = _fastapi.missing_header(TOKEN)
    try:
        _fastapi.read(request, FeatureRequest)
    except Refusal as refusal:
        complaints: list[dict[str, Any]] = refusal.details
        is_no_json = complaints[0]["type"] == "json_invalid"  # then FastAPI looks no further
        return complaints if is_no_json else [missing, *complaints]
    return [missing]


def refuse(refusal: Refusal) -> Reply:
    """`{"detail": …}`: a list of complaints with 422 for what is malformed, else a sentence."""
    if refusal.kind is Kind.MALFORMED:
        return Reply({"detail": refusal.details or refusal.detail}, status=422)
    if refusal.kind is Kind.UNAUTHENTICATED:
        return Reply({"detail": "Invalid client token"}, status=401)
    headers = (("Retry-After", "1"),) if refusal.kind is Kind.UNAVAILABLE else ()
    return Reply({"detail": refusal.detail}, status=refusal.status, headers=headers)


def example(question: Question) -> Example:
    """POST /evaluate_feature."""
    named = {"id": question.subject_key} if question.subject_key else {}
    return Example(
        "/evaluate_feature",
        {"feature_key": question.feature_key, "user_attributes": {**question.attributes, **named}},
        ((TOKEN, question.key),),
        told,
    )


def told(answer: Any) -> Told:
    """Of an experiment it tells which it is, and the variation by its value alone."""
    return Told(answer["value"], answer["source"])


def _route(path: str, **more: Any) -> Route:
    return Route("POST", path, evaluate_feature, request=FeatureRequest, response=FeatureResult, **more)


PROTOCOL = Protocol(
    slug="growthbook_api",
    title="GrowthBook API",
    find_key=find_key,
    routes=(_route("/evaluate_feature"), _route("/evaluate_feature/", is_alias=True)),
    refuse=refuse,
    example=example,
)
