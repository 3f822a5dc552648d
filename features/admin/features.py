"""Flags in the admin: what they are, and what they do in each environment."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString

from audits import theme
from audits.services import Actor
from features import services
from features.models import Feature, FeatureState, StatusChoice
from tenants.admin_base import Scope, TenantAdmin, TenantInline, VisibleRelatedFilter, is_permitted, primary_key
from tenants.authentication import actor_of
from tenants.models import Environment
from tenants.roles import Right

SWITCHES_MAX = 12
_STATUSES = {StatusChoice.ON: "success", StatusChoice.OFF: "", StatusChoice.EXPERIMENT: "info"}


class FeatureForm(theme.Form):
    tags = theme.WordsField(
        required=False, widget=theme.TextInput(), help_text="Separate them with commas.", initial=list
    )


class StateForm(theme.Form):
    """One environment's row. Where the role does not reach, it shows and takes nothing."""

    editable: frozenset[int] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        state: Any = self.instance
        if state.pk is None:
            return
        if "active_experiment" in self.fields:
            active: Any = self.fields["active_experiment"]
            active.queryset = state.feature.experiments.filter(environment=state.environment_id)
        for field in self.fields.values():
            field.disabled = field.disabled or state.environment_id not in self.editable


class StateInline(TenantInline):
    """What a feature does in each environment."""

    model = FeatureState
    form = StateForm
    fields = ["where", "status", "on_value", "off_value", "rollout_percent", "active_experiment"]
    readonly_fields = ["where"]
    verbose_name_plural = "In each environment"
    can_delete = False
    show_change_link = True

    @theme.display(description="Environment")
    def where(self, state: FeatureState) -> str:
        return state.environment.name

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("environment", "feature", "active_experiment")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.editable = editable_environments(request, obj)
        return formset

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or bool(editable_environments(request, obj))

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        return services.set_state(row.feature, row.environment, actor=actor, **changes)


class StatusFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("on", "On somewhere"), ("experiment", "In an experiment somewhere"), ("off", "Off everywhere")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        states: Any = FeatureState.objects.visible_to(request.user).order_by()
        if self.value() in {StatusChoice.ON, StatusChoice.EXPERIMENT}:
            return queryset.filter(pk__in=states.filter(status=self.value()).values("feature"))
        if self.value() == StatusChoice.OFF:
            return queryset.exclude(pk__in=states.exclude(status=StatusChoice.OFF).values("feature"))
        return queryset


class ArchivedFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "archived", "archived"
    all_option = ["", "Live"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("only", "Archived"), ("too", "Live and archived")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "too":
            return queryset
        return queryset.exclude(archived_at=None) if self.value() == "only" else queryset.live()


@admin.register(Feature)
class FeatureAdmin(TenantAdmin):
    """Flags. They are archived, never deleted, because applications and the log go on naming them."""

    scope = Scope.PROJECT
    form = FeatureForm
    list_display = ["key", "public_id", "name", "statuses", "tag_badges", "owner", "project"]
    list_filter = [("project", VisibleRelatedFilter), StatusFilter, ArchivedFilter]
    search_fields = ["key", "name"]
    ordering = ["project", "number"]
    inlines = [StateInline]
    actions = ["archive", "restore"]

    def get_queryset(self, request: HttpRequest) -> Any:
        environments: Any = Environment.objects.visible_to(request.user).order_by("pk")
        states: Any = FeatureState.objects.visible_to(request.user).order_by()
        rows: Any = super().get_queryset(request).select_related("project")
        return rows.prefetch_related(Prefetch("project__environments", environments), Prefetch("states", states))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first: list[Any] = ["project", ("key", "name"), "value_type"]
        if obj:
            first = [("key", "public_id"), ("project", "value_type"), "name"]
        fields = [*first, "description", ("tags", "owner"), "value_schema", "is_server_only"]
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        fixed = ["key", "public_id", "project", "value_type"]
        if is_permitted(request, self.right, Feature, obj):
            return fixed
        return [*fixed, "name", "description", "tags", "owner", "value_schema", "is_server_only"]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Also for those whose role is on one environment only: they change what the feature does there."""
        if super().has_change_permission(request, obj) or obj is None:
            return super().has_change_permission(request, obj)
        return bool(editable_environments(request, obj))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Every environment has its row on the page, also one that was made after the feature."""
        feature: Any = self.get_object(request, object_id)
        for environment in feature.project.environments.all() if feature else []:
            services.state_of(feature, environment)
        return super().change_view(request, object_id, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """On to the page where its states are set."""
        response = super().response_add(request, obj, post_url_continue)
        if "_addanother" in request.POST or "_popup" in request.POST:
            return response
        return HttpResponseRedirect(reverse("admin:features_feature_change", args=[obj.pk]))

    def get_actions(self, request: HttpRequest) -> Any:
        """Switching on and off, once for each environment that the list can be about."""
        actions: dict[str, Any] = super().get_actions(request)
        environments: Any = Environment.objects.permitting(request.user, self.right).order_by("key")
        if project := primary_key(request.GET.get("project__id__exact")):
            environments = environments.filter(project=project)
        for key in environments.values_list("key", flat=True).distinct()[:SWITCHES_MAX]:
            for status in (StatusChoice.ON, StatusChoice.OFF):
                name = f"switch_{status}_{key}"
                actions[name] = (partial(_switch, key=key, status=status), name, f"Switch {status} in {key}")
        return actions

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        return services.create_feature(**values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_feature(row, actor=actor, **changes)

    @theme.display(description="Id", ordering="number")
    def public_id(self, feature: Feature) -> str:
        return feature.public_id

    @theme.display(description="Status")
    def statuses(self, feature: Feature) -> SafeString:
        states = {state.environment_id: state for state in feature.states.all()}
        archived = [("archived", "warning")] if feature.archived_at else []
        shown = (_shown(environment, states.get(environment.pk)) for environment in feature.project.environments.all())
        return theme.badges([*archived, *shown])

    @theme.display(description="Tags")
    def tag_badges(self, feature: Feature) -> SafeString:
        return theme.badges((tag, "") for tag in feature.tags)

    @theme.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.archive, "Archived")

    @theme.action(description="Take back from the archive", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.restore, "Taken back")


def editable_environments(request: HttpRequest, feature: Any) -> frozenset[int]:
    """The environments of a feature's project in which a person may edit. Unfold passes a primary key as well."""
    if feature is None:
        return frozenset()
    environments: Any = Environment.objects.permitting(request.user, Right.EDIT).order_by()
    return frozenset(environments.filter(project__features=primary_key(feature)).values_list("pk", flat=True))


def _switch(model_admin: FeatureAdmin, request: HttpRequest, queryset: Any, *, key: str, status: str) -> None:
    """Switch the chosen features in the environments of this key; features of other projects are left alone."""
    actor, count = actor_of(request.user, request), 0
    environments: Any = Environment.objects.permitting(request.user, Right.EDIT).filter(key=key)
    by_project = {environment.project_id: environment for environment in environments}
    for feature in queryset:
        if environment := by_project.get(feature.project_id):
            services.switch(feature, environment, status=status, actor=actor)
            count += 1
    model_admin.message_user(request, f"Switched {status} in {key}: {count}.")


def _shown(environment: Environment, state: FeatureState | None) -> tuple[str, str]:
    status = StatusChoice(state.status) if state else StatusChoice.OFF
    part = (
        f" {theme.percent(state.rollout_percent)}%" if state and status == "on" and state.rollout_percent < 100 else ""
    )
    return f"{environment.key} {status}{part}", _STATUSES[status]
