"""Organisations, projects, environments, people and keys in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from audits import theme
from audits.services import Actor
from tenants import services
from tenants.admin_base import (
    RoleFields,
    Scope,
    TenantAdmin,
    TenantInline,
    VisibleRelatedFilter,
    has_role,
    is_permitted,
    primary_key,
)
from tenants.authentication import actor_of
from tenants.models import ApiToken, Credential, Environment, Membership, Organisation, Project
from tenants.roles import Kind, Right, Role

_ROLES = {Role.ADMIN: "info", Role.EDITOR: "success", Role.VIEWER: ""}
_KINDS = {Kind.CLIENT: "success", Kind.SERVER: "info", Kind.MANAGE: "warning", Kind.SIGNING: ""}
_KEY_COLUMNS = ("kind_badge", "name", "begins_with", "state", "last_used_at", "expires_at")


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


class IssueForm(theme.Form):
    is_encrypted = forms.BooleanField(
        label="Encrypt documents",
        required=False,
        widget=theme.Switch(),
        help_text="For GrowthBook's SDKs, which are given the key to decrypt them: it hides little from whoever looks.",
    )


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


class CredentialInline(theme.ReadOnly, theme.TabularInline):
    """The keys of an environment, without the keys themselves."""

    model = Credential
    fields = readonly_fields = _KEY_COLUMNS
    show_change_link, hide_title = True, False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_permitted(request, Right.READ, Environment, obj)

    @theme.display(description="Kind")
    def kind_badge(self, credential: Credential) -> SafeString:
        return kind_badge(credential)

    @theme.display(description="Begins with")
    def begins_with(self, credential: Credential) -> str:
        return f"{credential.hint}…"

    @theme.display(description="State")
    def state(self, credential: Credential) -> SafeString:
        return key_state(credential)


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
        (None, {"fields": ["project", "name", "key"]}),
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


class IssuedOnce:
    """What follows adding a key: one page that shows it. It is in no message, no session and no other page."""

    admin_site: Any

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "This is the key",
            "key": request.issued_key,  # type: ignore[attr-defined]
            "row": obj,
            "opts": obj._meta,
            "list_url": reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_changelist"),
        }
        return TemplateResponse(request, "admin/issued.html", context, headers={"Cache-Control": "no-store"})


@admin.register(Credential)
class CredentialAdmin(IssuedOnce, TenantAdmin):
    """Keys to environments: issued, renamed, revoked; never shown again and never deleted."""

    right, scope = Right.ADMINISTER, Scope.ENVIRONMENT
    list_display = ["name", "kind_badge", "begins_with", "environment", "state", "last_used_at", "expires_at"]
    list_select_related = ["environment__project"]
    list_filter = [
        ("environment", VisibleRelatedFilter), ("kind", theme.ChoicesDropdownFilter), "is_active",
    ]  # fmt: skip
    search_fields = ["name", "hint"]
    actions = ["revoke"]
    actions_submit_line = ["revoke_now"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if not obj:
            return ["environment", "kind", "name", "expires_at", "is_remote_only", "is_encrypted"]
        fields = ["environment", "kind", "name", "expires_at", "is_remote_only", "encryption_key"]
        return [*fields, "begins_with", "state", "last_used_at", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        told = ["encryption_key", "begins_with", "state", "last_used_at", "created_at"]
        return ["environment", "kind", *told] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **({} if obj else {"form": IssueForm}) | kwargs)

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> Any:
        live = Credential.objects.filter(pk=primary_key(object_id), is_active=True).exists()
        return super().get_actions_submit_line(request, object_id) if live else []  # type: ignore[misc]

    @theme.display(description="Kind", ordering="kind")
    def kind_badge(self, credential: Credential) -> SafeString:
        return kind_badge(credential)

    @theme.display(description="Begins with")
    def begins_with(self, credential: Credential) -> str:
        return f"{credential.hint}…"

    @theme.display(description="State", ordering="is_active")
    def state(self, credential: Credential) -> SafeString:
        return key_state(credential)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            if "tenants_credential_revoke_now" in request.POST:
                services.revoke_credential(obj, actor=actor_of(request.user, request))
            return
        actor = actor_of(request.user, request)
        credential, request.issued_key = services.issue_credential(**form.cleaned_data, actor=actor)  # type: ignore[attr-defined]
        vars(obj).update(vars(credential))

    def update(self, row: Any, changes: dict[str, Any], *, actor: Actor) -> None:
        services.update_credential(row, actor=actor, **changes)

    @theme.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, services.revoke_credential, "Revoked")

    @theme.action(description="Revoke", icon="block", permissions=["change"])
    def revoke_now(self, request: HttpRequest, obj: Any) -> None:
        """A button; `save_model` does what it says."""


@admin.register(ApiToken)
class ApiTokenAdmin(IssuedOnce, RoleFields, theme.ModelAdmin):
    """One's own tokens for the management API. Superusers see everybody's, to revoke them."""

    list_display = ["name", "user", "begins_with", "state", "expires_at", "created_at"]
    list_select_related = ["user"]
    list_filter = ["is_active"]
    search_fields = ["name", "hint", "user__username"]
    actions = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["user", "name", "begins_with", "state", "expires_at", "created_at"] if obj else ["name", "expires_at"]

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.visible_to(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_role(request, Right.READ)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request, Right.READ)  # whose rows are shown is the queryset's business

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request, Right.READ)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @theme.display(description="Begins with")
    def begins_with(self, token: ApiToken) -> str:
        return f"{token.hint}…"

    @theme.display(description="State", ordering="is_active")
    def state(self, token: ApiToken) -> SafeString:
        return key_state(token)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        token, request.issued_key = services.issue_api_token(request.user, **form.cleaned_data)  # type: ignore[attr-defined]
        vars(obj).update(vars(token))

    @theme.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        for token in queryset:
            services.revoke_api_token(token)
        self.message_user(request, f"Revoked: {len(queryset)}.", messages.SUCCESS)

    def log_addition(self, *args: Any, **kwargs: Any) -> Any:
        return None


def kind_badge(credential: Credential) -> SafeString:
    """What a key is for, in one word."""
    return theme.badge(credential.kind, _KINDS.get(Kind(credential.kind), ""))


def key_state(key: Credential | ApiToken) -> SafeString:
    """Whether a key still opens anything."""
    if not key.is_active:
        return theme.badge("revoked", "danger")
    if key.expires_at and key.expires_at <= timezone.now():
        return theme.badge("expired", "warning")
    return theme.badge("active", "success")
