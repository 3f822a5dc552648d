"""Organisations, projects, environments and people in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString

from audits import theme
from audits.services import Actor
from tenants import services
from tenants.admin_base import (
    Scope,
    TenantAdmin,
    TenantInline,
    VisibleRelatedFilter,
    primary_key,
)
from tenants.admin_credentials import CredentialInline
from tenants.authentication import actor_of
from tenants.models import Environment, Membership, Organisation, Project
from tenants.roles import Right, Role

_ROLES = {Role.ADMIN: "info", Role.EDITOR: "success", Role.VIEWER: ""}


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A person by user name, so that nobody is shown who else has an account."""

    def __init__(self, **kwargs: Any) -> None:
        people = get_user_model().objects.filter(is_active=True)
        super().__init__(people, to_field_name="username", widget=theme.TextInput(), **kwargs)
        self.error_messages["invalid_choice"] = "Nobody who may log in has this user name."

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and "\x00" in value:
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().to_python(value)


class MembershipForm(theme.Form):
    user = PersonField(label="User name")


class EnvironmentInline(TenantInline):
    """The environments of a project."""

    model = Environment
    right = Right.ADMINISTER
    fields = ["key", "name", "changed_at"]
    readonly_fields = ["changed_at"]
    show_change_link, hide_title = True, False

    def create(self, parent: Any, values: dict[str, Any], *, actor: Actor) -> object:
        return services.create_environment(parent, **{"key": "", "name": "", **values}, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> object:
        return services.update_environment(row, actor=actor, **changes)


@admin.register(Organisation)
class OrganisationAdmin(TenantAdmin):
    """Tenants. Only a superuser makes one."""

    right = Right.ADMINISTER
    list_display = ["name", "key", "created_at"]
    search_fields = ["name", "key"]
    fields = ["name", "key"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        return services.create_organisation(**values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_organisation(row, actor=actor, **changes)


@admin.register(Project)
class ProjectAdmin(TenantAdmin):
    """Projects with their environments."""

    right, scope = Right.ADMINISTER, Scope.ORGANISATION
    list_display = ["name", "id", "key", "organisation", "bucketing"]
    list_select_related = ["organisation"]
    list_filter = [("organisation", VisibleRelatedFilter)]
    search_fields = ["name", "key"]
    fields = ["organisation", "name", "key", "bucketing"]
    inlines = [EnvironmentInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["organisation"] if obj else []

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        return services.create_project(**values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_project(row, actor=actor, **changes)


@admin.register(Environment)
class EnvironmentAdmin(TenantAdmin):
    """Environments with their keys."""

    right, scope = Right.ADMINISTER, Scope.PROJECT
    list_display = ["name", "key", "project", "changed_at"]
    list_select_related = ["project"]
    list_filter = [("project", VisibleRelatedFilter)]
    search_fields = ["name", "key", "project__name"]
    fieldsets = [
        (None, {"fields": ["project", "name", "key", "is_protected"]}),
        (
            "What applications are told",
            {"fields": ["hide_disabled_flags", "hide_sensitive_data", "allow_client_traits", "persist_traits"]},
        ),
    ]
    inlines = [CredentialInline]
    actions_detail = ["issue_key"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["project"] if obj else []

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else []

    @theme.action(description="Issue a key", icon="key", permissions=["change"])
    def issue_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(f"{reverse('admin:tenants_credential_add')}?environment={primary_key(object_id)}")

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        return services.create_environment(**values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_environment(row, actor=actor, **changes)


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    """Who has which role where."""

    right, scope = Right.ADMINISTER, Scope.ORGANISATION
    form = MembershipForm
    list_display = ["user", "role_badge", "organisation", "project", "environment"]
    list_select_related = ["user", "organisation", "project", "environment__project"]
    list_filter = [("organisation", VisibleRelatedFilter), ("role", theme.ChoicesDropdownFilter)]
    search_fields = ["user__username", "organisation__name"]
    fields = ["user", "role", "organisation", "project", "environment"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["user", "organisation", "project", "environment"] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **({"form": theme.Form} if obj else {}) | kwargs)

    @theme.display(description="Role", ordering="role")
    def role_badge(self, membership: Membership) -> SafeString:
        return theme.badge(Role(membership.role).label, _ROLES[Role(membership.role)])

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def create(self, values: dict[str, Any], *, actor: Actor) -> Any:
        return services.set_role(**values, actor=actor)

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.set_role(
            row.user, row.organisation, project=row.project, environment=row.environment, actor=actor, **changes
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.remove_member(obj, actor=actor_of(request.user, request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for membership in queryset.permitting(request.user, self.right):
            services.remove_member(membership, actor=actor_of(request.user, request))
