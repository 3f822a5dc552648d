"""Which changes are listed. An id is a number: nobody is told of a row that they may not see."""

from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django_filters import Filter
from drf_spectacular.utils import extend_schema_field

from audits.serializers import restore_plus
from decisions.engine.conditions.operators import instant
from decisions.engine.validate import INTEGER_MAX


class IdFilter(Filter):  # type: ignore[misc]
    """Rows that refer to the row with this id."""

    field_class = forms.IntegerField

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=INTEGER_MAX, **options)  # beyond it, SQLite cannot be asked


class MomentField(forms.Field):
    """A moment in ISO 8601; one without an offset is in UTC."""

    def to_python(self, value: Any) -> datetime | None:
        moment = instant(restore_plus(value)) if value else None
        if value and moment is None:
            raise ValidationError("Write a moment in ISO 8601, such as 2030-01-31T12:00:00Z.", code="invalid")
        return moment


@extend_schema_field({"type": "string", "format": "date-time"})
class MomentFilter(Filter):  # type: ignore[misc]
    """Rows from before or after a moment."""

    field_class = MomentField


class ChangeFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Changes in a project or an environment: what was done, to what, by whom and when. Both moments are included."""

    project = IdFilter(field_name="project_id")
    environment = IdFilter(field_name="environment_id")
    action = django_filters.CharFilter()
    object_type = django_filters.CharFilter()
    object_id = IdFilter(field_name="object_id")
    actor = django_filters.CharFilter()
    request_id = django_filters.CharFilter()
    since = MomentFilter(field_name="created_at", lookup_expr="gte")
    until = MomentFilter(field_name="created_at", lookup_expr="lte")
