"""Segments in the admin: their conditions as JSON, and what these say in words."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from audits import theme
from audits.services import Actor
from features import services
from features.models import Segment
from tenants.admin_base import Removable, Scope, TenantAdmin, VisibleRelatedFilter

SHOWN_IN_LIST = 120


@admin.register(Segment)
class SegmentAdmin(Removable, TenantAdmin):
    """Segments. They go when nothing refers to them any more."""

    scope = Scope.PROJECT
    list_display = ["key", "name", "meaning", "project"]
    list_select_related = ["project"]
    list_filter = [("project", VisibleRelatedFilter)]
    search_fields = ["key", "name"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = ["sentence"] if obj else []
        return [(None, {"fields": ["project", ("key", "name"), "description", "conditions", *shown]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["project", "key", "sentence"] if obj else []

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        return services.create_segment(**values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_segment(row, actor=actor, **changes)

    def users(self, row: Any) -> list[str]:
        return services.users_of(row)

    def remove(self, row: Any, *, actor: Actor) -> None:
        services.delete_segment(row, actor=actor)

    @theme.display(description="Who is meant")
    def sentence(self, segment: Segment) -> str:
        return segment.sentence

    @theme.display(description="Who is meant")
    def meaning(self, segment: Segment) -> str:
        text = segment.sentence
        return text if len(text) <= SHOWN_IN_LIST else f"{text[:SHOWN_IN_LIST]}…"
