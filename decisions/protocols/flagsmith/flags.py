"""Flags: what a decision looks like to Flagsmith's clients, and the list of them for nobody in particular."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from decisions.engine.types import Decision, Reason, Status
from decisions.protocols._base import Call, Headers, Kind, Refusal, Reply
from decisions.protocols._fragments import Fragments
from decisions.protocols.flagsmith.moments import Latest, Phase, phase_at
from decisions.protocols.flagsmith.values import Scalar, carried, is_enabled, target_name
from decisions.snapshots import EnvironmentSnapshot

UPDATED_AT = "X-Flagsmith-Document-Updated-At"
OVERRIDES = "identity_overrides"

encode = msgspec.json.Encoder().encode


class FlagsmithFeature(msgspec.Struct):
    """What a flag is about."""

    id: int
    name: str
    type: str
    created_date: str | None
    description: str | None
    initial_value: str | None = None
    default_enabled: bool | None = False


class FlagsmithFlag(msgspec.Struct):
    """A feature as somebody gets it, and why."""

    id: int | None
    feature: FlagsmithFeature
    enabled: bool
    feature_state_value: Scalar
    environment: int | None
    variant: str | None
    reason: str
    metadata: dict[str, Any]
    identity: int | None = None
    feature_segment: int | None = None


def flags(call: Call) -> Reply:
    """GET /api/v1/flags/: every flag, or the one named by `feature`, for nobody in particular."""
    now = call.subject(None, {}).at
    phase = phase_at(call.snapshot, now)
    name = call.query("feature")
    if name is not None:
        found = one(call, name, call.subject(None, {}, at=now))
        return Reply(found, headers=updated_at(phase))
    can_read = call.grant.can_read

    def everything() -> Reply:
        body = shown(call, call.decide_all(call.subject(None, {}, at=now)).values())
        return prepared(call.snapshot, phase, body, "server" if can_read else "client")

    return call.snapshot.keep(("flagsmith.flags", can_read), Latest[Reply]).get(phase, everything)


def prepared(snapshot: EnvironmentSnapshot, phase: Phase, body: bytes, audience: str) -> Reply:
    """Bytes that are the same until the revision or the phase is another one."""
    return Reply(
        body,
        headers=updated_at(phase),
        etag=f"{snapshot.revision}-{phase.number}-{audience}",
        modified=phase.modified,
    )


def updated_at(phase: Phase) -> Headers:
    """Since when it has been so, as the stream says it too; whoever has it asks again before using it."""
    return (
        (UPDATED_AT, repr(phase.updated_at.timestamp())),
        ("Cache-Control", "no-cache"),
        ("Vary", "X-Environment-Key"),
    )


def one(call: Call, name: str, subject: Any) -> bytes:
    """One flag, which counts as used."""
    decision = call.decide(name, subject)
    flag = encoded(call.snapshot).of(decision) if name in call.features else b""
    if not flag:
        raise Refusal(Kind.NOT_FOUND, "Given feature not found")
    call.seen(decision, subject)
    return flag


def shown(call: Call, decisions: Iterable[Decision]) -> bytes:
    """The list of decisions as flags, without those that are hidden."""
    return b"[%b]" % b",".join(filter(None, encoded(call.snapshot).each(decisions)))


def encoded(snapshot: EnvironmentSnapshot) -> Fragments[bytes]:
    """The flags of a snapshot, each encoded once; nothing for one that is disabled and to be hidden."""

    def flag(decision: Decision) -> bytes:
        found = flag_of(snapshot, decision)
        return encode(found) if found.enabled or not snapshot.about.hide_disabled_flags else b""

    return snapshot.keep("flagsmith.encoded", lambda: Fragments(flag))


def flag_of(snapshot: EnvironmentSnapshot, decision: Decision) -> FlagsmithFlag:
    feature, is_private = decision.feature, snapshot.about.hide_sensitive_data
    is_split = any((feature.experiment, *(rule.experiment for rule in feature.rules)))
    created = datetime.fromtimestamp(feature.created_at, UTC).isoformat().replace("+00:00", "Z")
    return FlagsmithFlag(
        id=None if is_private else feature.number,
        feature=FlagsmithFeature(
            id=feature.number,
            name=feature.key,
            type="MULTIVARIATE" if is_split else "STANDARD",
            created_date=None if is_private else created,
            description=None if is_private else feature.description or None,
            default_enabled=None if is_private else False,
        ),
        enabled=is_enabled(feature, decision.value, decision.enabled),
        feature_state_value=carried(feature, decision.value),
        environment=None if is_private else snapshot.environment_id,
        variant=decision.variant.key if decision.variant else None,
        reason=reason_of(snapshot, decision),
        metadata=metadata_of(decision),
    )


def reason_of(snapshot: EnvironmentSnapshot, decision: Decision) -> str:
    """Why, in the words of Flagsmith's engine."""
    feature, variant, experiment = decision.feature, decision.variant, decision.experiment
    if decision.fault:
        return f"ERROR; code={decision.fault.upper()}"
    if decision.in_experiment and variant and experiment and not variant.is_control:
        total = sum(max(0, one.weight) for one in experiment.variants)
        return f"SPLIT; weight={variant.weight * 100 / total:g}"
    if decision.rule is not None:
        return f"TARGETING_MATCH; segment={target_name(feature, decision.rule, snapshot.segments)}"
    if decision.reason is Reason.OVERRIDE:
        return f"TARGETING_MATCH; segment={OVERRIDES}"
    if decision.reason is Reason.ROLLOUT:
        return f"SPLIT; weight={feature.rollout / 1000:g}"
    return "DEFAULT" if feature.status is not Status.OFF and (feature.rules or feature.overrides) else "STATIC"


def metadata_of(decision: Decision) -> dict[str, Any]:
    """The experiment that runs on the feature, and whether this is part of it; nothing for who has an override."""
    feature = decision.feature
    own = feature.experiment if feature.status is Status.EXPERIMENT else None
    experiment = decision.experiment or own
    if experiment is None or not experiment.is_running or decision.reason is Reason.OVERRIDE:
        return {}
    name = experiment.name or experiment.key
    return {"experiment": {"id": experiment.number, "name": name, "in_experiment": decision.in_experiment}}
