"""The admin's frame: its navigation, its files, and the people who log in to it."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from audits import theme
from audits.models import Change, Decision
from experiments.models import Event, Experiment, Exposure, Layer
from features.models import Feature, Identity, Segment, Usage
from tenants.models import ApiToken, Credential, Environment, Membership, Organisation, Project

SECTIONS: dict[str, list[tuple[type[Any], str]]] = {
    "Flags": [(Feature, "toggle_on"), (Segment, "group_work")],
    "Experiments": [(Experiment, "science"), (Layer, "layers")],
    "Observed": [(Identity, "badge"), (Usage, "bar_chart"), (Exposure, "visibility"), (Event, "bolt")],
    "Audit": [(Decision, "fact_check"), (Change, "history")],
    "Tenants": [
        (Organisation, "domain"),
        (Project, "folder"),
        (Environment, "lan"),
        (Credential, "key"),
        (Membership, "group"),
        (ApiToken, "token"),
    ],
    "People": [(User, "person"), (Group, "groups")],
}
FOLDED = {"Observed", "Tenants", "People"}
"""Sections that are open only while somebody is in one of them: they are needed less often."""

TOOLS: dict[str, list[tuple[str, str, str]]] = {
    "Flags": [("playground", "Playground", "play_circle"), ("promotion", "Compare & promote", "compare_arrows")],
}
"""Pages of no model, by the name of their address; for whoever sees anything else of their section."""

admin.site.unregister([User, Group])


class SuperuserOnly:
    """Accounts belong to the installation, not to a tenant."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)


@admin.register(User)
class UserAdmin(SuperuserOnly, DjangoUserAdmin, theme.ModelAdmin):  # type: ignore[misc, type-arg]
    """People. They are made inactive, never deleted, because the log goes on naming them."""

    form = theme.UserChangeForm
    add_form = theme.UserCreationForm
    change_password_form = theme.AdminPasswordChangeForm
    list_filter = ["is_staff", "is_superuser", "is_active"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Group)
class GroupAdmin(SuperuserOnly, DjangoGroupAdmin, theme.ModelAdmin):
    """Django's groups; what they permit concerns other apps than ours, which go by roles."""


def icon(request: HttpRequest) -> str:
    return static("switchyard/icon.svg")


def stylesheet(request: HttpRequest) -> str:
    return static("switchyard/admin.css")


def script(request: HttpRequest) -> str:
    return static("switchyard/admin.js")


def colors(request: HttpRequest) -> dict[str, Any]:
    """None: our stylesheet has them, where Unfold would write a <style> that the Content-Security-Policy forbids."""
    return {}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: what this person may see."""
    home = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
    sections = [
        {"title": title, "separator": True, "collapsible": title in FOLDED, "items": _items(title, request)}
        for title in SECTIONS
    ]
    return [{"items": [home]}, *(section for section in sections if section["items"])]


def _items(section: str, request: HttpRequest) -> list[dict[str, Any]]:
    lists = [
        {"title": str(model._meta.verbose_name_plural).capitalize(), "icon": icon, "link": _list_of(model)}
        for model, icon in SECTIONS[section]
        if admin.site.get_model_admin(model).has_view_permission(request)
    ]
    tools = [
        {"title": title, "icon": icon, "link": reverse(f"admin:{name}")} for name, title, icon in TOOLS.get(section, ())
    ]
    return [*lists, *tools] if lists else []


def _list_of(model: type[Any]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
