"""Exceptions to HTTP, for DRF: the only place where an error becomes a status."""

from typing import Any

import pydantic
import structlog
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from decisions.engine.validate import JsonRefused
from decisions.protocols.feature_hub import complaints_of, json_complaint

log = structlog.get_logger(__name__)


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """`{"detail": …}`: a list with 422 for a malformed request, else one sentence."""
    set_rollback()
    if isinstance(error, pydantic.ValidationError):
        return _detail(422, complaints_of(error, "query" if error.title == "query" else "body"))
    if isinstance(error, JsonRefused):
        return _detail(422, [json_complaint(error)])
    if isinstance(error, ValidationError):
        return _detail(409 if getattr(error, "code", None) == "in_use" else 400, sentence(error))
    if isinstance(error, RequestDataTooBig):
        return _detail(413, "the body is too large")
    if isinstance(error, Http404):
        return _detail(404, str(error) or "Not Found")
    if isinstance(error, OperationalError | InterfaceError):
        log.error("the database did not answer", error=repr(error))
        return _detail(503, "the database is not available; try again", **{"Retry-After": "1"})
    if isinstance(error, IntegrityError | DataError):
        log.warning("the database refused an edit", error=repr(error))
        return _detail(400, "this contradicts what is stored already")
    return _framework(error, context)


def sentence(error: ValidationError) -> str:
    """All complaints of a service as one sentence, each with its field."""
    if not hasattr(error, "error_dict"):
        return "; ".join(error.messages)
    complaints = error.message_dict.items()
    return "; ".join(
        f"{field}: {' '.join(texts)}" if field != "__all__" else " ".join(texts) for field, texts in complaints
    )


def _framework(error: Exception, context: dict[str, Any]) -> Response | None:
    response = exception_handler(error, context)
    if response is None or not isinstance(error, APIException):
        return response
    if isinstance(error, MethodNotAllowed):
        response.data = {"detail": "Method Not Allowed"}
    return response


def _detail(status: int, detail: object, **headers: str) -> Response:
    return Response({"detail": detail}, status=status, headers=headers)
