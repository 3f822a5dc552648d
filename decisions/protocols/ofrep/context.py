"""The evaluation context: whom a question is about, and what GO Feature Flag's providers put beside that."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from decisions.engine import validate
from decisions.engine.conditions.operators import instant
from decisions.engine.types import Subject
from decisions.protocols._base import Call, Kind, Refusal

INVALID_CONTEXT = "INVALID_CONTEXT"
RESERVED = "gofeatureflag"


class Question(NamedTuple):
    """Whom it is about, and about which features; None is all of them."""

    subject: Subject
    feature_keys: frozenset[str] | None = None


def read(call: Call) -> Question:
    """The question in the body. No context is an empty one: there are features that need to know nothing."""
    context = call.fields().get("context")
    if context is None:
        context = {}
    if not isinstance(context, dict):
        raise wrong(f"context must be an object, not {kind_of(context)}")
    reserved = context.get(RESERVED)
    if not isinstance(reserved, dict):
        return Question(call.subject(targeting_key(context), context))
    subject = call.subject(targeting_key(context), context, at=moment(call, reserved))
    return Question(subject, feature_keys(reserved))


def targeting_key(context: Mapping[str, Any]) -> str | None:
    """The subject's key; None where there is none or an empty one, which is an error only of features that need it."""
    key = context.get("targetingKey")
    if key is None or key == "":
        return None
    if not isinstance(key, str):
        raise wrong(f"targetingKey must be a string, not {kind_of(key)}")
    if complaint := validate.text(key, length=validate.IDENTIFIER_LENGTH):
        raise wrong(f"targetingKey {complaint}")
    return key


def moment(call: Call, reserved: Mapping[str, Any]) -> float | None:
    """When the question is asked, if not now. Only who may read the configuration may ask as of another day."""
    given = reserved.get("currentDateTime")
    if given is None or not call.grant.can_read:
        return None
    found = instant(given)
    if found is None:
        raise wrong("gofeatureflag.currentDateTime must be a moment in ISO 8601")
    return found.timestamp()


def feature_keys(reserved: Mapping[str, Any]) -> frozenset[str] | None:
    """The features that are asked for; none named means all."""
    given = reserved.get("flagList")
    if given is None or given == []:
        return None
    if not isinstance(given, list) or not all(isinstance(key, str) for key in given):
        raise wrong("gofeatureflag.flagList must be a list of keys")
    return frozenset(given)


def wrong(detail: str) -> Refusal:
    return Refusal(Kind.INVALID, detail, INVALID_CONTEXT)


def kind_of(value: Any) -> str:
    """What JSON calls it."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return names.get(type(value), "an object")
