"""Keys in the admin: issued, rotated and revoked. What is shown once comes with how to use it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
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
    VisibleRelatedFilter,
    has_role,
    is_permitted,
    primary_key,
)
from tenants.authentication import actor_of
from tenants.models import ApiToken, Credential, Environment
from tenants.roles import Kind, Right
from tenants.serializers import OVERLAP_MAX

KINDS = {Kind.CLIENT: "success", Kind.SERVER: "info", Kind.MANAGE: "warning", Kind.SIGNING: ""}
KEY_COLUMNS = ("kind_badge", "name", "begins_with", "state", "last_used", "expires")
SOON = timedelta(days=14)
HOUR = 3600


class Snippet(NamedTuple):
    """Code that works with a key."""

    title: str
    code: str


class Chapter(NamedTuple):
    """What can be done with a key by one kind of client."""

    title: str
    note: str
    snippets: list[Snippet]


guides: list[Callable[[HttpRequest, Credential, str], list[Chapter]]] = []
"""Asked for each key that is shown. Whoever knows how keys are used adds itself when it starts."""


class IssueForm(theme.Form):
    is_encrypted = forms.BooleanField(
        label="Encrypt documents",
        required=False,
        widget=theme.Switch(),
        help_text="For GrowthBook's SDKs, which are given the key to decrypt them: it hides little from whoever looks.",
    )


class RotationForm(forms.Form):
    """How long both keys are good."""

    hours = forms.IntegerField(
        label="Hours during which both keys work",
        min_value=0,
        max_value=OVERLAP_MAX // HOUR,
        initial=24,
        widget=theme.TextInput(attrs={"inputmode": "numeric"}),
        help_text="Enough for every application to get the new one. With 0, the old key ends at once.",
    )
    name = forms.CharField(
        label="Name of the new key", max_length=128, widget=theme.TextInput(), help_text="People tell keys apart by it."
    )


class KeyColumns:
    """What lists and pages say of a key, whatever it opens."""

    @theme.display(description="Kind", ordering="kind")
    def kind_badge(self, credential: Credential) -> SafeString:
        return kind_badge(credential)

    @theme.display(description="Begins with")
    def begins_with(self, key: Credential | ApiToken) -> str:
        return f"{key.hint}…"

    @theme.display(description="State", ordering="is_active")
    def state(self, key: Credential | ApiToken) -> SafeString:
        return key_state(key)

    @theme.display(description="Last used", ordering="last_used_at")
    def last_used(self, credential: Credential) -> str:
        return when_used(credential)

    @theme.display(description="Expires", ordering="expires_at")
    def expires(self, key: Credential | ApiToken) -> SafeString | str:
        return when_expiring(key)


class CredentialInline(KeyColumns, theme.ReadOnly, theme.TabularInline):
    """The keys of an environment, without the keys themselves."""

    model = Credential
    fields = readonly_fields = KEY_COLUMNS
    show_change_link, hide_title = True, False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_permitted(request, Right.READ, Environment, obj)


class IssuedOnce:
    """What follows adding a key: one page that shows it. It is in no message, no session and no other page."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return shown_once(request, obj, request.issued_key)  # type: ignore[attr-defined]


