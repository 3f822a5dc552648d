"""Whether a feature may serve a value: its type, its schema, and what both databases can store."""

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry

from decisions.engine import validate
from features.models import Feature, ValueType

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    ValueType.BOOLEAN: (bool,),
    ValueType.STRING: (str,),
    ValueType.NUMBER: (int, float),
    ValueType.JSON: (dict, list, str, int, float, bool, type(None)),
}
_FIRST: dict[str, tuple[Any, Any]] = {
    ValueType.BOOLEAN: (True, False),
    ValueType.STRING: ("on", "off"),
    ValueType.NUMBER: (1, 0),
    ValueType.JSON: ({}, {}),
}
# Python's own regular expressions can be made to run for ever, and a reference could lead to another host.
_REFUSED = {"pattern", "patternProperties", "$ref", "$dynamicRef"}


def complaint_about(feature: Feature, value: Any) -> str | None:
    """Why a feature cannot serve a value; None if it can."""
    value_type = feature.value_type
    is_bool_as_number = value_type == ValueType.NUMBER and isinstance(value, bool)
    if is_bool_as_number or not isinstance(value, _PYTHON_TYPES[value_type]):
        return f"Must be a {value_type} value, not {value!r:.100}."
    if complaint := validate.json_value(value):
        return complaint
    if feature.value_schema is None:
        return None
    validator = Draft202012Validator(feature.value_schema, registry=Registry())
    return "; ".join(f"{error.json_path}: {error.message:.200}" for error in validator.iter_errors(value)) or None


def first_values(feature: Feature) -> dict[str, Any]:
    """What a feature serves where nobody said anything: its schema's default, or else what its type begins with."""
    on_value, off_value = _FIRST.get(feature.value_type, _FIRST[ValueType.BOOLEAN])
    if isinstance(feature.value_schema, dict) and "default" in feature.value_schema:
        on_value = off_value = feature.value_schema["default"]
    return {"on_value": on_value, "off_value": off_value}


def complaint_about_first_values(feature: Feature) -> str | None:
    """Why a feature cannot begin with its first values; None if it can."""
    for value in first_values(feature).values():
        if complaint_about(feature, value):
            return f"Must allow {value!r:.100}, which the feature begins with, or have another default that it allows."
    return None


def complaint_about_schema(schema: Any) -> str | None:
    """Why a schema cannot be used; None if it can."""
    if schema is None:
        return None
    if complaint := validate.json_value(schema):
        return complaint
    if refused := sorted(_REFUSED & _names(schema)):
        return f"A schema must not use {', '.join(refused)}."
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.json_path}: {error.message:.200}"
    return None


def _names(schema: Any) -> set[str]:
    """Every name of every object in a schema."""
    found: set[str] = set()
    pending = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            found |= part.keys()
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return found
