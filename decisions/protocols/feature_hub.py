"""Feature Hub 0.1.0: the decision call. Its resources are REST views. Wire: docs/protocols/feature_hub.md."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import msgspec
import pydantic
from pydantic import AfterValidator, StringConstraints

from audits.records import Record
from decisions.engine import validate
from decisions.engine.evaluate import decide
from decisions.engine.public_ids import EXPERIMENT, optional_id
from decisions.engine.types import Decision, Fault, Reason
from decisions.protocols import _fastapi
from decisions.protocols._base import (
    Call,
    Example,
    Kind,
    Pending,
    Protocol,
    Question,
    Refusal,
    Reply,
    Route,
    Told,
    header,
)
from decisions.snapshots import EnvironmentSnapshot

REASONS = {
    Reason.OFF: "feature_off",
    Reason.ON: "feature_on",
    Reason.ROLLOUT: "feature_on",
    Reason.EXPERIMENT_INACTIVE: "experiment_inactive",
    Reason.NOT_IN_ROLLOUT: "not in rollout",
    Reason.ASSIGNED: "assigned",
    # What the document does not know is told in its nearest words.
    Reason.NOT_IN_AUDIENCE: "not in rollout",
    Reason.NOT_IN_LAYER: "not in rollout",
    Reason.PREREQUISITE: "feature_off",
    Reason.OVERRIDE: "feature_on",
    Reason.RULE: "feature_on",
}
FAULTS = {
    Fault.FLAG_NOT_FOUND: (Kind.NOT_FOUND, "feature not found"),
    Fault.TARGETING_KEY_MISSING: (Kind.INVALID, "user_id required"),
    Fault.VARIANT_REQUIRED: (Kind.INVALID, "variant required"),
    Fault.WEIGHT_REQUIRED: (Kind.INVALID, "variant weight required"),
}
ENABLED, CONTROL = "enabled", "control"


def _clean(value: str) -> str:
    """Text that can be stored; its length is checked by the field."""
    if complaint := validate.text(value, length=len(value)):
        raise ValueError(complaint)
    return value


_Clean = AfterValidator(_clean)


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """A request as it should be, read fast. Fields that nobody knows are checked as JSON too: by the slow reader."""

    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=validate.REQUEST_ID_LENGTH)]
    feature_key: Annotated[str, msgspec.Meta(max_length=validate.KEY_LENGTH)]
    user_id: Annotated[str, msgspec.Meta(min_length=1, max_length=validate.IDENTIFIER_LENGTH)]
    context: dict[str, Any] | None = None


class AskExplained(pydantic.BaseModel):
    """The same request, read slowly, for its complaints: this document promises those of FastAPI."""

    request_id: Annotated[str, StringConstraints(min_length=1, max_length=validate.REQUEST_ID_LENGTH), _Clean]
    feature_key: Annotated[str, StringConstraints(max_length=validate.KEY_LENGTH), _Clean]
    user_id: Annotated[str, StringConstraints(min_length=1, max_length=validate.IDENTIFIER_LENGTH), _Clean]
    context: dict[str, Any] | None = None


class Answer(msgspec.Struct):
    """What a subject got, now or the first time that this request id was used."""

    request_id: str
    feature_key: str
    experiment_id: str | None
    variant_key: str
    variant_payload: dict[str, Any]
    reason: str


def decisions(call: Call) -> Pending:
    """POST /decisions: decide, store, and answer what is stored under the request id."""
    ask = _fastapi.read_fast(call, Ask, AskExplained)
    subject = call.subject(ask.user_id, ask.context or {})
    if ask.feature_key not in call.features:
        raise Refusal(*FAULTS[Fault.FLAG_NOT_FOUND])

    def draft(snapshot: EnvironmentSnapshot) -> Record | Refusal:
        decision = decide(snapshot.features_for(call.grant), ask.feature_key, subject)
        if decision.fault:
            return Refusal(*FAULTS[decision.fault])
        return record_of(snapshot, ask, decision)

    return Pending(call.record(call.snapshot, ask.request_id, draft), answer)


def record_of(snapshot: EnvironmentSnapshot, ask: Ask | AskExplained, decision: Decision) -> Record:
    """The row that is stored. Only who takes part in an experiment is counted for a variant."""
    feature, experiment = decision.feature, decision.experiment
    variant = decision.variant if decision.in_experiment else None
    return Record(
        project_id=snapshot.project_id,
        environment_id=snapshot.environment_id,
        request_id=ask.request_id,
        user_id=ask.user_id,
        feature_number=feature.number,
        feature_key=feature.key,
        feature_name=feature.name,
        experiment_number=experiment.number if experiment else None,
        experiment_name=experiment.name if experiment else "",
        variant_number=variant.number if variant else None,
        variant_key=variant.key if variant else ENABLED if decision.enabled else CONTROL,
        is_control=variant.is_control if variant else None,
        reason=REASONS[decision.reason],
        payload=decision.payload,
        protocol="feature_hub",
        revision=snapshot.revision,
        decided_at=datetime.now(UTC),
    )


def answer(record: Record) -> Reply:
    """The stored row in this protocol's words."""
    return Reply(
        Answer(
            request_id=record.request_id,
            feature_key=record.feature_key,
            experiment_id=optional_id(EXPERIMENT, record.experiment_number),
            variant_key=record.variant_key,
            variant_payload=dict(record.payload),
            reason=record.reason,
        )
    )


def refuse(refusal: Refusal) -> Reply:
    """`{"detail": …}`: a list of complaints with 422 for what is malformed, else a sentence."""
    if refusal.kind is Kind.MALFORMED:
        return Reply({"detail": refusal.details or refusal.detail}, status=422)
    headers = (("Retry-After", "1"),) if refusal.kind is Kind.UNAVAILABLE else ()
    return Reply({"detail": refusal.detail}, status=refusal.status, headers=headers)


def example(question: Question) -> Example:
    """POST /decisions, which is stored under the request id when it is really sent."""
    return Example(
        "/decisions",
        {
            "request_id": f"try-{uuid4().hex[:12]}",
            "feature_key": question.feature_key,
            "user_id": question.subject_key,
            "context": dict(question.attributes),
        },
        (("X-Environment-Key", question.key),),
        told,
    )


def told(answer: Any) -> Told:
    """It knows no values: a variant, whose payload says what to do."""
    return Told(answer["variant_payload"] or answer["variant_key"], answer["reason"], answer["variant_key"])


PROTOCOL = Protocol(
    slug="feature_hub",
    title="Feature Hub",
    find_key=header("X-Environment-Key"),
    routes=(Route("POST", "/decisions", decisions, request=AskExplained, response=Answer),),
    refuse=refuse,
    is_open=True,
    example=example,
)
