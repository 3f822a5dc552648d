"""What every REST view starts with: the caller's environment, the actor for the log, and a body that was checked."""

from typing import TypeVar

import pydantic
from rest_framework.request import Request

from audits.services import Actor
from decisions.engine.validate import parse_json
from tenants.authentication import Access
from tenants.models import Environment

Body = TypeVar("Body", bound=pydantic.BaseModel)


def environment_of(request: Request) -> Environment:
    """The environment that this request may touch; permissions have seen to it that there is one."""
    access: Access = request.auth  # type: ignore[assignment]
    assert access.environment is not None  # noqa: S101
    return access.environment


def actor_of(request: Request) -> Actor:
    access: Access = request.auth  # type: ignore[assignment]
    return access.actor


def body_of(request: Request, model: type[Body]) -> Body:
    """The JSON body as the model reads it. Raises pydantic's ValidationError or the engine's JsonRefused."""
    body = request.body
    if not body:
        return model.model_validate(None, from_attributes=True)
    content_type = (request.content_type or "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        return model.model_validate(body.decode("utf-8", "replace"), from_attributes=True)
    return model.model_validate(parse_json(body), from_attributes=True)