def shown_once(request: HttpRequest, row: Credential | ApiToken, key: str, until: Any = None) -> HttpResponse:
    """The page that shows a key; `until` is how long the one before it is good."""
    base = request.build_absolute_uri("/").rstrip("/")
    if isinstance(row, Credential):
        chapters = [chapter for ask in guides for chapter in ask(request, row, key)]
    else:
        curl = f"curl -sS {base}/api/v1/environments/ \\\n  -H 'Authorization: Token {key}'"
        chapters = [
            Chapter("Management API", "For scripts: with it, they may do what you may.", [Snippet("curl", curl)])
        ]
    response = theme.shown(
        request,
        "admin/tools/issued.html",
        "This is the key",
        key=key,
        row=row,
        chapters=chapters,
        until=until,
        list_url=reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist"),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@admin.register(Credential)
class CredentialAdmin(IssuedOnce, KeyColumns, TenantAdmin):
    """Keys to environments: issued, rotated, renamed, revoked; never shown again and never deleted."""

    right, scope = Right.ADMINISTER, Scope.ENVIRONMENT
    list_display = ["name", "kind_badge", "begins_with", "environment", "state", "last_used", "expires"]
    list_select_related = ["environment__project"]
    list_filter = [
        ("environment", VisibleRelatedFilter), ("kind", theme.ChoicesDropdownFilter), "is_active",
    ]  # fmt: skip
    search_fields = ["name", "hint"]
    actions = ["revoke"]
    actions_detail = ["rotate", "local_evaluation"]
    actions_submit_line = ["revoke_now"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if not obj:
            return ["environment", "kind", "name", "expires_at", "is_remote_only", "is_encrypted"]
        fields = ["environment", "kind", "name", "expires_at", "is_remote_only", "encryption_key"]
        return [*fields, "begins_with", "state", "last_used", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        told = ["encryption_key", "begins_with", "state", "last_used", "created_at"]
        return ["environment", "kind", *told] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **({} if obj else {"form": IssueForm}) | kwargs)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Whoever may not, and a key that has ended, sees no way to rotate it."""
        found = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        keys: Any = Credential.objects.live().permitting(request.user, self.right)
        may = keys.filter(pk=primary_key(object_id)).exists()
        return [one for one in found if may or not one.action_name.endswith("rotate")]

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> Any:
        live = Credential.objects.filter(pk=primary_key(object_id), is_active=True).exists()
        return super().get_actions_submit_line(request, object_id) if live else []  # type: ignore[misc]

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

    @theme.action(description="Rotate", icon="autorenew", url_path="rotate")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A form that asks how long the old key stays good; then the new key, once."""
        credential = self._editable(request, object_id)
        form = RotationForm(request.POST or None, initial={"name": new_name(credential)})
        if request.method == "POST" and form.is_valid():
            overlap, name = timedelta(hours=form.cleaned_data["hours"]), form.cleaned_data["name"]
            actor = actor_of(request.user, request)
            try:
                second, key = services.rotate_credential(credential, overlap=overlap, name=name, actor=actor)
            except ValidationError as error:
                complain(form, error)
            else:
                credential.refresh_from_db()
                return shown_once(request, second, key, until=credential.expires_at)
        return theme.shown(request, "admin/tools/rotate.html", "Rotate a key", form=form, row=credential)

    @theme.action(description="Local evaluation", icon="deployed_code", url_path="local")
    def local_evaluation(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """On to what SDKs can decide by themselves in the key's environment."""
        credential = self.get_object(request, object_id)
        if credential is None:
            raise Http404("key not found")
        return HttpResponseRedirect(f"{reverse('admin:local_evaluation')}?environment={credential.environment_id}")

    def _editable(self, request: HttpRequest, object_id: str) -> Credential:
        credential: Any = self.get_object(request, object_id)
        if credential is None:
            raise Http404("key not found")
        if not self.has_change_permission(request, credential):
            raise PermissionDenied
        return credential  # type: ignore[no-any-return]


@admin.register(ApiToken)
class ApiTokenAdmin(IssuedOnce, KeyColumns, RoleFields, theme.ModelAdmin):
    """One's own tokens for the management API. Superusers see everybody's, to revoke them."""

    list_display = ["name", "user", "begins_with", "state", "expires", "created_at"]
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


def new_name(credential: Credential) -> str:
    """What a second key is called. Signing keys are found by their names, so that theirs must be another."""
    return f"{credential.name}-2"[-128:] if credential.kind == Kind.SIGNING else credential.name


def complain(form: forms.Form, error: ValidationError) -> None:
    """What a service refused, beside the fields that it speaks of."""
    for name, complaints in getattr(error, "error_dict", {None: error}).items():
        form.add_error(name if name in form.fields else None, complaints)


def kind_badge(credential: Credential) -> SafeString:
    """What a key is for, in one word."""
    return theme.badge(credential.kind, KINDS.get(Kind(credential.kind), ""))


def key_state(key: Credential | ApiToken) -> SafeString:
    """Whether a key still opens anything."""
    if not key.is_active:
        return theme.badge("revoked", "danger")
    if key.expires_at and key.expires_at <= timezone.now():
        return theme.badge("expired", "warning")
    return theme.badge("active", "success")


def when_used(credential: Credential) -> str:
    """When a key was last used, to the minute: it is noted no more often than that."""
    return theme.moment(credential.last_used_at)[:16] if credential.last_used_at else "never"


def when_expiring(key: Credential | ApiToken) -> SafeString | str:
    """When a key ends; told apart where that is soon."""
    if key.expires_at is None:
        return "never"
    is_soon = key.is_active and timezone.now() < key.expires_at < timezone.now() + SOON
    text = theme.moment(key.expires_at)[:16]
    return theme.badge(text, "warning") if is_soon else text
