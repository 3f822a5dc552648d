"""Flags in the admin: the list that shows them in every environment side by side, and their pages."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString

from audits import theme
from audits.services import Actor
from features import services
from features.admin import filters, pages, tagging
from features.admin.columns import column, titled
from features.admin.editors import JsonValue
from features.admin.places import editable_environments
from features.admin.switching import Switching
from features.models import Feature, FeatureState, StatusChoice
from tenants.admin_base import Scope, TenantAdmin
from tenants.admin_places import PARAMETER, chosen_project, visible_environments, visible_projects
from tenants.admin_versions import Versioned, VersionedForm
from tenants.authentication import actor_of
from tenants.models import Environment

SWITCHES_MAX = 12
COLUMNS_MAX = 20


class FeatureForm(VersionedForm):
    tags = theme.WordsField(
        required=False, widget=theme.TextInput(), help_text="Separate them with commas.", initial=list
    )


@admin.register(Feature)
class FeatureAdmin(Switching, Versioned, TenantAdmin):
    """Flags. They are archived, never deleted, because applications and the log go on naming them."""

    scope = Scope.PROJECT
    form = FeatureForm
    list_filter = [
        filters.ProjectFilter,
        filters.StatusFilter,
        filters.TagFilter,
        filters.OwnerFilter,
        filters.StaleFilter,
        filters.ExperimentFilter,
        filters.ArchivedFilter,
    ]
    search_fields = ["key", "name", "description"]
    search_help_text = "Search by key, name or description"
    ordering = ["project", "number"]
    list_per_page = 50
    list_fullwidth = True
    list_display_links = None
    list_before_template = "admin/features/places.html"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ["archive", "restore", "tag", "untag"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("project")

    # The list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        chosen = {"projects": visible_projects(request), "project": chosen_project(request), "title": "Features"}
        if request.method == "GET" and PARAMETER in request.GET and "_popup" not in request.GET:
            others = request.GET.copy()  # the choice is remembered: the address need not repeat it
            del others[PARAMETER]
            return HttpResponseRedirect(f"{request.path}?{others.urlencode()}" if others else request.path)
        return super().changelist_view(request, {**chosen, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list, whose foot says how many it shows; how many there are without its filters is not counted."""
        changelist: Any = super().get_changelist_instance(request)
        states: Any = FeatureState.objects.visible_to(request.user).order_by()
        changelist.result_list = list(changelist.result_list)
        prefetch_related_objects(changelist.result_list, Prefetch("states", states))
        changelist.full_result_count = changelist.result_count
        return changelist

    def get_list_display(self, request: HttpRequest) -> Any:
        project = chosen_project(request)
        editable = editable_environments(request, project.pk) if project else frozenset()
        shown = self.environments(request)[:COLUMNS_MAX]
        return ["title", *(column(each, is_editable=each.pk in editable) for each in shown), "owner"]

    def environments(self, request: HttpRequest) -> list[Environment]:
        """Those that the list has a column for."""
        project = chosen_project(request)
        return visible_environments(request, project) if project else []

    @theme.display(description="Feature", ordering="name")
    def title(self, feature: Feature) -> SafeString:
        return titled(feature)

    def get_actions(self, request: HttpRequest) -> Any:
        """Switching on and off as well, once for each environment of the project that is not protected."""
        actions: dict[str, Any] = super().get_actions(request)
        if "archive" not in actions or "_popup" in request.GET:
            return actions
        project = chosen_project(request)
        editable = editable_environments(request, project.pk) if project else frozenset()
        here = [each for each in self.environments(request) if each.pk in editable and not each.is_protected]
        for environment in here[:SWITCHES_MAX]:
            for status in (StatusChoice.ON, StatusChoice.OFF):
                name = f"switch_{status}_{environment.key}"
                switch = partial(_switch, environment=environment, status=status.value)
                actions[name] = (switch, name, f"Switch {status} in {environment.name}")
        return actions

    @theme.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.archive, "Archived")

    @theme.action(description="Take back from the archive", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.restore, "Taken back")

    @theme.action(description="Add tags…", permissions=["change"])
    def tag(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return tagging.tagged(self, request, queryset, action="tag")

    @theme.action(description="Take tags off…", permissions=["change"])
    def untag(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return tagging.tagged(self, request, queryset, action="untag")

    # The page

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """What the feature is; or, where the address names an environment, what it does there."""
        feature: Any = self.get_object(request, object_id)
        key = request.GET.get("environment")
        if feature is None or key is None:
            return super().change_view(request, object_id, *args, **kwargs)
        environment = next((each for each in visible_environments(request, feature.project) if each.key == key), None)
        if environment is None:
            return HttpResponseRedirect(pages.address_of(feature))
        state = services.state_of(feature, environment)
        there: Any = self.admin_site.get_model_admin(FeatureState)
        tab: HttpResponse = there.change_view(request, str(state.pk))
        return tab

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context |= {"show_save_and_continue": False}
        if feature := kwargs.get("obj"):
            context |= {"head": pages.head_of(request, feature), "title": feature.name}
            context |= {"show_save_and_add_another": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "value_schema":
            kwargs["widget"] = JsonValue()
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first: list[Any] = ["project", ("key", "name"), "value_type"]
        if obj:
            first = [("key", "public_id"), ("project", "value_type"), "name"]
        fields = [*first, "description", "tags", "owner", "value_schema", "is_server_only"]
        return [("Details" if obj else None, {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["key", "public_id", "project", "value_type"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        """The project that the list was about."""
        project = chosen_project(request)
        return ({"project": project.pk} if project else {}) | super().get_changeform_initial_data(request)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """On to the page where its states are set."""
        response = super().response_add(request, obj, post_url_continue)
        if "_addanother" in request.POST or "_popup" in request.POST:
            return response
        return HttpResponseRedirect(pages.address_of(obj))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        self.message_user(request, f"{obj.name} was saved.", "success")
        return HttpResponseRedirect(pages.address_of(obj))

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        return services.create_feature(**{name: values[name] for name in values if name != "version"}, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_feature(row, actor=actor, **changes)

    @theme.display(description="Id", ordering="number")
    def public_id(self, feature: Feature) -> str:
        return feature.public_id


def _switch(
    model_admin: FeatureAdmin, request: HttpRequest, queryset: Any, *, environment: Environment, status: str
) -> None:
    """Switch the chosen features in one environment; features of other projects are left alone."""
    if environment.pk not in editable_environments(request, environment.project_id):
        return
    edit: Callable[..., object] = partial(services.switch, environment=environment, status=status)
    actor, count = actor_of(request.user, request), 0
    for feature in queryset.in_project(environment.project_id):
        edit(feature, actor=actor)
        count += 1
    model_admin.message_user(request, f"Switched {status} in {environment.name}: {count}.")
