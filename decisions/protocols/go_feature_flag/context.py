"""Who a question is about: today's `evaluationContext`, or the `user` of older providers."""

from collections.abc import Mapping
from time import time
from typing import Any, NamedTuple

import msgspec

from decisions.engine.conditions.operators import instant
from decisions.engine.types import Subject
from decisions.protocols._base import Call, Kind, Refusal
from decisions.protocols.go_feature_flag.queries import RESERVED

NOBODY = "assertRequest: impossible to find user in request"


class Asked(msgspec.Struct):
    """A request as it is described; it is read by hand, for complaints of its own."""

    evaluationContext: dict[str, Any] | None = None
    user: dict[str, Any] | None = None
    defaultValue: Any = None


class Question(NamedTuple):
    """Whom it is about, which flags are asked for (None is all), and what to answer where there is no value."""

    subject: Subject
    flag_list: list[str] | None = None
    default: Any = None


def read(call: Call) -> Question:
    """The question in a body. Unknown fields are ignored, as upstream does."""
    asked = body_of(call)
    if asked.get("evaluationContext") is not None:
        attributes = _of_context(_object(asked, "evaluationContext"))
    elif asked.get("user") is not None:
        attributes = _of_user(_object(asked, "user"))
    else:
        raise Refusal(Kind.INVALID, NOBODY)
    reserved = attributes.get(RESERVED)
    subject = Subject(attributes.get("key"), attributes, _moment(call, reserved))
    return Question(subject, _flag_list(reserved), asked.get("defaultValue"))


def body_of(call: Call) -> dict[str, Any]:
    """The JSON object in a body."""
    check_type(call)
    return call.fields()


def check_type(call: Call) -> None:
    """Refuse a body that does not say that it is JSON."""
    content_type = call.request.headers.get("content-type", "")
    if call.request.body and content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refusal(Kind.UNSUPPORTED, "Unsupported Media Type")


def _of_context(context: Mapping[str, Any]) -> dict[str, Any]:
    custom = _custom(context, "evaluationContext")
    return _attributes(_key(context, "evaluationContext"), custom, custom.get("anonymous") is True)


def _of_user(user: Mapping[str, Any]) -> dict[str, Any]:
    """The seed's shape: whether somebody is anonymous stands beside the attributes, and counts."""
    anonymous = user.get("anonymous", False)
    if anonymous is not None and not isinstance(anonymous, bool):
        raise _wrong("bool", anonymous, "user.anonymous")
    return _attributes(_key(user, "user"), _custom(user, "user"), bool(anonymous))


def _attributes(key: str, custom: dict[str, Any], is_anonymous: bool) -> dict[str, Any]:
    """What conditions see, the same as in a provider's own process: `anonymous` always, the key under both its names,
    and nothing for null."""
    if None in custom.values():
        custom = {name: value for name, value in custom.items() if value is not None}
    names = {"key": key, "targetingKey": key} if key else {}
    for name in ("key", "targetingKey"):
        custom.pop(name, None)
    return {**custom, "anonymous": is_anonymous, **names}


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent[name]
    if not isinstance(value, dict):
        raise _wrong("object", value, name)
    return value


def _key(parent: Mapping[str, Any], where: str) -> str:
    key = parent.get("key")
    if key is not None and not isinstance(key, str):
        raise _wrong("string", key, f"{where}.key")
    return key or ""


def _custom(parent: Mapping[str, Any], where: str) -> dict[str, Any]:
    custom = parent.get("custom")
    if custom is not None and not isinstance(custom, dict):
        raise _wrong("object", custom, f"{where}.custom")
    return custom or {}


def _wrong(expected: str, got: Any, field: str) -> Refusal:
    kinds = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    found = kinds.get(type(got), "null")
    return Refusal(Kind.MALFORMED, f"Unmarshal type error: expected={expected}, got={found}, field={field}")


def _flag_list(reserved: Any) -> list[str] | None:
    """The flags that are asked for; anything that is no list of them means all."""
    given = reserved.get("flagList") if isinstance(reserved, dict) else None
    return [key for key in given if isinstance(key, str)] if isinstance(given, list) and given else None


def _moment(call: Call, reserved: Any) -> float:
    """When the question is asked. Only who may read the configuration may ask as of another day."""
    given = reserved.get("currentDateTime") if isinstance(reserved, dict) else None
    found = instant(given) if given is not None and call.grant.can_read else None
    return found.timestamp() if found else time()
