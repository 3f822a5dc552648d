"""The body of a call, read whole: what a shape leaves out must be JSON all the same."""

from typing import Any, TypeVar

import msgspec

from decisions.protocols._base import Call, Kind, Refusal

Shape = TypeVar("Shape")


def read(call: Call, shape: type[Shape]) -> Shape:
    """The body in the given shape, or in one of them; refused as malformed otherwise."""
    try:
        return msgspec.convert(call.body(Any), shape)
    except msgspec.ValidationError as error:
        raise Refusal(Kind.MALFORMED, str(error)) from error
