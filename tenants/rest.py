"""What every REST view starts with: the caller's environment, the actor for the log, and a body that was checked."""

from django.core.exceptions import RequestDataTooBig
from rest_framework.request import Request

from audits.services import Actor
from decisions.engine.validate import BODY_LIMIT
from tenants.authentication import Access
from tenants.bodies import Body, read
from tenants.models import Environment


def environment_of(request: Request) -> Environment:
    """The environment that this request may touch; permissions have seen to it that there is one."""
    access: Access = request.auth  # type: ignore[assignment]
    assert access.environment is not None  # noqa: S101
    return access.environment


def actor_of(request: Request) -> Actor:
    access: Access = request.auth  # type: ignore[assignment]
    return access.actor


def body_of(request: Request, model: type[Body]) -> Body:
    """The JSON body as the model reads it. Django counts only what was announced, so that chunks are counted here."""
    if len(request.body) > BODY_LIMIT:
        raise RequestDataTooBig(f"the body is larger than {BODY_LIMIT} bytes")
    return read(request.body, request.content_type, model)
