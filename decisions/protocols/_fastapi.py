"""What FastAPI says of a malformed request: 422 and a list of complaints. Some documents promise just that."""

from contextlib import suppress
from typing import Any, TypeVar

import pydantic

from decisions.engine import validate
from decisions.protocols._base import Call, Kind, Refusal, Request
from tenants import bodies

Body = TypeVar("Body", bound=pydantic.BaseModel)
Fast = TypeVar("Fast")


def read(request: Request, model: type[Body]) -> Body:
    """The body as a model. Refused as malformed, with the complaints as details, if it is not of that shape."""
    try:
        return bodies.read(request.body, request.headers.get("content-type"), model)
    except pydantic.ValidationError as error:
        raise Refusal(Kind.MALFORMED, "malformed request", complaints_of(error)) from error
    except validate.JsonRefused as error:
        raise Refusal(Kind.MALFORMED, error.message, [json_complaint(error)]) from error


def read_fast(call: Call, shape: type[Fast], model: type[Body]) -> Fast | Body:
    """The body as `shape`; what that reader does not take, the model reads, or lists what is wrong with it."""
    is_usual = len(call.request.body) <= validate.JSON_TEXT  # so that no text in it can be too long
    if is_usual and call.request.headers.get("content-type") == "application/json":
        with suppress(Refusal):
            return call.body(shape)
    return read(call.request, model)


def complaints_of(error: pydantic.ValidationError, where: str = "body") -> list[dict[str, Any]]:
    """Pydantic's complaints as FastAPI lists them: `type`, `loc`, `msg`, `input` and sometimes `ctx`."""
    return [_complaint(dict(item), where) for item in error.errors(include_url=False)]


def _complaint(item: dict[str, Any], where: str) -> dict[str, Any]:
    item["loc"] = [where, *item["loc"]]
    if "ctx" in item:
        item["ctx"] = {
            name: str(value) if isinstance(value, Exception) else value for name, value in item["ctx"].items()
        }
    if item["type"] == "missing" and where == "query":
        item["input"] = None
    if item["loc"] == ["body"] and item["input"] is None:
        item |= {"type": "missing", "msg": "Field required"}
    return item


def json_complaint(error: validate.JsonRefused) -> dict[str, Any]:
    """Bytes that are no JSON, as FastAPI says it; or JSON beyond our limits, in the same shape."""
    if not error.malformed:
        return {"type": "value_error", "loc": ["body"], "msg": f"Value error, {error.message}", "input": {}}
    context = {"error": error.message}
    return {
        "type": "json_invalid", "loc": ["body", error.position], "msg": "JSON decode error", "input": {}, "ctx": context
    }  # fmt: skip


def missing_header(name: str) -> dict[str, Any]:
    """The complaint about a header that must be there."""
    return {"type": "missing", "loc": ["header", name.lower()], "msg": "Field required", "input": None}
