"""Reading bodies field by field, and saying what is wrong with them as Flagsmith's server does."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from decisions.engine import validate
from decisions.protocols._base import Kind, Refusal

KEY_LENGTH = 200
TEXT_LENGTH = 2_000

REQUIRED, NULL, BLANK = "This field is required.", "This field may not be null.", "This field may not be blank."
NOT_TEXT, NOT_BOOLEAN, NOT_WHOLE = "Not a valid string.", "Must be a valid boolean.", "A valid integer is required."
NOT_FINITE = "A valid number is required."
TOO_LONG = f"Value string is too long. Must be less than {TEXT_LENGTH} character"
NO_OBJECT = "Invalid data. Expected a dictionary, but got {}."

KINDS = {dict: "dict", list: "list", str: "str", int: "int", float: "float", bool: "bool", type(None): "NoneType"}
Item = TypeVar("Item")
Found = TypeVar("Found")


class Wrong(Exception):
    """What is wrong: a list of sentences, or complaints by field."""

    def __init__(self, complaint: Any) -> None:
        super().__init__(complaint)
        self.complaint = complaint


class Trait(NamedTuple):
    """One trait as it was sent; None forgets it."""

    key: str
    value: Any
    is_transient: bool = False


def read(reader: Callable[[Any], Found], body: Any) -> Found:
    """What a reader makes of a body; refused with all its complaints."""
    try:
        return reader(body)
    except Wrong as wrong:
        raise invalid(wrong.complaint) from wrong


def invalid(complaint: Any) -> Refusal:
    """The refusal of a body that is JSON, and wrong."""
    return Refusal(Kind.INVALID, "the body is not as it should be", complaint)


def together(**readers: Callable[[], Any]) -> list[Any]:
    """What each reader finds, in order. Raises `Wrong` with the complaints of all that find none."""
    found, complaints = [], {}
    for name, reader in readers.items():
        try:
            found.append(reader())
        except Wrong as wrong:
            complaints[name] = wrong.complaint
    if complaints:
        raise Wrong(complaints)
    return found


def each(reader: Callable[[Any], Item], items: Any) -> list[Item]:
    """What a reader finds in every item. Raises `Wrong` with one complaint an item, empty where there is none."""
    if not isinstance(items, list):
        raise Wrong([f'Expected a list of items but got type "{kind_of(items)}".'])
    found: list[Item] = []
    complaints: list[Any] = []
    for item in items:
        try:
            found.append(reader(item))
            complaints.append({})
        except Wrong as wrong:
            complaints.append(wrong.complaint)
    if any(complaints):
        raise Wrong(complaints)
    return found


def in_object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Wrong({"non_field_errors": [NO_OBJECT.format(kind_of(value))]})
    return value


def trait(item: Any) -> Trait:
    """A trait, which may be null."""
    it = in_object(item)
    return Trait(
        *together(
            trait_key=lambda: text(it, "trait_key", KEY_LENGTH),
            trait_value=lambda: value(it),
            transient=lambda: boolean(it, "transient"),
        )
    )


def trait_of_identity(item: Any) -> tuple[str, Trait]:
    """A trait, and the identifier of the identity that it is of."""
    it = in_object(item)
    identifier, key, found = together(
        identity=lambda: _identity(it),
        trait_key=lambda: text(it, "trait_key", KEY_LENGTH),
        trait_value=lambda: value(it),
    )
    return identifier, Trait(key, found)


def _identity(item: Mapping[str, Any]) -> str:
    if item.get("identity") is None:
        raise Wrong([REQUIRED])
    (identifier,) = together(identifier=lambda: identifier_in(in_object(item["identity"])))
    return str(identifier)


def identifier_in(item: Mapping[str, Any]) -> str:
    return text(item, "identifier", validate.IDENTIFIER_LENGTH)


def text(item: Mapping[str, Any], name: str, length: int) -> str:
    """Text that is not blank; numbers are written out."""
    found = item.get(name)
    if found is None:
        raise Wrong([NULL if name in item else REQUIRED])
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise Wrong([NOT_TEXT])
    if not str(found).strip():
        raise Wrong([BLANK])
    return storable(str(found), length)


def storable(found: str, length: int) -> str:
    if "\x00" in found:
        raise Wrong(["Null characters are not allowed."])
    if len(found) > length:
        raise Wrong([f"Ensure this field has no more than {length} characters."])
    if complaint := validate.text(found, length=length):
        raise Wrong([f"{complaint.capitalize()}."])
    return found


def boolean(item: Mapping[str, Any], name: str) -> bool:
    found = item.get(name, False)
    if not isinstance(found, bool):
        raise Wrong([NOT_BOOLEAN])
    return found


def whole(item: Mapping[str, Any], name: str) -> int:
    found = item.get(name)
    if found is None:
        raise Wrong([NULL if name in item else REQUIRED])
    if isinstance(found, bool) or not isinstance(found, int) or abs(found) > validate.INTEGER_MAX:
        raise Wrong([NOT_WHOLE])
    return found


def value(item: Mapping[str, Any]) -> Any:
    """A trait's value: a scalar; lists and objects become JSON text."""
    if "trait_value" not in item:
        raise Wrong([REQUIRED])
    found = item["trait_value"]
    if isinstance(found, dict | list):
        found = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    if isinstance(found, str):
        if len(found) > TEXT_LENGTH:
            raise Wrong([TOO_LONG])
        return storable(found, TEXT_LENGTH)
    if complaint := validate.json_value(found):
        raise Wrong([f"{complaint.capitalize()}."])
    return found


def kind_of(found: Any) -> str:
    return KINDS.get(type(found), "value")
