"""Which features and segments are listed."""

from typing import Any

import django_filters
from django.db.models import Q

from audits.filters import IdFilter
from features.querysets import FeatureQuerySet


class FeatureFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Features of a project, with a tag, in use or not, or with a text in their key or name."""

    project = IdFilter(field_name="project_id")
    tag = django_filters.CharFilter(method="with_tag")
    archived = django_filters.BooleanFilter(field_name="archived_at", lookup_expr="isnull", exclude=True)
    search = django_filters.CharFilter(method="with_text")

    def with_tag(self, rows: FeatureQuerySet, name: str, value: str) -> FeatureQuerySet:
        return rows.tagged(value)

    def with_text(self, rows: FeatureQuerySet, name: str, value: Any) -> FeatureQuerySet:
        return rows.filter(Q(key__icontains=value) | Q(name__icontains=value))


class SegmentFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Segments of a project."""

    project = IdFilter(field_name="project_id")
