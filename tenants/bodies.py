"""A request's body as a pydantic model reads it, in the way FastAPI goes about it, whoever received the bytes."""

from typing import TypeVar

import pydantic

from decisions.engine.validate import parse_json

Body = TypeVar("Body", bound=pydantic.BaseModel)


def read(body: bytes, content_type: str | None, model: type[Body]) -> Body:
    """The body as `model`. Raises pydantic's ValidationError for its shape, the engine's JsonRefused for its bytes."""
    return model.model_validate(_value(body, content_type or "application/json"), from_attributes=True)


def _value(body: bytes, content_type: str) -> object:
    if not body:
        return None
    return parse_json(body) if _is_json(content_type) else body.decode("utf-8", "replace")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
