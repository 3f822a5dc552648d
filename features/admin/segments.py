"""Segments in the admin: built by clicking, read as a sentence, tried on those that were seen."""

from typing import Any

from django.contrib import admin
from django.forms import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.safestring import SafeString

from audits import theme
from audits.services import Actor
from features import services
from features.admin import segment_views
from features.admin.conditions import ConditionsField
from features.models import Segment
from tenants.admin_base import Removable, Scope, TenantAdmin, VisibleRelatedFilter
from tenants.admin_versions import Versioned, VersionedForm

SHOWN_IN_LIST = 120


class SegmentForm(VersionedForm):
    conditions = ConditionsField(label="Who is meant")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        conditions = self.fields.get("conditions")
        if self.instance.pk and isinstance(conditions, ConditionsField):
            conditions.about(self.instance.project_id, self.instance.pk)


@admin.register(Segment)
class SegmentAdmin(Removable, Versioned, TenantAdmin):
    """Segments. They go when nothing refers to them any more."""

    scope = Scope.PROJECT
    form = SegmentForm
    list_display = ["key", "name", "meaning", "project"]
    list_select_related = ["project"]
    list_filter = [("project", VisibleRelatedFilter)]
    search_fields = ["key", "name"]
    change_form_before_template = "admin/features/segment/above.html"
    change_form_outer_after_template = "admin/features/segment/below.html"

    class Media:
        js = [Script("features/matches.js", type="module")]
        css = {"all": ["features/conditions.css", "features/features.css"]}

    def get_urls(self) -> list[Any]:
        views = {
            "vocabulary": segment_views.vocabulary_view,
            "reading": segment_views.reading_view,
            "matches": segment_views.matches_view,
        }
        guarded = {name: self.admin_site.admin_view(view) for name, view in views.items()}
        own = [path(f"{name}/", view, name=f"features_segment_{name}") for name, view in guarded.items()]
        return own + super().get_urls()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = "conditions" if obj is None or self.has_change_permission(request, obj) else "meant"
        return [(None, {"fields": ["project", ("key", "name"), "description", shown]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["project", "key", "meant"] if obj else []

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        segment = kwargs.get("obj")
        below = segment_views.panels(request, segment) if segment else {}
        return super().render_change_form(request, context | below, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """On to its page, which shows who matches."""
        response = super().response_add(request, obj, post_url_continue)
        if "_addanother" in request.POST or "_popup" in request.POST:
            return response
        return HttpResponseRedirect(reverse("admin:features_segment_change", args=[obj.pk]))

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        given = {name: value for name, value in values.items() if name != "version"}
        return services.create_segment(**given, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_segment(row, actor=actor, **changes)

    def users(self, row: Any) -> list[str]:
        return services.users_of(row)

    def remove(self, row: Any, *, actor: Actor) -> None:
        services.delete_segment(row, actor=actor)

    @theme.display(description="Who is meant")
    def meant(self, segment: Segment) -> SafeString:
        """For those who only read: in words, and as it is stored."""
        return theme.said(segment.sentence, theme.as_json(segment.conditions))

    @theme.display(description="Who is meant")
    def meaning(self, segment: Segment) -> str:
        text = segment.sentence
        return text if len(text) <= SHOWN_IN_LIST else f"{text[:SHOWN_IN_LIST]}…"
