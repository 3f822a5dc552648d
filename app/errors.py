"""Exceptions to HTTP, for DRF: the only place where an error becomes a status.

Every error is an object. `detail` is one sentence about the whole request, or, with 422, a list about a malformed one.
In the management API, a 400 has a list of sentences under each field that is wrong, whoever found it wrong; what is
about no field stands in `detail`. Applications' paths answer as their protocol does: always `detail`.
"""

from collections.abc import Mapping
from typing import Any

import pydantic
import structlog
from django.core.exceptions import NON_FIELD_ERRORS, RequestDataTooBig, ValidationError
from django.db import DataError, IntegrityError
from django.http import Http404
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.exceptions import ValidationError as Invalid
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from audits.api import ChangeApi
from decisions.complaints import Complaint
from decisions.engine.validate import JsonRefused
from decisions.outages import SORRY, is_away
from decisions.protocols._fastapi import complaints_of, json_complaint
from decisions.snapshots import Moved
from tenants.api import ManagementViewSet

log = structlog.get_logger(__name__)
_complain = Complaint(log.error, "the database did not answer")

NO_FIELD = (NON_FIELD_ERRORS, "non_field_errors")
"""What Django and DRF call what is about no field."""


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception; None for one that nobody expected."""
    set_rollback()
    if isinstance(error, pydantic.ValidationError):
        return _detail(422, complaints_of(error, "query" if error.title == "query" else "body"))
    if isinstance(error, JsonRefused):
        return _detail(422, [json_complaint(error)])
    if isinstance(error, ValidationError):
        return _refusal(error, context)
    if isinstance(error, RequestDataTooBig):
        return _detail(413, "the body is too large")
    if isinstance(error, Http404):
        return _detail(404, str(error) or "Not Found")
    return _database(error) or _framework(error, context)


def sentence(error: ValidationError) -> str:
    """All complaints of a service as one sentence, each with its field."""
    if not hasattr(error, "error_dict"):
        return "; ".join(error.messages)
    complaints = error.message_dict.items()
    return "; ".join(
        f"{field}: {' '.join(texts)}" if field != NON_FIELD_ERRORS else " ".join(texts) for field, texts in complaints
    )


def by_field(complaints: Any) -> dict[str, Any]:
    """Complaints in lists under the fields that they are about; all others in one sentence under `detail`."""
    if not isinstance(complaints, Mapping):
        complaints = {NON_FIELD_ERRORS: complaints}
    others = [text for name in NO_FIELD for text in _texts(complaints.get(name, []))]
    fields = {name: _texts(found) for name, found in complaints.items() if name not in NO_FIELD}
    return fields | ({"detail": "; ".join(others)} if others else {})


def _texts(found: Any) -> list[str]:
    """Complaints as a flat list; those about an element or a member begin with its name."""
    if isinstance(found, Mapping):
        return [f"{name}: {text}" for name, part in found.items() for text in _texts(part)]
    return [text for part in found for text in _texts(part)] if isinstance(found, list) else [str(found)]


def _is_managed(context: dict[str, Any]) -> bool:
    return isinstance(context.get("view"), ManagementViewSet | ChangeApi)


def _refusal(error: ValidationError, context: dict[str, Any]) -> Response:
    """What a service refused."""
    if _is_managed(context) and hasattr(error, "error_dict"):
        return Response(by_field(error.message_dict), status=400)
    return _detail(409 if getattr(error, "code", None) == "in_use" else 400, sentence(error))


def _database(error: Exception) -> Response | None:
    if is_away(error):
        _complain(error)
        return _detail(503, SORRY, **{"Retry-After": "1"})
    if isinstance(error, IntegrityError | DataError):
        log.warning("the database refused an edit", error=repr(error))
        return _detail(400, "this contradicts what is stored already")
    if isinstance(error, Moved):
        return _detail(503, "the environment is changing too fast to be read; try again", **{"Retry-After": "1"})
    return None


def _framework(error: Exception, context: dict[str, Any]) -> Response | None:
    response = exception_handler(error, context)
    if response is None or not isinstance(error, APIException):
        return response
    if isinstance(error, MethodNotAllowed):
        response.data = {"detail": "Method Not Allowed"}
    if isinstance(error, Invalid) and _is_managed(context):
        response.data = by_field(error.detail)
    return response


def _detail(status: int, detail: object, **headers: str) -> Response:
    return Response({"detail": detail}, status=status, headers=headers)
