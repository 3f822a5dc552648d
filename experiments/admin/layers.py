"""Layers in the admin, each with its slots."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audits import theme
from audits.services import Actor
from experiments import services
from experiments.models import Layer, SlotRange
from tenants.admin_base import Removable, Scope, TenantAdmin, TenantInline, VisibleRelatedFilter


class SlotInline(theme.ReadOnly, TenantInline):
    """Who holds which slots."""

    model = SlotRange
    fields = ["environment", "holder", "start", "end"]
    readonly_fields = ["holder"]

    @theme.display(description="Held by")
    def holder(self, held: SlotRange) -> str:
        return str(held.experiment or "nobody: a holdout")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("experiment", "environment__project")


@admin.register(Layer)
class LayerAdmin(Removable, TenantAdmin):
    """Layers. They go when nobody holds a slot any more."""

    scope = Scope.PROJECT
    list_display = ["key", "name", "project", "held"]
    list_select_related = ["project"]
    list_filter = [("project", VisibleRelatedFilter)]
    search_fields = ["key", "name"]
    inlines = [SlotInline]

    def get_queryset(self, request: HttpRequest) -> Any:
        ranges: Any = SlotRange.objects.visible_to(request.user).select_related("environment")
        return super().get_queryset(request).prefetch_related(Prefetch("ranges", ranges))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ["project", "key", "name", *(["seed"] if obj else [])]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["project", "key", "seed"] if obj else []

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else []

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        return services.create_layer(**values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_layer(row, actor=actor, **changes)

    def users(self, row: Any) -> list[str]:
        return services.holders_of(row)

    def remove(self, row: Any, *, actor: Actor) -> None:
        services.delete_layer(row, actor=actor)

    @theme.display(description="Slots held")
    def held(self, layer: Layer) -> SafeString:
        """By environment."""
        sums: dict[str, int] = {}
        for held in layer.ranges.all():
            sums[held.environment.key] = sums.get(held.environment.key, 0) + held.end - held.start
        return theme.badges((f"{key} {count:,}", "") for key, count in sorted(sums.items()))
