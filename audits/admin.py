"""The log in the admin: read, never touched."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from audits import theme
from audits.models import Change, Decision
from audits.services import broken_link, fingerprint
from decisions.engine.public_ids import EXPERIMENT, FEATURE, VARIANT, optional_id
from decisions.engine.types import Fault, Reason

_REASONS: dict[str, str] = {Reason.ASSIGNED: "success", Reason.ON: "success", Reason.OFF: "", Reason.ROLLOUT: "info"}


def places(request: HttpRequest) -> dict[int, str]:
    """The names of the environments that a person may see; `settings.AUDIT_PLACES` knows them. Asked once a request."""
    if not hasattr(request, "places"):
        request.places = import_string(settings.AUDIT_PLACES)(request.user)  # type: ignore[attr-defined]
    named: dict[int, str] = request.places  # type: ignore[attr-defined]
    return named


class PlaceFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "environment", "environment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[int, str]]:
        return list(places(request).items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value() or ""
        if not value:
            return queryset
        chosen = int(value) if value.isascii() and value.isdigit() else None
        return queryset.filter(environment_id=chosen) if chosen in places(request) else queryset.none()


class ReasonFilter(theme.DropdownFilter):  # type: ignore[misc]
    title, parameter_name = "reason", "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word.value, word.value.replace("_", " ")) for word in (*Reason, *Fault)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(reason=self.value()) if self.value() else queryset


class ProtocolFilter(theme.TextFilter):  # type: ignore[misc]
    title, parameter_name = "protocol", "protocol"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(protocol=self.value()) if self.value() else queryset


class LogAdmin(theme.ReadOnly, theme.ModelAdmin):
    """Newest first, a page at a time, without ever counting the rows."""

    paginator = theme.InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ["-id"]
    sortable_by = ()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active)  # whose rows are shown is the queryset's business

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.visible_to(request.user)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist: Any = super().get_changelist_instance(request)
        for row in changelist.result_list:
            row.place = places(request).get(row.environment_id, "")
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row: Any = super().get_object(request, object_id, from_field)
        if row:
            row.place = places(request).get(row.environment_id, "")
        return row

    @theme.display(description="When")
    def when(self, row: Any) -> str:
        return theme.moment(getattr(row, "decided_at", None) or row.created_at)

    @theme.display(description="Environment")
    def place(self, row: Any) -> str:
        return str(row.place) or "–"


@admin.register(Decision)
class DecisionAdmin(LogAdmin):
    """What was decided. A search asks for exactly one user or request, because those have indexes."""

    list_display = ["when", "user_id", "feature_key", "served", "reason_badge", "experiment_name", "place", "protocol"]
    list_filter = [PlaceFilter, ReasonFilter, ProtocolFilter, ("decided_at", theme.RangeDateTimeFilter)]
    search_fields = ["user_id", "request_id"]
    search_help_text = "The whole user id or request id."
    fieldsets = [
        (None, {"fields": ["public_id", "when", "place", ("user_id", "request_id")]}),
        ("Decision", {"fields": [("feature", "served"), ("experiment", "variant"), "reason_badge", "payload_json"]}),
        ("Made by", {"fields": [("protocol", "revision")]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        """By environment, which the indexes of this large table begin with."""
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(environment_id__in=list(places(request)))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        here = queryset.filter(environment_id__in=list(places(request)))
        return here.filter(Q(user_id=term) | Q(request_id=term)), False

    @theme.display(description="Id")
    def public_id(self, decision: Decision) -> str:
        return decision.public_id

    @theme.display(description="Feature")
    def feature(self, decision: Decision) -> str:
        return f"{decision.feature_name} ({optional_id(FEATURE, decision.feature_number)}, {decision.feature_key})"

    @theme.display(description="Experiment")
    def experiment(self, decision: Decision) -> str:
        number = optional_id(EXPERIMENT, decision.experiment_number)
        return f"{decision.experiment_name} ({number})" if number else "–"

    @theme.display(description="Variant")
    def variant(self, decision: Decision) -> str:
        return optional_id(VARIANT, decision.variant_number) or "–"

    @theme.display(description="Served")
    def served(self, decision: Decision) -> SafeString:
        return theme.badge(decision.variant_key, "" if decision.is_control else "info")

    @theme.display(description="Reason")
    def reason_badge(self, decision: Decision) -> SafeString:
        return theme.badge(decision.reason.replace("_", " "), _REASONS.get(decision.reason, "warning"))

    @theme.display(description="Payload")
    def payload_json(self, decision: Decision) -> SafeString:
        return theme.as_json(decision.payload)


@admin.register(Change)
class ChangeAdmin(LogAdmin):
    """Who changed what."""

    list_display = ["when", "actor_name", "action_badge", "object_name", "place", "number"]
    list_filter = [PlaceFilter, ("created_at", theme.RangeDateTimeFilter)]
    search_fields = ["actor_name", "action", "object_name"]
    actions = ["verify"]
    fieldsets = [
        (None, {"fields": [("when", "number"), ("actor_name", "actor"), ("action_badge", "request_id")]}),
        ("What", {"fields": [("object_name", "object_type"), "place", "changed"]}),
        ("Chain", {"fields": ["link", "hash", "previous_hash"]}),
    ]

    @theme.display(description="Action")
    def action_badge(self, change: Change) -> SafeString:
        return theme.badge(change.action.replace(".", " "), _kind(change.action))

    @theme.display(description="Before and after")
    def changed(self, change: Change) -> SafeString:
        return theme.difference(change.before, change.after)

    @theme.display(description="This link")
    def link(self, change: Change) -> SafeString:
        return theme.badge("holds", "success") if is_linked(change) else theme.badge("broken", "danger")

    @theme.action(description="Verify the whole chain of these projects", permissions=["view"])
    def verify(self, request: HttpRequest, queryset: Any) -> None:
        for project_id in sorted(set(queryset.order_by().values_list("project_id", flat=True))):
            broken = broken_link(project_id)
            if broken:
                text = f"Project {project_id}: change {broken.number} does not follow from the one before it."
                self.message_user(request, text, messages.ERROR)
            else:
                self.message_user(request, f"Project {project_id}: every change follows from the one before it.")


def is_linked(change: Change) -> bool:
    """Whether a change is as it was written, after the change that it names."""
    before = Change.objects.in_project(change.project_id).filter(number=change.number - 1).first()
    return change.hash == fingerprint(change) and change.previous_hash == (before.hash if before else "")


def _kind(action: str) -> str:
    verb = action.rpartition(".")[2]
    return {"created": "success", "issued": "success", "removed": "danger", "updated": "info"}.get(verb, "warning")
