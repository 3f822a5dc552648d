"""Layers in the admin, each with its slots."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from audits import theme
from audits.services import Actor
from experiments import services
from experiments.admin.slots import bar_of
from experiments.models import Layer, SlotRange
from tenants.admin_base import (
    Removable,
    Scope,
    TenantAdmin,
    TenantInline,
    VisibleRelatedFilter,
    is_permitted,
    primary_key,
)
from tenants.authentication import actor_of
from tenants.models import Environment
from tenants.roles import Right


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
    change_form_outer_before_template = "admin/experiments/layer.html"

    class Media:
        css = {"all": ["experiments/experiments.css"]}

    def get_urls(self) -> list[Any]:
        holdout = self.admin_site.admin_view(require_POST(self.holdout_view))
        return [path("<int:pk>/holdout/", holdout, name="experiments_layer_holdout"), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        layer = kwargs.get("obj")
        if layer is not None:
            here: Any = Environment.objects.visible_to(request.user).filter(project=layer.project_id).order_by("pk")
            editable = set(here.permitting(request.user, Right.EDIT).values_list("pk", flat=True))
            context["places"] = [(bar_of(layer, place), place.pk in editable) for place in here]
        return super().render_change_form(request, context, *args, **kwargs)

    def holdout_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Reserve slots for nobody in one environment; it takes the right to edit there."""
        layer = self.get_queryset(request).filter(pk=primary_key(pk)).first()
        places: Any = Environment.objects.visible_to(request.user)
        environment = places.filter(pk=primary_key(request.POST.get("environment", ""))).first()
        if layer is None or environment is None:
            raise Http404
        if not is_permitted(request, Right.EDIT, Environment, environment):
            raise PermissionDenied
        asked = request.POST.get("slots", "")
        slots = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 5 else -1
        try:
            services.set_holdout(layer, environment, slots=slots, actor=actor_of(request.user, request))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, f"{slots:,} slots are held out in {environment.name}.")
        return HttpResponseRedirect(reverse("admin:experiments_layer_change", args=[layer.pk]))

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
