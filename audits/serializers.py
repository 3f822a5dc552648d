"""JSON shapes of the log: which decisions are asked for, and how one is shown."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Annotated, Any

import pydantic
from django.core.exceptions import ValidationError
from pydantic import AfterValidator, BeforeValidator
from rest_framework import serializers

from audits.models import Decision
from decisions.engine.public_ids import EXPERIMENT, FEATURE, VARIANT, optional_id, public_id

OFFSET_MAX = 10**15


def instant(value: datetime) -> datetime:
    """A moment in UTC; one without an offset is taken to be in UTC."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this moment is beyond the calendar") from error


def restore_plus(value: object) -> object:
    """A plus sign that was not percent-encoded arrives as a space; before an offset it can only have been a plus."""
    return value.replace(" ", "+") if isinstance(value, str) and "T" in value else value


def storable(value: str) -> str:
    """Text that a database can compare with."""
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must not contain NUL characters or lone surrogates")
    return value


Text = Annotated[str, AfterValidator(storable)]
Instant = Annotated[datetime, BeforeValidator(restore_plus), AfterValidator(instant)]


class AuditQuery(pydantic.BaseModel):
    """Which decisions are asked for."""

    model_config = pydantic.ConfigDict(title="query")

    feature_id: Text
    cursor: Text = ""
    limit: int = 50
    experiment_id: Text = ""
    variant_id: Text = ""
    variant_key: Text = ""
    reason: list[Text] = []
    user_id: Text = ""
    request_id: Text = ""
    since: Instant | None = pydantic.Field(None, alias="from")
    until: Instant | None = pydantic.Field(None, alias="to")
    include_payload: bool = True


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """A decision as it was made. Dates are UTC instants; `variant_payload` is null when it was not asked for."""

    id = serializers.CharField(source="public_id", read_only=True)
    feature_id = serializers.SerializerMethodField()
    experiment_id = serializers.SerializerMethodField()
    experiment_name = serializers.SerializerMethodField()
    variant_id = serializers.SerializerMethodField()
    variant_payload = serializers.SerializerMethodField()

    class Meta:
        model = Decision
        fields = [
            "id",
            "decided_at",
            "request_id",
            "user_id",
            "feature_id",
            "feature_key",
            "feature_name",
            "experiment_id",
            "experiment_name",
            "variant_id",
            "variant_key",
            "is_control",
            "reason",
            "variant_payload",
        ]
        read_only_fields = fields

    def get_feature_id(self, decision: Decision) -> str:
        return public_id(FEATURE, decision.feature_number)

    def get_experiment_id(self, decision: Decision) -> str | None:
        return optional_id(EXPERIMENT, decision.experiment_number)

    def get_experiment_name(self, decision: Decision) -> str | None:
        return decision.experiment_name if decision.experiment_number else None

    def get_variant_id(self, decision: Decision) -> str | None:
        return optional_id(VARIANT, decision.variant_number)

    def get_variant_payload(self, decision: Decision) -> dict[str, Any] | None:
        payload: dict[str, Any] = decision.payload
        return payload if self.context.get("include_payload", True) else None


class AuditPageSerializer(serializers.Serializer[Any]):
    """A page of decisions, newest first; `next_cursor` is null on the last one."""

    items = DecisionSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def offset_of(cursor: str) -> int:
    """The offset in a cursor: base64 of {"offset": N}, or plain digits. Raises ValidationError."""
    if not cursor:
        return 0
    if cursor.isascii() and cursor.isdigit():
        offset: object = int(cursor[:20])
    else:
        offset = _decoded(cursor)
    if isinstance(offset, bool) or not isinstance(offset, int) or not 0 <= offset <= OFFSET_MAX:
        raise ValidationError("invalid query invalid_cursor")
    return offset


def cursor_of(offset: int) -> str:
    """The cursor of the page that begins at an offset."""
    return base64.b64encode(json.dumps({"offset": offset}, separators=(",", ":")).encode()).decode()


def _decoded(cursor: str) -> object:
    try:
        value = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=None, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return value.get("offset", 0) if isinstance(value, dict) else None
